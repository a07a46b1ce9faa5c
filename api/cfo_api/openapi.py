"""Builds the OpenAPI document: extends the one that FastAPI derives from the routes with examples and problems."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from cfo_api import examples, sse
from cfo_api.problems import phrase

_WITHOUT_TOKEN = ("get_health", "get_readiness")
_COMMON_PROBLEMS = (403, 413, 500, 503)
"""Problems of every operation: a rejection by the auth middleware, or a failure of the server or its disk."""
_PROBLEM = {
    "type": "object",
    "description": "An error (RFC 9457): `code` is stable, and `detail` says what happened and what to do.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
    },
}
_SECURITY = {"type": "http", "scheme": "bearer", "description": "CFO_API_TOKEN, if the server has one."}


def openapi_document(app: FastAPI) -> dict[str, Any]:
    """Returns the document, which is built only once."""
    if app.openapi_schema is None:
        schema = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
        parts = schema.setdefault("components", {})
        parts["schemas"] = {**sse.schemas(), **parts["schemas"], "HttpProblem": _PROBLEM}
        parts["securitySchemes"] = {"token": _SECURITY}
        for path in schema["paths"].values():
            for operation in path.values():
                _complete(operation)
        for unused in ("HTTPValidationError", "ValidationError"):
            parts["schemas"].pop(unused, None)
        app.openapi_schema = schema
    return app.openapi_schema


def _complete(operation: dict[str, Any]) -> None:
    name, responses = operation["operationId"], operation["responses"]
    if name not in _WITHOUT_TOKEN:
        operation["security"] = [{"token": []}, {}]
        responses["401"] = {}
    for status in _COMMON_PROBLEMS:
        responses[str(status)] = {}
    if "requestBody" in operation:
        responses["408"] = {}
    for status, response in responses.items():
        if int(status) >= 400:
            responses[status] = _problem(int(status))
        else:
            for media in response.get("content", {}).values():
                media["example"] = examples.ANSWERS[name]
            if int(status) in (201, 202) and "Location" not in response and name in examples.LOCATED:
                response["headers"] = {"Location": {"schema": {"type": "string"}, "example": examples.LOCATED[name]}}
    for media in operation.get("requestBody", {}).get("content", {}).values():
        media["example"] = examples.BODIES[name]
    for parameter in operation.get("parameters", ()):
        if parameter["name"] in examples.PARAMETERS:
            parameter["example"] = examples.PARAMETERS[parameter["name"]]
    operation["responses"] = dict(sorted(responses.items()))


def _problem(status: int) -> dict[str, Any]:
    code, detail = examples.PROBLEMS[status]
    title = phrase(status)
    example = {"type": "about:blank", "title": title, "status": status, "detail": detail, "code": code}
    schema = {"$ref": "#/components/schemas/HttpProblem"}
    return {"description": title, "content": {"application/problem+json": {"schema": schema, "example": example}}}
