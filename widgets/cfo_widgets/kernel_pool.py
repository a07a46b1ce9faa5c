"""Monitors the pool of preheated kernels. Each kernel has run the notebook and is waiting for a visitor."""

import logging
from typing import Any

from jupyter_client.session import utcnow
from tornado.ioloop import PeriodicCallback

_INTERVAL_MS = 500
_logger = logging.getLogger(__name__)


class KernelPoolMonitor:
    """Replaces kernels that died while waiting, which Voila itself would assign to visitors."""

    def __init__(self, manager: Any) -> None:
        self._manager = manager
        self._first_pids: dict[str, int | None] = {}
        self._timer = PeriodicCallback(self.check, _INTERVAL_MS)

    def start(self) -> None:
        self._timer.start()

    async def check(self) -> None:
        """Replaces each kernel that has died or was restarted, since a restarted kernel has not run the notebook."""
        first_pids: dict[str, int | None] = {}
        for notebook, pool in list(self._manager._pools.items()):
            for item in [item for item in pool if item.done() and not item.cancelled() and not item.exception()]:
                kernel_id = item.result()["kernel_id"]
                if kernel_id not in self._manager:
                    continue
                kernel = self._manager.get_kernel(kernel_id)
                first_pids[kernel_id] = self._first_pids.get(kernel_id, kernel.provisioner.pid)
                if kernel.provisioner.pid == first_pids[kernel_id] and await kernel.is_alive():
                    kernel.last_activity = utcnow()  # prevents it from being culled as idle
                    continue
                _logger.warning("A kernel in the pool has died and is being replaced.")
                await self._manager.shutdown_kernel(kernel_id, now=True)
                self._manager.fill_if_needed(delay=0, notebook_name=notebook)
        self._first_pids = first_pids
