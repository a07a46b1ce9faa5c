"""What can go wrong between the agent and its model, as run errors that say what to do next."""

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


def answer_broke_off(error: ModelAPIError) -> bool:
    """Whether an answer began and did not reach its end, so that repeating the request may help.

    HTTP errors and refused connections do not count: the client has already retried those worth retrying. Nor does a
    server that was silent for the whole time limit, because a person would wait as long again.
    """
    if isinstance(error, ModelConnectionError):
        return error.phase not in ("pool", "connect") and not isinstance(error, ModelTimeoutError)
    # pydantic-ai raises the base class itself for a stream without an end, or with an event that cannot be decoded.
    return type(error) is ModelAPIError


def request_not_started(error: ModelAPIError | FallbackExceptionGroup) -> bool:
    """Whether no model began to work on the request: it was refused, or it reached no server."""
    if isinstance(error, FallbackExceptionGroup):
        return all(isinstance(e, ModelAPIError) and request_not_started(e) for e in error.exceptions)
    if isinstance(error, ModelConnectionError):
        return error.phase in ("pool", "connect")
    return isinstance(error, ModelHTTPError) and not error.in_stream


def server_failed(error: Exception) -> bool:
    """Whether a model's server failed, so that another server may succeed. A refusal is for a person to fix."""
    if isinstance(error, ModelHTTPError):
        return error.status_code in (408, 429) or error.status_code >= 500
    return isinstance(error, ModelAPIError)


def as_run_error(error: AgentRunError | FallbackExceptionGroup, names: Sequence[str]) -> errors.RunError:
    """The run error for an error of pydantic-ai. `names` are the run's models: the first, then its fallback.

    If both failed, the advice is about the first.
    """
    if isinstance(error, FallbackExceptionGroup):
        first: BaseException = error.exceptions[0]
        # _PrimaryModel replaces some errors. The original says more about what to do.
        first = first.__cause__ if isinstance(first.__cause__, ModelAPIError) else first
        run_error = _model_error(first, names[0], "CFO_MODEL")
        run_error.message = f"{run_error.message} CFO_FALLBACK_MODEL did not answer either."
        return run_error
    if isinstance(error, UsageLimitExceeded):
        return _limit_error(error)
    setting, name = "CFO_MODEL", names[0]
    if isinstance(error, ModelAPIError) and len(names) > 1 and error.model_name == names[1].partition(":")[2]:
        setting, name = "CFO_FALLBACK_MODEL", names[1]
    return _model_error(error, name, setting)


def _limit_error(error: UsageLimitExceeded) -> errors.RunError:
    # The error has no code. Its message names the limit that was reached.
    if "tool_calls_limit" in str(error):
        message = "The model made more tool calls than a run may (CFO_TOOL_CALL_LIMIT). Ask a narrower question."
        return errors.ToolCallLimitReached(message)
    if "tokens_limit" in str(error):
        message = "The model used more tokens than a run may (CFO_TOKEN_LIMIT). Ask a narrower question, or start a "
        return errors.TokenLimitReached(f"{message}new thread.")
    message = "The model took more steps than a run may (CFO_REQUEST_LIMIT). Ask a narrower question."
    return errors.RequestLimitReached(message)


def _model_error(error: BaseException, name: str, setting: str) -> errors.RunError:
    match error:
        case ModelHTTPError(status_code=401 | 403):
            key = "ANTHROPIC_API_KEY" if name.startswith("anthropic") else "OPENAI_API_KEY"
            return errors.ModelKeyRejected(f"The model's server rejected the key. Set {key} to a valid key.")
        case ModelHTTPError(status_code=404):
            return errors.ModelUnavailable(f"The server does not have the model {name}. Set {setting} to one it has.")
        case ModelHTTPError(status_code=429):
            return errors.ModelUnavailable("The model's server is at its limit (429). Wait a little, then send again.")
        case ModelHTTPError(status_code=400 | 413 | 422 as status):
            message = (
                f"The model's server refused the request ({status}). If the thread is long, start a new one or lower "
                f"CFO_HISTORY_TURNS. Otherwise set {setting} to a model that can call tools."
            )
            return errors.ModelUnavailable(message)
        case ModelHTTPError(status_code=status):
            message = f"The model's server returned status {status}. Send again; if it recurs, check CFO_BASE_URL."
            return errors.ModelUnavailable(message)
        case ModelTimeoutError():
            message = "The model's server was silent for longer than CFO_MODEL_TIMEOUT. Send again, or raise the limit."
            return errors.ModelUnavailable(message)
        case ModelAPIError():
            message = (
                "The model's server could not be reached, or the connection broke. Check CFO_BASE_URL and the network, "
                "then send again."
            )
            return errors.ModelUnavailable(message)
        case UnexpectedModelBehavior():
            message = (
                "The model gave no usable reply, even after its mistakes were explained to it. Send the message again, "
                "or reword it."
            )
            return errors.ModelMisbehaved(message)
        case _:
            return errors.ModelMisbehaved("The model stopped without a reply. Send the message again.")
