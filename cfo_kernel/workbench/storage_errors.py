"""Converts operating system errors about files into messages for users."""

import contextlib
from collections.abc import Generator
from pathlib import Path

from cfo_kernel.errors import CfoError, StorageFailed
from cfo_kernel.store import folders


@contextlib.contextmanager
def storage_errors(what: str) -> Generator[None]:
    """Raises `OSError` as `StorageFailed`. `what` begins the message, for example "x.csv cannot be stored"."""
    try:
        yield
    except OSError as error:
        raise storage_failed(what, error) from error


def storage_failed(what: str, error: OSError) -> StorageFailed:
    reason = error.strerror or error
    return StorageFailed(f"{what} ({reason}). Check the disk and its permissions, then try again.")


@contextlib.contextmanager
def undone(moved: Path | None, original: Path) -> Generator[None]:
    """Moves a folder back from the trash if the database cannot remove its row, for example because the disk is full.

    Otherwise the error would wrongly say that nothing was deleted.
    """
    try:
        yield
    except CfoError:
        folders.take_back(moved, original)
        raise
