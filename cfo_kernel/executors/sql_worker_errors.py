"""DuckDB's errors as ours: without its internal tables and without paths, with what is nearest to a wrong name."""

import contextlib
import re
from collections.abc import Generator, Iterable

import duckdb

from cfo_kernel import errors
from cfo_kernel.executors import policy

_NO_SPACE = ("No space left", "File too large", "Disk quota exceeded")
_NO_TABLE = re.compile(r"Table with name \"?(.+?)\"? does not exist")
_CANDIDATES = re.compile(r"Candidate bindings: (.*)")


@contextlib.contextmanager
def translated(tables: Iterable[str]) -> Generator[None]:
    """Raises as a `QueryError` what DuckDB, or Arrow in the middle of a stream, raises inside."""
    try:
        yield
    except (duckdb.Error, OSError) as error:
        raise as_ours(error, tables) from error
    except errors.UnknownTable as error:
        raise policy.unknown_table(error.details["name"], tables) from error


def as_ours(error: Exception, tables: Iterable[str] = ()) -> errors.QueryError:
    """The error is known by its text, for one in the middle of a stream comes through Arrow as an `OSError`."""
    message = str(error).split("\n\nLINE")[0]
    if any(sign in message for sign in _NO_SPACE):
        text = "The disk has no room for the whole result. Free some space, or ask for fewer rows."
        return errors.QueryFailed(text, mendable=False)
    if "Out of Memory Error" in message or "bad_alloc" in message or "malloc of size" in message:
        text = "The query needs more memory than it may use. Narrow it, or aggregate first."
        return errors.QueryOutOfMemory(text, mendable=True)
    if "INTERRUPT Error" in message:
        text = "The query took too long and was stopped. Narrow it, or aggregate first."
        return errors.QueryTimeout(text, mendable=True)
    if "Permission Error" in message:
        text = "Files and settings are out of reach. Read the tables of the workspace."
        return errors.SqlPolicyViolation(text, mendable=True)
    if "IO Error" in message:  # the cache was made anew, and the kernel knows the old one: a new process will do
        text = "The file of a table cannot be read any more. Run the query again; a new worker takes it."
        return errors.WorkerLost(text, mendable=True, again=True)
    if missing := _NO_TABLE.search(message):
        return policy.unknown_table(missing[1], tables)
    message = errors.without_paths(message)
    if "Referenced column" in message or "does not have a column" in message:
        listed = _CANDIDATES.search(message)
        nearest = re.findall(r'"([^"]+)"', listed[1]) if listed else []
        return errors.UnknownColumn(message, nearest=nearest, mendable=True)
    return errors.SqlInvalid(message, mendable=True)
