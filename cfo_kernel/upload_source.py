"""Reads a file to upload, given as a path or as a stream: returns its name, and its content in chunks."""

import contextlib
from collections.abc import Generator
from pathlib import Path
from typing import Any, BinaryIO

from cfo_kernel.errors import FileTooLarge, InvalidInput, UnreadableFile

UploadSource = str | Path | BinaryIO
"""The path of a file, or a binary stream with a name."""
MAX_BYTES = 2 << 30
"""The maximum size of an upload. Larger tables should be split or stored as Parquet."""
_CHUNK = 1 << 20


def name_of(source: UploadSource) -> str:
    """Returns the name of the file or of the stream's file. Empty for a stream without a name."""
    name = source if isinstance(source, str | Path) else getattr(source, "name", "")
    return Path(name).name if isinstance(name, str | Path) else ""


def check(source: UploadSource) -> None:
    """Raises `InvalidInput` unless the source is an existing file or a binary stream."""
    if not isinstance(source, str | Path):
        if not callable(getattr(source, "read", None)):
            raise InvalidInput(
                "An upload must be the path of a file or a binary stream. Pass a path, or open the file with 'rb'."
            )
        return
    with contextlib.suppress(OSError, ValueError):
        if Path(source).is_file():
            return
    raise InvalidInput(f"There is no file {str(source)[:200]!r}. Check the path.")


def chunks(source: UploadSource, name: str) -> Generator[bytes]:
    """Yields the content in chunks.

    Raises `FileTooLarge`, `UnreadableFile` if the source cannot be read, or `InvalidInput` for a text stream.
    """
    size = 0
    try:
        with Path(source).open("rb") if isinstance(source, str | Path) else contextlib.nullcontext(source) as stream:
            reader: Any = stream
            while chunk := reader.read(_CHUNK):
                if not isinstance(chunk, bytes):
                    raise InvalidInput("The stream returns text, but an upload needs bytes. Open the file with 'rb'.")
                size += len(chunk)
                if size > MAX_BYTES:
                    limit = f"{MAX_BYTES / (1 << 30):g} GB"
                    raise FileTooLarge(f"{name} is larger than {limit}. Split it, or upload it as Parquet.")
                yield chunk
    except (OSError, ValueError) as error:
        raise UnreadableFile(f"{name} cannot be read ({error}). Check the file, then upload it again.") from error
