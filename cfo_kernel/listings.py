"""How workspaces and threads look in a notebook, wherever they are kept."""

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

from cfo_kernel import display
from cfo_kernel.data.tables import SHOWN, Dataset
from cfo_kernel.display import Listing
from cfo_kernel.errors import WorkspaceNotFound
from cfo_kernel.interface import DataFile


class _Workspace(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...


class _Thread(Protocol):
    id: str

    @property
    def title(self) -> str | None: ...


W = TypeVar("W", bound=_Workspace)
T = TypeVar("T", bound=_Thread)


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


def files(found: Iterable[DataFile]) -> Sequence[DataFile]:
    """The files of a workspace as a list that shows itself."""
    return Listing(found, ("name", "size"), lambda file: [[file.name, f"{file.size:,}"]])


def thread(shown: _Thread, workspace: str) -> dict[str, str]:
    """A thread in both forms of display."""
    return display.bundle(["title", "id", "workspace"], [[shown.title or "New thread", shown.id, workspace]])
