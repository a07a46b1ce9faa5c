"""Removes entries from a workspace's `.cache/` whose files were deleted or changed more than a day ago.

Until then another engine may still be reading them, and a file that is put back need not be ingested again.
"""

import contextlib
import re
import shutil
import time
from pathlib import Path

_DAY = 24 * 60 * 60
_CACHE_ENTRY = re.compile(r"\d+-[0-9a-f]{32}(\.\w+)?|[0-9a-f]{32}\.version|\.ingest-.+|\.[0-9a-f]{32}")
"""Matches the names of version folders, of stored file hashes, and of the remains of a crashed ingest or write."""


def remove_stale_entries(cache: Path, used: set[str]) -> None:
    """Removes entries that are older than a day and not in `used`. Other files in the folder are left alone."""
    limit = time.time() - _DAY
    entries: list[Path] = []
    with contextlib.suppress(OSError):  # there is no cache yet, or it cannot be read now
        entries += cache.iterdir()
    for entry in entries:
        if entry.name in used or not _CACHE_ENTRY.fullmatch(entry.name):
            continue
        with contextlib.suppress(OSError):  # another engine is doing the same; the rest is removed next time
            if entry.lstat().st_mtime >= limit:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
