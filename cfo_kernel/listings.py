"""Listings of workspaces, threads, datasets and files for notebooks, shared by embedded and remote workbenches."""

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

from cfo_kernel import display
from cfo_kernel.data.tables import LISTED_COLUMNS, Dataset
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
    """Returns the workspaces as a sequence that notebooks show as a table."""
    return Listing(found, ("id", "name"), lambda workspace: [[workspace.id, workspace.name]])


def which_workspace(ids: Iterable[str]) -> WorkspaceNotFound:
    """Returns the error for a missing workspace name when there is not exactly one workspace."""
    known = ", ".join(ids)
    return WorkspaceNotFound(
        f"There are several workspaces. Choose one of: {known}."
        if known
        else "There are no workspaces yet. Create one."
    )


def threads(found: Iterable[T]) -> Sequence[T]:
    """Returns the threads as a sequence that notebooks show as a table."""
    return Listing(found, ("title", "id"), lambda thread: [[thread.title or "", thread.id]])


def datasets(found: Iterable[Dataset]) -> Sequence[Dataset]:
    """Returns the datasets as a sequence that notebooks show as a table."""
    return Listing(found, LISTED_COLUMNS, Dataset.rows)


def files(found: Iterable[DataFile]) -> Sequence[DataFile]:
    """Returns the files of a workspace as a sequence that notebooks show as a table."""
    return Listing(found, ("name", "size"), lambda file: [[file.name, f"{file.size:,}"]])


def thread(shown: _Thread, workspace: str) -> dict[str, str]:
    """Formats a thread as plain text and as HTML."""
    return display.bundle(["title", "id", "workspace"], [[shown.title or "New thread", shown.id, workspace]])
