"""How workspaces and threads look in a notebook, wherever they are kept."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from cfo_kernel import display
from cfo_kernel.data.tables import SHOWN, Dataset
from cfo_kernel.display import Listing
from cfo_kernel.errors import WorkspaceNotFound
from cfo_kernel.interface import Thread, Workspace

W = TypeVar("W", bound=Workspace)
T = TypeVar("T", bound=Thread)


def workspaces(found: Iterable[W]) -> Sequence[W]:
    """Workspaces as a list that shows itself."""
    return Listing(found, ("id", "name"), lambda workspace: [[workspace.id, workspace.name]])


def which_workspace(ids: Iterable[str]) -> WorkspaceNotFound:
    """The error for who names no workspace where there is not exactly one."""
    known = ", ".join(ids) or "none yet; create one"
    return WorkspaceNotFound(f"Which workspace? Name one of: {known}.")


def threads(found: Iterable[T]) -> Sequence[T]:
    """Threads as a list that shows itself."""
    return Listing(found, ("title", "id"), lambda thread: [[thread.title or "", thread.id]])


def datasets(found: Iterable[Dataset]) -> Sequence[Dataset]:
    """Datasets as a list that shows itself."""
    return Listing(found, SHOWN, Dataset.rows)


def thread(shown: Thread, workspace: str) -> dict[str, str]:
    """A thread in both forms of display."""
    return display.bundle(["title", "id", "workspace"], [[shown.title or "New thread", shown.id, workspace]])
