"""The errors for what is not there, in the same words here and at a server.

A client of a server knows without asking that a path is no name, and says it as the engine would.
"""

from collections.abc import Iterable

from cfo_kernel.errors import FileNotFound, ResultNotFound, RunNotFound, ThreadNotFound, UnknownTable, WorkspaceNotFound


def workspace(id_or_name: str, known: Iterable[str]) -> WorkspaceNotFound:
    ids = ", ".join(known) or "none yet"
    return WorkspaceNotFound(f"There is no workspace {id_or_name[:80]!r}. There is: {ids}.")


def thread(id: str) -> ThreadNotFound:
    return ThreadNotFound(f"There is no thread {id[:80]!r}. List a workspace's threads for the ids.")


def thread_of_workspace(id: str) -> ThreadNotFound:
    return ThreadNotFound(f"There is no thread {id[:80]!r} in this workspace. List its threads for the ids.")


def run(id: str) -> RunNotFound:
    return RunNotFound(f"There is no run {id[:80]!r}. List the thread's messages for the ids.")


def file(name: str) -> FileNotFound:
    return FileNotFound(f"There is no file {name[:80]!r} in data/. List the workspace's files.")


def result(file: str) -> ResultNotFound:
    return ResultNotFound(f"There is no file {file[:80]!r} in the thread's folder. Ask the question again.")


def table(name: str, nearest: str) -> UnknownTable:
    """`nearest` names the tables that there are."""
    return UnknownTable(f"There is no table {name[:80]!r}. {nearest}")
