"""The errors for missing workspaces, threads, runs, files and tables.

They are shared because a remote workbench rejects impossible names such as `a/b` without asking the server, with the
same message as the engine.
"""

from collections.abc import Iterable

from cfo_kernel.errors import FileNotFound, ResultNotFound, RunNotFound, ThreadNotFound, UnknownTable, WorkspaceNotFound


def workspace(id_or_name: str, known: Iterable[str]) -> WorkspaceNotFound:
    ids = ", ".join(known)
    hint = f"The workspaces are: {ids}." if ids else "Create one first."
    return WorkspaceNotFound(f"There is no workspace {id_or_name[:80]!r}. {hint}")


def thread(id: str) -> ThreadNotFound:
    return ThreadNotFound(f"There is no thread {id[:80]!r}. List the threads of a workspace to see their ids.")


def thread_of_workspace(id: str) -> ThreadNotFound:
    return ThreadNotFound(f"There is no thread {id[:80]!r} in this workspace. List its threads to see their ids.")


def run(id: str) -> RunNotFound:
    return RunNotFound(f"There is no run {id[:80]!r}. List the thread's messages to see its run ids.")


def run_of_thread(id: str) -> RunNotFound:
    return RunNotFound(f"There is no run {id[:80]!r} in this thread. List the thread's messages to see its run ids.")


def file(name: str) -> FileNotFound:
    return FileNotFound(f"There is no file {name[:80]!r} in data/. List the workspace's files to see their names.")


def result(file: str) -> ResultNotFound:
    return ResultNotFound(f"There is no file {file[:80]!r} in the thread's folder. Ask the question again.")


def table(name: str, nearest: str) -> UnknownTable:
    """Returns the error for a missing table. `nearest` is a sentence that suggests similar names."""
    return UnknownTable(f"There is no table {name[:80]!r}. {nearest}")
