"""What is left in the `.cache/` of a workspace by files that are no more, or that have changed, and goes after a day.

Until then another engine may be reading it, and a file that is put back need not be read again.
"""

import contextlib
import re
import shutil
import time
from pathlib import Path

_DAY = 24 * 60 * 60
_MADE = re.compile(r"\d+-[0-9a-f]{32}(\.\w+)?|[0-9a-f]{32}\.version|\.ingest-.+|\.[0-9a-f]{32}")
"""The folder of a version, what is remembered of a file, and what an ingest or a writer that died has left."""


def remove_stale_entries(cache: Path, kept: set[str]) -> None:
    """Removes what is older than a day and not `kept`, among what the library made; the rest belongs to others."""
    old = time.time() - _DAY
    entries: list[Path] = []
    with contextlib.suppress(OSError):  # there is none yet, or nothing in it can be removed now
        entries += cache.iterdir()
    for entry in entries:
        if entry.name in kept or not _MADE.fullmatch(entry.name):
            continue
        with contextlib.suppress(OSError):  # another engine does the same; what stays is removed the next time
            if entry.lstat().st_mtime >= old:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
