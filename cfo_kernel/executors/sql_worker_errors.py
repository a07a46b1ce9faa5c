"""DuckDB's errors as ours: without its internal tables and without paths, with what is nearest to a wrong name."""

import contextlib
import re
from collections.abc import Generator, Iterable

import duckdb

from cfo_kernel import errors
from cfo_kernel.executors import sql_policy

_NO_SPACE = ("No space left", "File too large", "Disk quota exceeded")
_NO_MEMORY = ("bad_alloc", "bad allocation", "malloc of size")
_NO_TABLE = re.compile(r"Table with name \"?(.+?)\"? does not exist")
_CANDIDATES = re.compile(r"Candidate bindings: (.*)")
_KIND = re.compile(r"\b([A-Z]\w*(?: \w+)*?) Error\b")
"""What DuckDB calls the error: the first words, for what follows may be a value of the data that reads like another."""


@contextlib.contextmanager
def translate_errors(tables: Iterable[str]) -> Generator[None]:
    """Raises as a `QueryError` what DuckDB, or Arrow in the middle of a stream, raises inside."""
    try:
        yield
    except (duckdb.Error, OSError) as error:
        raise to_query_error(error, tables) from error
    except errors.UnknownTable as error:
        raise sql_policy.unknown_table(error.details["name"], tables) from error


def to_query_error(error: Exception, tables: Iterable[str] = ()) -> errors.QueryError:
    """The error is known by its text, for one in the middle of a stream comes through Arrow as an `OSError`."""
    message = str(error).split("\n\nLINE")[0]
    found = _KIND.search(message)
    kind = found[1] if found else ""
    is_bare = kind in ("", "Invalid", "Unknown")  # Arrow's words, or those of the C++ library
    if (is_bare or kind == "IO") and any(sign in message for sign in _NO_SPACE):
        text = "The disk has no room for the whole result. Free some space, or ask for fewer rows."
        return errors.QueryFailed(text, retryable=False)
    if kind == "Out of Memory" or (is_bare and any(sign in message for sign in _NO_MEMORY)):
        text = "The query needs more memory than it may use. Narrow it, or aggregate first."
        return errors.QueryOutOfMemory(text, retryable=True)
    if kind == "INTERRUPT":
        text = "The query took too long and was stopped. Narrow it, or aggregate first."
        return errors.QueryTimeout(text, retryable=True)
    if kind == "Permission":
        text = "Files and settings are out of reach. Read the tables of the workspace."
        return errors.SqlPolicyViolation(text, retryable=True)
    if kind == "IO":  # the cache was made anew, and the kernel knows the old one: a new process will do
        text = "The file of a table cannot be read any more. Run the query again; a new worker takes it."
        return errors.WorkerLost(text, retryable=True, again=True)
    if kind in ("INTERNAL", "FATAL"):  # after which this DuckDB answers nothing any more
        text = "DuckDB failed on this query. Ask in another way; the next query gets a new worker."
        return errors.WorkerLost(text, retryable=True)
    return _of_the_sql(kind, message, tables)


def _of_the_sql(kind: str, message: str, tables: Iterable[str]) -> errors.QueryError:
    """The error of a query that is wrong in itself."""
    if kind == "Catalog" and (missing := _NO_TABLE.search(message)):
        return sql_policy.unknown_table(missing[1], tables)
    message = errors.without_paths(message)
    if kind == "Binder" and ("Referenced column" in message or "does not have a column" in message):
        listed = _CANDIDATES.search(message)
        nearest = re.findall(r'"([^"]+)"', listed[1]) if listed else []
        return errors.UnknownColumn(message, nearest=nearest, retryable=True)
    return errors.SqlInvalid(message, retryable=True)
