"""Turns the failures of a model or its server into run errors that say what to do next."""

import ssl
import sys
from collections.abc import Sequence
from itertools import takewhile
from typing import Any

from pydantic_ai.exceptions import (
    AgentRunError,
    ContentFilterError,
    FallbackExceptionGroup,
    ModelAPIError,
    ModelConnectionError,
    ModelHTTPError,
    ModelTimeoutError,
    OutputTokenLimitExceeded,
    UnexpectedModelBehavior,
    UsageLimitExceeded,
)
from pydantic_ai.messages import ModelMessagesTypeAdapter, ModelResponse, TextPart, ThinkingPart

from cfo_kernel import errors
from cfo_kernel.agent.failure_causes import Cause, cause_of
from cfo_kernel.agent.models import OpenedModel
from cfo_kernel.agent.server_messages import server_message

_MOST_CAUSES = 20


class UnreadableAnswer(ModelAPIError):
    """The server's answer has a form that cannot be read. Repeating the request would not help."""


def answer_broke_off(error: ModelAPIError) -> bool:
    """Whether an answer began but did not finish, in which case repeating the request may help.

    HTTP errors and refused connections do not count, because the client has already retried them where that can help.
    Nor does a server that was silent for the whole time limit, because the user would have to wait that long again.
    """
    if isinstance(error, ModelConnectionError):
        return error.phase not in ("pool", "connect") and not isinstance(error, ModelTimeoutError)
    # The server could not read its own model's output, which differs each time.
    if error.provider_error_code == "tool_use_failed":
        return True
    # pydantic-ai raises the base class itself if a stream ends early or contains an event that cannot be decoded.
    return type(error) is ModelAPIError and not _is_not_a_completion(error.__cause__)


def request_not_started(error: ModelAPIError | FallbackExceptionGroup) -> bool:
    """Whether no model started on the request, because it was refused or reached no server."""
    if isinstance(error, FallbackExceptionGroup):
        return all(isinstance(e, ModelAPIError) and request_not_started(e) for e in error.exceptions)
    if isinstance(error, ModelConnectionError):
        return error.phase in ("pool", "connect")
    return isinstance(error, ModelHTTPError) and not error.in_stream


def server_failed(error: Exception) -> bool:
    """Whether a model's server failed, so that another server may succeed.

    A refused request does not count, because only the user can resolve it.
    """
    if isinstance(error, ModelHTTPError):
        return error.status_code in (408, 429) or error.status_code >= 500
    return isinstance(error, ModelAPIError)


def as_run_error(
    error: AgentRunError | FallbackExceptionGroup, opened: OpenedModel, answers: Sequence[ModelResponse]
) -> errors.RunError:
    """The run error for an error from pydantic-ai. `answers` are the answers that the run's models gave before it.

    If both models failed, the advice is about the first.
    """
    names = opened.names
    if isinstance(error, FallbackExceptionGroup):
        first: BaseException = error.exceptions[0]
        # _PrimaryModel replaces some errors. The original says more about what to do.
        first = first.__cause__ if isinstance(first.__cause__, ModelAPIError) else first
        run_error = _model_error(first, names[0], "CFO_MODEL", opened.secrets, answers)
        run_error.message = f"{run_error.message} CFO_FALLBACK_MODEL did not answer either."
        return run_error
    if isinstance(error, UsageLimitExceeded):
        return _limit_error(error)
    setting, name = "CFO_MODEL", names[0]
    if isinstance(error, ModelAPIError) and len(names) > 1 and error.model_name == names[1].partition(":")[2]:
        setting, name = "CFO_FALLBACK_MODEL", names[1]
    return _model_error(error, name, setting, opened.secrets, answers)


def _limit_error(error: UsageLimitExceeded) -> errors.RunError:
    # The error has no code. Its message names the limit that was reached.
    if "tool_calls_limit" in str(error):
        message = "The model made more tool calls than a run allows (CFO_TOOL_CALL_LIMIT). Ask a narrower question."
        return errors.ToolCallLimitReached(message)
    if "tokens_limit" in str(error):
        message = "The model used more tokens than a run allows (CFO_TOKEN_LIMIT). Ask a narrower question, or start a "
        return errors.TokenLimitReached(f"{message}new thread.")
    message = "The model took more steps than a run allows (CFO_REQUEST_LIMIT). Ask a narrower question."
    return errors.RequestLimitReached(message)


def _model_error(
    error: BaseException, name: str, setting: str, secrets: Sequence[str], answers: Sequence[ModelResponse]
) -> errors.RunError:
    match error:
        case ModelTimeoutError():
            message = "The model's server was silent for longer than CFO_MODEL_TIMEOUT. Try again, or raise the limit."
            return errors.ModelUnavailable(message)
        case ModelAPIError() if isinstance(error, ModelHTTPError) or error.body or _is_no_completion(error):
            return _server_error(error, name, setting, secrets)
        case ModelAPIError() if _is_unreadable(error):
            message = (
                "The answer from the model's server could not be read as a chat completion. Check CFO_BASE_URL and the "
                "version of the server, then try again."
            )
            return errors.ModelUnavailable(message)
        case ModelAPIError():
            return errors.ModelUnavailable(_connection_problem(error))
        case ContentFilterError():
            return _refusal(error, setting, secrets)
        case UnexpectedModelBehavior():
            return errors.ModelMisbehaved(_misbehavior(error, answers))
        case _:
            return errors.ModelMisbehaved("The model stopped without a reply. Send the message again.")


