"""Converts DuckDB's errors to `QueryError`s without internal tables and paths, and with suggestions for wrong names."""

import contextlib
import re
from collections.abc import Generator, Iterable

import duckdb

from cfo_kernel import errors
from cfo_kernel.executors import sql_advice, sql_policy

_NO_SPACE = ("No space left", "File too large", "Disk quota exceeded")
_NO_MEMORY = ("bad_alloc", "bad allocation", "malloc of size")
_FEW_COLUMNS = 30
_GUESS = "\nDid you mean"
_NO_TABLE = re.compile(r"Table with name \"?(.+?)\"? does not exist")
_CANDIDATES = re.compile(r"Candidate bindings: (.*)")
_KIND = re.compile(r"\b([A-Z]\w*(?: \w+)*?) Error\b")
"""DuckDB's name for the error. Only the first match counts, because a value that looks like an error may follow."""


@contextlib.contextmanager
def translate_errors(tables: Iterable[str], sql: str = "") -> Generator[None]:
    """Converts errors from DuckDB, or from Arrow in the middle of a stream, to a `QueryError` with advice on `sql`."""
    try:
        yield
    except (duckdb.Error, OSError) as error:
        raise _advised(to_query_error(error, tables), sql) from error
    except errors.UnknownTable as error:
        raise sql_policy.unknown_table(error.details["name"], tables) from error
    except errors.SqlInvalid as error:
        raise _advised(error, sql) from error


def with_columns(error: errors.UnknownColumn, columns: Iterable[str]) -> errors.UnknownColumn:
    """The error with a list of all columns, if there are only a few."""
    names = list(columns)
    if not 0 < len(names) <= _FEW_COLUMNS:
        return error
    return errors.UnknownColumn(f"{error.message}\nThe tables' columns are: {', '.join(names)}.", **error.details)


def _advised(error: errors.QueryError, sql: str) -> errors.QueryError:
    """The error with a known correction, if there is one, in place of DuckDB's own suggestion."""
    if not isinstance(error, errors.SqlInvalid | errors.UnknownColumn):
        return error
    message = sql_advice.without_long_lists(error.message)
    if repair := sql_advice.advice(sql, error.message):
        message = f"{message.partition(_GUESS)[0]}\n{repair}"
    return type(error)(message, **error.details)


def to_query_error(error: Exception, tables: Iterable[str] = ()) -> errors.QueryError:
    """The matching `QueryError`, chosen by the error's text, since Arrow raises every error as an `OSError`."""
    message = str(error).split("\n\nLINE")[0]
    found = _KIND.search(message)
    kind = found[1] if found else ""
    is_bare = kind in ("", "Invalid", "Unknown")  # an error from Arrow or from the C++ library
    if (is_bare or kind == "IO") and any(sign in message for sign in _NO_SPACE):
        text = "The disk is too full for the whole result. Free some space, or ask for fewer rows."
        return errors.QueryFailed(text, retryable=False)
    if kind == "Out of Memory" or (is_bare and any(sign in message for sign in _NO_MEMORY)):
        text = "The query exceeds its memory limit. Filter it to fewer rows, or aggregate first."
        return errors.QueryOutOfMemory(text, retryable=True)
    if kind == "INTERRUPT":
        text = "The query took too long and was stopped. Filter it to fewer rows, or aggregate first."
        return errors.QueryTimeout(text, retryable=True)
    if kind == "Permission":
        text = "SQL cannot read files or settings here. Read the tables of the workspace."
        return errors.SqlPolicyViolation(text, retryable=True)
    if kind == "IO" and "Too many open files" in message:
        text = "The query reads more tables at the same time than the worker can open. Join fewer, or use each once."
        return errors.SqlInvalid(text, retryable=True)
    if kind == "IO":  # the cache folder was recreated; only a new process can read the new one
        text = "A table's file is no longer readable. Run the query again."
        return errors.WorkerLost(text, retryable=True, again=True)
    if kind in ("INTERNAL", "FATAL"):  # after one of these, DuckDB refuses every further query
        text = "DuckDB failed on this query. Rewrite the query."
        return errors.WorkerLost(text, retryable=True)
    return _sql_error(kind, message, tables)


def _sql_error(kind: str, message: str, tables: Iterable[str]) -> errors.QueryError:
    """The error for invalid SQL."""
    if kind == "Catalog" and (missing := _NO_TABLE.search(message)):
        return sql_policy.unknown_table(missing[1], tables)
    message = errors.without_paths(message)
    if kind == "Binder" and ("Referenced column" in message or "does not have a column" in message):
        listed = _CANDIDATES.search(message)
        nearest = re.findall(r'"([^"]+)"', listed[1]) if listed else []
        return errors.UnknownColumn(message, nearest=nearest, retryable=True)
    return errors.SqlInvalid(message, retryable=True)
