"""Converts operating system errors about files into messages for users."""

import contextlib
from collections.abc import Generator

from cfo_kernel.errors import StorageFailed


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