def _connection_problem(error: BaseException) -> str:
    """A message about a failed connection: the problem, as far as the underlying errors show it, and what to do."""
    below: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and len(below) < _MOST_CAUSES:
        below.append(cause)
        cause = cause.__cause__ or cause.__context__
    said = " ".join(map(str, below))
    if any(isinstance(each, ssl.SSLCertVerificationError) for each in below) or "CERTIFICATE_VERIFY_FAILED" in said:
        what = "The certificate of the model's server is not trusted on this machine"
        return f"{what}. Set SSL_CERT_FILE to a file with its issuer's certificate, or check CFO_BASE_URL."
    if any(isinstance(each, ssl.SSLError) for each in below) or "[SSL" in said:
        what = "No secure connection to the model's server is possible"
        return f"{what}. Check CFO_BASE_URL: https:// is for servers with a certificate, http:// for those without."
    if any(type(each).__name__ == "ProxyError" for each in below):
        return f"The proxy did not connect to the model's server. {Cause.PROXY.advice}"
    return (
        "The model's server could not be reached, or the connection broke. Check CFO_BASE_URL and the network, then "
        "send the message again."
    )


def _is_unreadable(error: ModelAPIError) -> bool:
    """Whether the answer arrived but is not valid. An error without a cause means that it ended early."""
    return not isinstance(error, ModelConnectionError) and error.__cause__ is not None


def _is_no_completion(error: ModelAPIError) -> bool:
    return _is_not_a_completion(error.__cause__)


def _server_error(error: ModelAPIError, name: str, setting: str, secrets: Sequence[str]) -> errors.RunError:
    """The error with the server's own message, and with advice for its likely cause."""
    status = error.status_code if isinstance(error, ModelHTTPError) else 200 if _is_no_completion(error) else None
    message = server_message(error.body, secrets)
    cause = cause_of(status, message, name.partition(":")[2])
    shown = "" if status in (None, 200) else f" ({status})"
    key = "ANTHROPIC_API_KEY" if name.startswith("anthropic") else "OPENAI_API_KEY"
    said = message.text or message.code
    what, advice = (
        text.format(status=shown, name=name, setting=setting, key=key, said=said) for text in (cause.what, cause.advice)
    )
    said = "" if "{said}" in cause.what else said
    kind = _KINDS.get(cause, errors.ModelUnavailable)
    return kind(f"{what} {_quoted(said)}{advice}", model_server=_details(status, message.code, message.text))


_KINDS: dict[Cause, type[errors.RunError]] = {Cause.KEY: errors.ModelKeyRejected, Cause.FILTER: errors.ModelRefused}


def _quoted(said: str) -> str:
    return f"It says: “{said}”{'' if said.endswith(('.', '!', '?', '…')) else '.'} " if said else ""


def _details(status: int | None, code: str, message: str) -> dict[str, Any]:
    return {"status": status, "code": code or None, "message": message or None}


def _refusal(error: ContentFilterError, setting: str, secrets: Sequence[str]) -> errors.RunError:
    """The error for a model that declined, with the model's own words, or for an answer that a filter blocked."""
    [answer] = ModelMessagesTypeAdapter.validate_json(error.body or "[]") or [ModelResponse(parts=[])]
    details = answer.provider_details if isinstance(answer, ModelResponse) else None
    reason = server_message((details or {}).get("refusal"), secrets).text
    code = server_message((details or {}).get("finish_reason"), secrets).text
    if reason:
        message = (
            f"The model declined to answer. {_quoted(reason)}Reword the message, or set {setting} to another model."
        )
    else:
        message = f"{Cause.FILTER.what} {Cause.FILTER.advice}".format(status="", setting=setting)
    return errors.ModelRefused(message, model_server=_details(None, code, reason))


def _misbehavior(error: UnexpectedModelBehavior, answers: Sequence[ModelResponse]) -> str:
    if isinstance(error, OutputTokenLimitExceeded):
        return (
            "The model's answer was cut off at the maximum length that its server allows. Ask a narrower question, or "
            "raise the limit at the server."
        )
    if not answers:
        return "The answer from the model's server does not come from a chat model. Check CFO_BASE_URL, then try again."
    empty = len(list(takewhile(_is_empty, reversed(answers))))
    if empty:
        what = f"last {empty} answers were" if empty > 1 else "answer was"
        return f"The model's {what} empty. Send the message again, reword it, or use another model."
    return (
        "The model gave no usable reply, even after its mistakes were explained to it. Send the message again, "
        "or reword it."
    )


def _is_empty(answer: ModelResponse) -> bool:
    """Whether the answer contains nothing but thoughts."""
    return all(
        isinstance(part, ThinkingPart) or (isinstance(part, TextPart) and not part.content.strip())
        for part in answer.parts
    )


def _is_not_a_completion(cause: object) -> bool:
    # Not imported, because it would load OpenAI's client, which takes seconds. If it is not loaded, it raised nothing.
    module = sys.modules.get("cfo_kernel.agent.unstreamed_answers")
    return module is not None and isinstance(cause, module.NotACompletion)
