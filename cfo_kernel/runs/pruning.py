"""Pruning the journal: the events and records of old runs are dropped. Their threads keep every message and reply."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta

from cfo_kernel.errors import CfoError
from cfo_kernel.runs.journal import Journal

_AGAIN = 86_400.0  # seconds
_log = logging.getLogger(__name__)


async def prune(journal: Journal, days: int, again: float = _AGAIN) -> None:
    """Prunes runs that ended more than `days` ago, now and once a day until cancelled. A failure is retried then."""
    while True:
        try:
            await journal.prune(datetime.now(UTC) - timedelta(days=days))
        except CfoError as error:
            _log.warning("cannot prune the journal, will try again later: %s", error)
        await asyncio.sleep(again)
