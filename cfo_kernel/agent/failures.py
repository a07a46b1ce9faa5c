"""What can go wrong between the agent and its model, as errors of ours that say what to do next."""

from pydantic_ai.exceptions import (
    AgentRunError,
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


def translated(error: AgentRunError, name: str) -> errors.RunError:
    """The error of ours for one of pydantic-ai's; `name` is the model as `CFO_MODEL` has it."""
    match error:
        case UsageLimitExceeded():
            message = "The model asked for more steps than a run may take (CFO_REQUEST_LIMIT). Ask a narrower question."
            return errors.RequestLimitReached(message)
        case ModelHTTPError(status_code=401 | 403):
            key = "ANTHROPIC_API_KEY" if name.startswith("anthropic") else "OPENAI_API_KEY"
            return errors.ModelKeyRejected(f"The model's server refused the key. Set {key} to a valid key.")
        case ModelHTTPError(status_code=404):
            return errors.ModelUnavailable(f"The server knows no model {name}. Set CFO_MODEL to one that it has.")
        case ModelHTTPError(status_code=429):
            return errors.ModelUnavailable("The model's server is at its limit (429). Wait a little and send again.")
        case ModelHTTPError(status_code=400 | 413 | 422 as status):
            message = (
                f"The model's server refused the request ({status}). Start a new thread, or set a lower "
                "CFO_HISTORY_TURNS, if the thread is long; else set CFO_MODEL to a model that can call tools."
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
