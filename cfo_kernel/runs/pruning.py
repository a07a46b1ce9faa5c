"""Prunes the journal and the trash: deletes the events and records of old runs, and old items in the trash.

The runs' threads keep every message and reply.
"""

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cfo_kernel.errors import CfoError
from cfo_kernel.runs.journal import Journal
from cfo_kernel.store import trash

_AGAIN = 86_400.0  # seconds between prunings
_log = logging.getLogger(__name__)


async def prune(journal: Journal, days: int, root: Path, again: float = _AGAIN) -> None:
    """Prunes runs that ended more than `days` days ago, and the root's trash, every `again` seconds until cancelled.

    The first pruning is immediate. If one fails, the error is logged and the next one follows as usual.
    """
    while True:
        try:
            await journal.prune(datetime.now(UTC) - timedelta(days=days))
        except CfoError as error:
            _log.warning("cannot prune the journal, will try again later: %s", error)
        try:
            await asyncio.to_thread(trash.prune_root, root)
        except OSError as error:
            _log.warning("cannot empty the trash, will try again later: %s", error)
        await asyncio.sleep(again)
