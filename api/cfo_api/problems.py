"""Errors as RFC 9457 problem+json: the one place where a code becomes a status.

What is not foreseen becomes `internal_error` without a word of the inside, and is logged.
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

from cfo_kernel import errors
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
    errors.TokenRejected: 401,
    errors.RunError: 409,
    errors.InternalError: 500,
}
"""The status of a leaf is that of the nearest class above it that is named here."""

_CODES = {
    401: "token_rejected",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "body_timeout",
    413: "body_too_large",
}
_DETAILS = {
    404: "There is nothing at this address. The addresses are listed at /openapi.json.",
    405: "This address does not take this method. Its methods are listed at /openapi.json.",
}


def may(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """How a route documents the problems it may answer with; `document` fills them in."""
    return {status: {"description": HTTPStatus(status).phrase} for status in statuses}


def status_of(kind: type[CfoError]) -> int:
    """The status for an error of that kind."""
    return next((STATUS[base] for base in kind.__mro__ if base in STATUS), 500)


def problem(status: int, code: str, detail: str, headers: dict[str, str] | None = None) -> Response:
    """A problem+json answer; plain ASCII, since a message may quote text that is no UTF-8."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
    }
    content = json.dumps(body).encode()
    return Response(content, status, headers=headers, media_type="application/problem+json")


def of_error(error: CfoError) -> Response:
    """The answer to an error of ours."""
    status = status_of(type(error))
    if status == 500:  # made for the one who runs the server
        _log.error("%s: %s", error.code, error.message)
        return _internal()
    # What keeps the server from its work may name where; any other path is the client's own, and stays.
    detail = errors.without_paths(error.message) if status == 503 else error.message
    return problem(status, error.code, detail)


def install(app: FastAPI) -> None:
    """Has every error of the app answered as a problem."""
    app.add_exception_handler(CfoError, _on_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(Exception, _on_anything)


async def _on_error(_: Request, error: Exception) -> Response:
    return of_error(cast(CfoError, error))


async def _on_invalid(request: Request, error: Exception) -> Response:
    """Names the first field that is wrong; never repeats what was sent."""
    first = cast(RequestValidationError, error).errors()[0]
    where = first["loc"][:2]
    if where == ("body", "files"):
        message = "An upload is multipart/form-data: files, each with its name, in the field `files`. Send it so."
        return problem(422, errors.InvalidInput.code, message)
    if where == ("body",) and not _is_json(request):
        message = "The body must be JSON. Send it with the header Content-Type: application/json."
        return problem(422, errors.InvalidInput.code, message)
    field = ".".join(str(part) for part in first["loc"])[:200]
    return problem(422, errors.InvalidInput.code, f"{field}: {first['msg']}. Correct it and send again.")


def _is_json(request: Request) -> bool:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind.startswith("application/") and kind.endswith(("/json", "+json"))


async def _on_http(request: Request, error: Exception) -> Response:
    """What the framework refuses: an unknown address or method, and a body that is none."""
    found = cast(HTTPException, error)
    if found.status_code == 400:
        return _unread(found)
    headers = dict(found.headers or {})
    if found.status_code == 405:  # each route knows only its own
        headers["Allow"] = ", ".join(_methods(request))
    code = _CODES.get(found.status_code, "error")
    detail = _DETAILS.get(found.status_code, found.detail)
    return problem(found.status_code, code, detail, headers)


def _unread(error: HTTPException) -> Response:
    """For a body that could not be read; the framework says so too where the disk did not take it."""
    if isinstance(error.__cause__, OSError):
        reason = error.__cause__.strerror or "it failed"
        message = f"The upload cannot be stored ({reason}). Free some space for temporary files, then upload it again."
        return of_error(errors.StorageFailed(message))
    message = "The body cannot be read. Send what its Content-Type says, at most 1000 files at once."
    return problem(422, errors.InvalidInput.code, message)


def _methods(request: Request) -> list[str]:
    """What the address takes, by any route."""
    fits = (route for route in request.app.state.routes if route.matches(request.scope)[0] is not Match.NONE)
    methods = {method for route in fits for method in route.methods}
    return sorted(methods | {"HEAD"} if "GET" in methods else methods)


async def _on_anything(_: Request, __: Exception) -> Response:
    """Starlette raises it again once this is sent, and the server logs it."""
    return _internal()


def _internal() -> Response:
    message = "Something went wrong in the server, and is in its log. Try again; if it stays, tell who runs it."
    return problem(500, errors.InternalError.code, message)
