"""Generates the reference of the HTTP API from the OpenAPI document, which is stored as a golden file."""

import json
from pathlib import Path
from typing import Any

_DOCUMENT = Path(__file__).parents[2] / "tests" / "golden" / "openapi.json"
_TITLES = {
    "chat": "Send and wait",
    "threads": "Threads and messages",
    "runs": "Runs",
    "workspaces": "Workspaces",
    "data": "Files and tables",
    "meaning": "What the tables mean",
    "health": "Health",
}


def page() -> str:
    """Returns the page as Markdown: each operation with its parameters, an example body and an example response.

    Raises `KeyError` for an operation with a tag that has no title.
    """
    document = json.loads(_DOCUMENT.read_text())
    tags = {tag for operations in document["paths"].values() for one in operations.values() for tag in one["tags"]}
    if missing := tags - set(_TITLES):
        raise KeyError(f"Give each tag a title in _TITLES: {', '.join(sorted(missing))}.")
    parts = [
        "# HTTP API\n\nGenerated from the OpenAPI document, which a server provides at `/openapi.json`. How to use the "
        "API: [Automate over HTTP](../automation.md). Error codes: "
        "[Troubleshooting](../troubleshooting.md#error-codes).\n"
    ]
    for tag, title in _TITLES.items():
        parts.append(f"## {title}\n")
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                if operation["tags"] == [tag]:
                    parts.append(_operation(f"{method.upper()} {path}", operation))
    return "\n".join(parts)


def _operation(name: str, operation: dict[str, Any]) -> str:
    parts = [f"### `{name}`", operation["description"]]
    rows = [
        f"| `{found['name']}` | {found['in']}{', required' if found.get('required') else ''} | {_text(found)} |"
        for found in operation.get("parameters", ())
        if not (found["in"] == "path" and not found.get("description"))
    ]
    if rows:
        parts.append("\n".join(["| parameter | in | |", "| --- | --- | --- |", *rows]))
    for media, body in operation.get("requestBody", {}).get("content", {}).items():
        parts.append(f"Body, `{media}`:\n\n{_example(body.get('example'))}")
    for status, response in operation["responses"].items():
        if int(status) < 400:
            parts.append(_answer(status, response))
    refusals = [f"`{status}`" for status in operation["responses"] if int(status) >= 400]
    parts.append(f"Errors: {', '.join(refusals)}.\n")
    return "\n\n".join(parts)


def _answer(status: str, response: dict[str, Any]) -> str:
    contents = response.get("content", {})
    if not contents:
        return f"Answer `{status}`, without a body."
    shown = [f"Answer `{status}`, `{media}`:\n\n{_example(body.get('example'))}" for media, body in contents.items()]
    return "\n\n".join(shown)


def _example(example: object) -> str:
    if isinstance(example, str):
        return f"```text\n{example.strip()}\n```"
    return f"```json\n{json.dumps(example, indent=2)}\n```"


def _text(parameter: dict[str, Any]) -> str:
    return " ".join(parameter.get("description", "").split()).replace("|", "\\|")
