"""Removes entries of a workspace's `.cache/` that belong to files that were deleted or changed more than a day ago.

Until then another engine may still be reading them, and a file that is put back need not be ingested again.
"""

import contextlib
import re
import shutil
import time
from pathlib import Path

_DAY = 24 * 60 * 60
_CACHE_ENTRY = re.compile(r"\d+-[0-9a-f]{32}(\.\w+)?|[0-9a-f]{32}\.version|\.ingest-.+|\.[0-9a-f]{32}")
"""Folders of versions, remembered hashes of files, and what an ingest or a write that crashed left behind."""


def remove_stale_entries(cache: Path, used: set[str]) -> None:
    """Removes entries older than a day that are not `used`. Other files in the folder are left alone."""
    limit = time.time() - _DAY
    entries: list[Path] = []
    with contextlib.suppress(OSError):  # there is no cache yet, or it cannot be read now
        entries += cache.iterdir()
    for entry in entries:
        if entry.name in used or not _CACHE_ENTRY.fullmatch(entry.name):
            continue
        with contextlib.suppress(OSError):  # another engine does the same; what is left goes the next time
            if entry.lstat().st_mtime >= limit:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
