"""The context of a run: its thread's folder and history, and its workspace's data."""

from dataclasses import dataclass
from pathlib import Path

from cfo_kernel.data.workspace_data import WorkspaceData
from cfo_kernel.store.history import History


@dataclass(frozen=True)
class ThreadContext:
    """The parts of a thread that a run needs: its ids, its folder with the history, and the workspace's data."""

    workspace_id: str
    thread_id: str
    thread_dir: Path
    data: WorkspaceData

    @property
    def history(self) -> History:
        return History(self.thread_dir)
