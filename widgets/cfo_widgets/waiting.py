"""The kernels that wait for visitors, with the notebook run already: each is whole when a page is given it."""

import logging
from typing import Any

from jupyter_client.session import utcnow
from tornado.ioloop import PeriodicCallback

_EVERY = 500  # milliseconds
_logger = logging.getLogger(__name__)


class Waiting:
    """Looks after the pool of Voila's kernel manager, which itself would give a visitor whatever became of a kernel."""

    def __init__(self, manager: Any) -> None:
        self._manager = manager
        self._began: dict[str, int | None] = {}
        self._timer = PeriodicCallback(self.look, _EVERY)

    def start(self) -> None:
        self._timer.start()

    async def look(self) -> None:
        """Puts a new kernel where one has died, also where it was started again, for then it is empty."""
        began: dict[str, int | None] = {}
        for notebook, pool in list(self._manager._pools.items()):
            for item in [item for item in pool if item.done() and not item.cancelled() and not item.exception()]:
                kernel_id = item.result()["kernel_id"]
                if kernel_id not in self._manager:
                    continue
                kernel = self._manager.get_kernel(kernel_id)
                began[kernel_id] = self._began.get(kernel_id, kernel.provisioner.pid)
                if kernel.provisioner.pid == began[kernel_id] and await kernel.is_alive():
                    kernel.last_activity = utcnow()  # it waits, and is not culled as one that nobody uses
                    continue
                _logger.warning("A kernel that waited for a visitor has died; another takes its place.")
                await self._manager.shutdown_kernel(kernel_id, now=True)
                self._manager.fill_if_needed(delay=0, notebook_name=notebook)
        self._began = began
