"""The context of a run: its thread's folder and history, and the data of its workspace."""

from dataclasses import dataclass
from pathlib import Path

from cfo_kernel.data.workspace_data import WorkspaceData
from cfo_kernel.store.history import History


@dataclass(frozen=True)
class ThreadContext:
    """A thread, as a run needs it."""

    workspace_id: str
    thread_id: str
    thread_dir: Path
    data: WorkspaceData

    @property
    def history(self) -> History:
        return History(self.thread_dir)
