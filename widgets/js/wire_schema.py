"""Prints the JSON Schema of all messages between the widgets and their pages, for `wire_types.mjs`."""

import json
import sys
from typing import Annotated, Any, Literal

import cfo_widgets
from cfo_widgets.chat import SentMessage
from cfo_widgets.component import Component
from cfo_widgets.data_panel import DatasetSummary
from cfo_widgets.downloads import DownloadChunk
from cfo_widgets.frame import Frame, RestoredThread
from cfo_widgets.thread_state import ChatMessage
from cfo_widgets.thread_watcher import ThreadRow
from cfo_widgets.wire import PageMessage, Ping
from cfo_widgets.workspace_picker import WorkspaceRow
from pydantic import Field, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema
from typing_extensions import override

from cfo_kernel.events import Event, UsageTotals
from cfo_kernel.interface import Glossary, ResultPage
from cfo_kernel.replies import Reply

Mode = Literal["validation", "serialization"]
_COMPONENTS = [Frame, *(getattr(cfo_widgets, name) for name in cfo_widgets.__all__)]
TO_PYTHON: dict[str, Any] = {
    "PingCommand": Ping,
    **{f"{one.__name__}Command": one.commands for one in _COMPONENTS if issubclass(one, Component)},
}
TO_PAGE: dict[str, Any] = {
    "PageMessage": Annotated[PageMessage, Field(discriminator="type")],
    "Event": Event,
    "Reply": Reply,
    **{
        value.__name__: value
        for value in (ChatMessage, UsageTotals, ResultPage, Glossary, ThreadRow, WorkspaceRow, DatasetSummary)
    },
    **{answer.__name__: answer for answer in (SentMessage, RestoredThread, DownloadChunk)},
}


class Schema(GenerateJsonSchema):
    """Marks all fields as required in messages from Python. The page may omit fields that have a default."""

    @override
    def field_is_required(self, field: Any, total: bool) -> bool:
        return self.mode == "serialization" or super().field_is_required(field, total)


def wire_schema() -> dict[str, Any]:
    """Returns an object with a property for each type, because the generator writes only types reachable from it."""
    wanted: list[tuple[str, Mode, Any]] = [
        *((name, "validation", type) for name, type in TO_PYTHON.items()),
        *((name, "serialization", type) for name, type in TO_PAGE.items()),
    ]
    adapters: list[tuple[str, Mode, TypeAdapter[Any]]] = [
        (name, mode, type if isinstance(type, TypeAdapter) else TypeAdapter(type)) for name, mode, type in wanted
    ]
    roots, shared = TypeAdapter.json_schemas(adapters, schema_generator=Schema)
    types = {**shared["$defs"], "Command": {"anyOf": [{"$ref": f"#/$defs/{name}"} for name in TO_PYTHON]}}
    for (name, _), root in roots.items():
        if root != {"$ref": f"#/$defs/{name}"}:
            types[name] = root
    names = ["Command", *TO_PAGE]
    schema = {
        "type": "object",
        "properties": {name: {"$ref": f"#/$defs/{name}"} for name in names},
        "required": names,
        "$defs": types,
    }
    return _structure(schema)


def _structure(schema: Any) -> Any:
    """Returns the schema without titles (each would become a type), descriptions and defaults.

    Without them, rewording a docstring does not make the generated file stale. The documentation is in Python.
    """
    if isinstance(schema, list):
        return [_structure(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made: dict[str, Any] = {}
    for key, value in schema.items():
        if key in ("properties", "$defs"):  # their keys are names, "title" and "description" among them
            made[key] = {name: _structure(part) for name, part in value.items()}
        elif key not in ("title", "description", "default"):
            made[key] = _structure(value)
    return made


if __name__ == "__main__":
    json.dump(wire_schema(), sys.stdout)
