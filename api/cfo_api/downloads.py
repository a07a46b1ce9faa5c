"""Streamed downloads."""

from typing import Any
from urllib.parse import quote

from cfo_api.sse import Stream
from cfo_kernel import Download

BYTES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file.",
        "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
    }
}
"""The OpenAPI documentation of a response that is a file. Its media type is that of the file."""


def attachment(file: Download) -> Stream:
    """Returns the file as a response that browsers always save and never display, whatever its content."""
    headers = {
        "Content-Type": file.media_type,  # without a charset, since the encoding of a text file is unknown
        "Content-Length": str(file.size),
        "Content-Disposition": f"attachment; filename*=utf-8''{quote(file.name, safe='')}",
    }
    return Stream(file.chunks, headers=headers)
