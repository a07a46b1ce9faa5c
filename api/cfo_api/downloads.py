"""Files on their way out, streamed."""

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
"""How an answer that is a file is documented; its media type is that of the file."""


def attachment(file: Download) -> Stream:
    """The file as an answer that a browser stores, whatever its content."""
    headers = {
        "Content-Type": file.media_type,  # as it is: nobody knows the encoding of a text
        "Content-Length": str(file.size),
        "Content-Disposition": f"attachment; filename*=utf-8''{quote(file.name, safe='')}",
    }
    return Stream(file.chunks, headers=headers)
