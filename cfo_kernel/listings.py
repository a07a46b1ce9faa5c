"""Listings of workspaces, threads, datasets and files, as notebooks show them; the same here and from a server."""

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
    """Workspaces that are shown as a table."""
    return Listing(found, ("id", "name"), lambda workspace: [[workspace.id, workspace.name]])


def which_workspace(ids: Iterable[str]) -> WorkspaceNotFound:
    """The error if no workspace is named and there is not exactly one."""
    known = ", ".join(ids)
    return WorkspaceNotFound(
        f"Several workspaces exist. Name one of: {known}." if known else "There is no workspace yet. Create one."
    )


def threads(found: Iterable[T]) -> Sequence[T]:
    """Threads that are shown as a table."""
    return Listing(found, ("title", "id"), lambda thread: [[thread.title or "", thread.id]])


def datasets(found: Iterable[Dataset]) -> Sequence[Dataset]:
    """Datasets that are shown as a table."""
    return Listing(found, LISTED_COLUMNS, Dataset.rows)


def files(found: Iterable[DataFile]) -> Sequence[DataFile]:
    """Files of a workspace that are shown as a table."""
    return Listing(found, ("name", "size"), lambda file: [[file.name, f"{file.size:,}"]])


def thread(shown: _Thread, workspace: str) -> dict[str, str]:
    """A thread as plain text and as HTML."""
    return display.bundle(["title", "id", "workspace"], [[shown.title or "New thread", shown.id, workspace]])
