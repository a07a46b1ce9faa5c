"""What can go wrong between the agent and its model, as errors of ours that say what to do next."""

from collections.abc import Sequence

from pydantic_ai.exceptions import (
    AgentRunError,
    FallbackExceptionGroup,
    ModelAPIError,
    ModelConnectionError,
    ModelHTTPError,
    ModelTimeoutError,
    UnexpectedModelBehavior,
    UsageLimitExceeded,
)

from cfo_kernel import errors


def broke_off(error: ModelAPIError) -> bool:
    """Whether an answer did not come to its end, so that asking again may help.

    An HTTP status or a refused connection is not one of these: the client has already retried those worth it. Nor is a
    server that was silent for the whole time limit: a person would wait as long again. A plain `ModelAPIError` is a
    stream without its end, or with an event that cannot be read.
    """
    if isinstance(error, ModelConnectionError):
        return error.phase not in ("pool", "connect") and not isinstance(error, ModelTimeoutError)
    return type(error) is ModelAPIError


def nothing_came(error: ModelAPIError | FallbackExceptionGroup) -> bool:
    """Whether no model began to work on the request: it was refused, or reached no server."""
    if isinstance(error, FallbackExceptionGroup):
        return all(isinstance(e, ModelAPIError) and nothing_came(e) for e in error.exceptions)
    if isinstance(error, ModelConnectionError):
        return error.phase in ("pool", "connect")
    return isinstance(error, ModelHTTPError) and not error.in_stream


def server_failed(error: Exception) -> bool:
    """Whether a model's server failed, so that another may do better; what it refused is for a person to mend."""
    if isinstance(error, ModelHTTPError):
        return error.status_code in (408, 429) or error.status_code >= 500
    return isinstance(error, ModelAPIError)


def translated(error: AgentRunError | FallbackExceptionGroup, names: Sequence[str]) -> errors.RunError:
    """The error of ours for one of pydantic-ai's; `names` are the run's models: the first, and what stands in for it.

    Where both failed, the first says what to mend.
    """
    if isinstance(error, FallbackExceptionGroup):
        first: BaseException = error.exceptions[0]
        first = first.__cause__ if isinstance(first.__cause__, ModelAPIError) else first
        told = _of_the_model(first, names[0], "CFO_MODEL")
        told.message = f"{told.message} CFO_FALLBACK_MODEL did not answer either."
        return told
    if isinstance(error, UsageLimitExceeded):
        return _limit(error)
    setting, name = "CFO_MODEL", names[0]
    if isinstance(error, ModelAPIError) and len(names) > 1 and error.model_name == names[1].partition(":")[2]:
        setting, name = "CFO_FALLBACK_MODEL", names[1]
    return _of_the_model(error, name, setting)


def _limit(error: UsageLimitExceeded) -> errors.RunError:
    """The message is all that tells the limits apart; it has the name of the one that was reached."""
    if "tool_calls_limit" in str(error):
        message = "The model called tools more often than a run may (CFO_TOOL_CALL_LIMIT). Ask a narrower question."
        return errors.ToolCallLimitReached(message)
    if "tokens_limit" in str(error):
        message = "The model used more tokens than a run may take (CFO_TOKEN_LIMIT). Ask a narrower question, or start "
        return errors.TokenLimitReached(f"{message}a new thread.")
    message = "The model asked for more steps than a run may take (CFO_REQUEST_LIMIT). Ask a narrower question."
    return errors.RequestLimitReached(message)


def _of_the_model(error: BaseException, name: str, setting: str) -> errors.RunError:
    match error:
        case ModelHTTPError(status_code=401 | 403):
            key = "ANTHROPIC_API_KEY" if name.startswith("anthropic") else "OPENAI_API_KEY"
            return errors.ModelKeyRejected(f"The model's server refused the key. Set {key} to a valid key.")
        case ModelHTTPError(status_code=404):
            return errors.ModelUnavailable(f"The server knows no model {name}. Set {setting} to one that it has.")
        case ModelHTTPError(status_code=429):
            return errors.ModelUnavailable("The model's server is at its limit (429). Wait a little and send again.")
        case ModelHTTPError(status_code=400 | 413 | 422 as status):
            message = (
                f"The model's server refused the request ({status}). Start a new thread, or set a lower "
                f"CFO_HISTORY_TURNS, if the thread is long; else set {setting} to a model that can call tools."
            )
            return errors.ModelUnavailable(message)
        case ModelHTTPError(status_code=status):
            message = f"The model's server answered {status}. Send the message again; if it stays, check CFO_BASE_URL."
            return errors.ModelUnavailable(message)
        case ModelTimeoutError():
            message = "The model's server was silent for longer than CFO_MODEL_TIMEOUT. Set it higher, or send again."
            return errors.ModelUnavailable(message)
        case ModelAPIError():
            message = (
                "The model's server cannot be reached or broke off. Check CFO_BASE_URL and the network, send again."
            )
            return errors.ModelUnavailable(message)
        case UnexpectedModelBehavior():
            message = (
                "The model did not come to a usable reply, also after being told why. Send it again, or reword it."
            )
            return errors.ModelMisbehaved(message)
        case _:
            return errors.ModelMisbehaved("The model's run ended without a reply. Send the message again.")
