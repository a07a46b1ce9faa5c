"""How long the journal keeps what runs told: the events and records of old runs are dropped, their threads keep all."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta

from cfo_kernel.errors import CfoError
from cfo_kernel.runs.journal import Journal

_AGAIN = 86_400.0  # seconds
_log = logging.getLogger(__name__)


async def prune(journal: Journal, days: int, again: float = _AGAIN) -> None:
    """Drops what ended more than `days` ago, now and every day, until it is cancelled; what fails is tried tomorrow."""
    while True:
        try:
            await journal.prune(datetime.now(UTC) - timedelta(days=days))
        except CfoError as error:
            _log.warning("old runs cannot be dropped from the journal: %s", error)
        await asyncio.sleep(again)
