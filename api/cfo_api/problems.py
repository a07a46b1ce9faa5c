"""Returns errors as RFC 9457 problem+json responses. Only this module maps errors to HTTP statuses.

An unexpected exception is logged and reported to the client as `internal_error`, without details.
"""

import json
import logging
from http import HTTPStatus
from typing import Any, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from cfo_kernel import errors, validation_errors
from cfo_kernel.errors import CfoError

_log = logging.getLogger(__name__)

STATUS: dict[type[CfoError], int] = {
    errors.InputError: 422,
    errors.InvalidSettings: 500,
    errors.NothingToContinue: 409,
    errors.MessageTooLong: 413,
    errors.NotFound: 404,
    errors.EventsPruned: 410,
    errors.Conflict: 409,
    errors.MeaningChanged: 412,
    errors.MeaningVersionMissing: 428,
    errors.OtherRoot: 503,
    errors.OtherLoop: 503,
    errors.StorageFailed: 503,
    errors.WorkbenchClosed: 503,
    errors.FileProblem: 422,
    errors.FileTooLarge: 413,
    errors.QueryError: 422,
    errors.UnknownTable: 404,
    errors.PythonDisabled: 409,
    errors.PythonUnavailable: 409,
    errors.WorkerLost: 503,
    errors.ServerError: 503,
    errors.TooManyStreams: 429,
    errors.TokenRejected: 401,
    errors.RunError: 409,
    errors.InternalError: 500,
}
"""Statuses by error class. An error has the status of its nearest base class in this table."""

RETRY_AFTER = 2
"""The number of seconds after which a client may retry if there were too many requests."""
_CODES = {
    401: "token_rejected",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "body_timeout",
    413: "body_too_large",
}
_RENAMED = {413: "Content Too Large", 422: "Unprocessable Content"}
"""Phrases from RFC 9110 that Python's `http` uses only from version 3.13 on."""
_DETAILS = {
    404: "This address does not exist. /openapi.json lists all addresses.",
    405: "This address does not support this method. /openapi.json lists its methods.",
}


def may(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Returns the documentation of the problems that a route may return. `openapi` adds examples."""
    return {status: {"description": phrase(status)} for status in statuses}


def phrase(status: int) -> str:
    """Returns the status's reason phrase, as defined in RFC 9110."""
    return _RENAMED.get(status) or HTTPStatus(status).phrase


def status_of(kind: type[CfoError]) -> int:
    """Returns the HTTP status for a class of errors."""
    return next((STATUS[base] for base in kind.__mro__ if base in STATUS), 500)


def problem(status: int, code: str, detail: str, headers: dict[str, str] | None = None) -> Response:
    """Returns a problem+json response. It is plain ASCII, since a message may quote text that UTF-8 cannot encode."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": phrase(status),
        "status": status,
        "detail": detail,
        "code": code,
    }
    content = json.dumps(body).encode()
    return Response(content, status, headers=headers, media_type="application/problem+json")


def of_error(error: CfoError) -> Response:
    """Returns the response for an error from the engine."""
    status = status_of(type(error))
    if status == 500:  # meant for the operator of the server, not for the client
        _log.error("%s: %s", error.code, error.message)
        return _internal()
    # Server errors may contain paths on its machine. Paths in other messages come from the client.
    detail = errors.without_paths(error.message) if status == 503 else error.message
    return problem(status, error.code, detail, {"Retry-After": str(RETRY_AFTER)} if status == 429 else None)


def install(app: FastAPI) -> None:
    """Makes the app return every error as a problem."""
    app.add_exception_handler(CfoError, _on_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(Exception, _on_unexpected)


async def _on_error(_: Request, error: Exception) -> Response:
    return of_error(cast(CfoError, error))


async def _on_invalid(request: Request, error: Exception) -> Response:
    """Reports the first invalid field, but never its value, which may be secret."""
    first = validation_errors.faults(cast(RequestValidationError, error).errors())[0]
    where = first.loc[:2]
    if where == ("body", "files"):
        message = (
            "An upload must be multipart/form-data, with named files in the field `files`. Send it in this format."
        )
        return problem(422, errors.InvalidInput.code, message)
    if where == ("body",) and not _is_json(request):
        message = "The body must be JSON. Send it with the header Content-Type: application/json."
        return problem(422, errors.InvalidInput.code, message)
    message = f"{first.describe(first.path)}. Correct it and send the request again."
    return problem(422, errors.InvalidInput.code, message)


def _is_json(request: Request) -> bool:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind.startswith("application/") and kind.endswith(("/json", "+json"))


async def _on_http(request: Request, error: Exception) -> Response:
    """Handles requests that the framework rejects: an unknown address or method, or a malformed body."""
    found = cast(HTTPException, error)
    if found.status_code == 400:
        return _unreadable_body(found)
    headers = dict(found.headers or {})
    if found.status_code == 405:  # the exception names only the methods of one route
        headers["Allow"] = ", ".join(_methods(request))
    code = _CODES.get(found.status_code, "error")
    detail = _DETAILS.get(found.status_code, found.detail)
    return problem(found.status_code, code, detail, headers)


def _unreadable_body(error: HTTPException) -> Response:
    """Returns the response for a body that cannot be read. The framework raises the same error if the disk is full."""
    if isinstance(error.__cause__, OSError):
        reason = error.__cause__.strerror or "it failed"
        message = f"The upload cannot be stored ({reason}). Free some space for temporary files, then upload it again."
        return of_error(errors.StorageFailed(message))
    message = "The body cannot be read. Send a body that matches its Content-Type, with at most 1000 files."
    return problem(422, errors.InvalidInput.code, message)


def _methods(request: Request) -> list[str]:
    """Returns the methods of all routes for the address."""
    fits = (route for route in request.app.state.routes if route.matches(request.scope)[0] is not Match.NONE)
    methods = {method for route in fits for method in route.methods}
    return sorted(methods | {"HEAD"} if "GET" in methods else methods)


async def _on_unexpected(_: Request, __: Exception) -> Response:
    """Returns the response for an unexpected exception. Starlette then raises it again, and uvicorn logs it."""
    return _internal()


def _internal() -> Response:
    message = (
        "The server failed, and its log has the details. Try again. If it fails again, contact the server's operator."
    )
    return problem(500, errors.InternalError.code, message)
