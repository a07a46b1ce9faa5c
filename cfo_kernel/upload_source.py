"""A file to upload, as its sender holds it: its name, and its content in chunks."""

import contextlib
from collections.abc import Generator
from pathlib import Path
from typing import Any, BinaryIO

from cfo_kernel.errors import FileTooLarge, InvalidInput, UnreadableFile

UploadSource = str | Path | BinaryIO
"""A file to upload: its path, or a binary stream with a name."""
MAX_BYTES = 2 << 30
"""The largest file that is taken; more belongs into several files, or into Parquet."""
_CHUNK = 1 << 20


def name_of(source: UploadSource) -> str:
    """The name of a file, or of the file that a stream reads; empty for a stream without one."""
    own = source if isinstance(source, str | Path) else getattr(source, "name", "")
    return Path(own).name if isinstance(own, str | Path) else ""


def check(source: UploadSource) -> None:
    """Raises `InvalidInput` for what is neither a file nor a stream."""
    if not isinstance(source, str | Path):
        if not callable(getattr(source, "read", None)):
            raise InvalidInput("An upload is the path of a file, or a stream opened with 'rb'.")
        return
    with contextlib.suppress(OSError, ValueError):
        if Path(source).is_file():
            return
    raise InvalidInput(f"There is no file {str(source)[:200]!r}. Check the path.")


def chunks(source: UploadSource, name: str) -> Generator[bytes]:
    """The content, piece by piece.

    Raises `FileTooLarge`, `InvalidInput` for a stream of text, or `UnreadableFile` where it cannot be read.
    """
    size = 0
    try:
        with Path(source).open("rb") if isinstance(source, str | Path) else contextlib.nullcontext(source) as stream:
            sent: Any = stream
            while chunk := sent.read(_CHUNK):
                if not isinstance(chunk, bytes):
                    raise InvalidInput("The stream gives text, and an upload is bytes. Open the file with 'rb'.")
                size += len(chunk)
                if size > MAX_BYTES:
                    limit = f"{MAX_BYTES / (1 << 30):g} GB"
                    raise FileTooLarge(f"{name} is larger than {limit}. Split it, or send it as Parquet.")
                yield chunk
    except (OSError, ValueError) as error:
        raise UnreadableFile(f"{name} cannot be read ({error}). Check the file, then upload it again.") from error
