"""The framing of messages between the engine and its workers over a pipe: a length in four bytes, then a JSON object.

JSON is used instead of pickle because a compromised worker must not be able to run code in the engine.
"""

import json
import struct
from typing import Any, BinaryIO

HEADER = struct.Struct(">I")
MAX_FRAME = 256 * 1024 * 1024


def pack(message: dict[str, Any]) -> bytes:
    """Packs one frame. NaN and infinity are refused, since JSON has neither."""
    body = json.dumps(message, allow_nan=False, separators=(",", ":")).encode()
    return HEADER.pack(len(body)) + body


def read(stream: BinaryIO) -> dict[str, Any] | None:
    """Returns the next frame, or None at the end of the stream, even if the stream ends in the middle of a frame."""
    header = stream.read(HEADER.size)
    if len(header) < HEADER.size:
        return None
    (length,) = HEADER.unpack(header)
    body = stream.read(length)
    return json.loads(body) if len(body) == length else None
