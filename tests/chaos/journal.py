"""What the journal and the files of a root say, looked at from outside while nobody may have the time to clean up."""

import json
import sqlite3
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_RUNS = "SELECT id, thread_id, attempt, deaths, status FROM {}run"
_RECORDS = "SELECT run, kind, key, data FROM {}record WHERE kind IN ('response', 'tool', 'file')"
_EVENTS = "SELECT run, number, data FROM {}event ORDER BY run, number"


@dataclass(frozen=True)
class Seen:
    """What was kept when a process was killed; `order` is the number of requests that the model had then."""

    order: int
    responses: Counter[str]
    files: dict[Path, tuple[int, int]]
    """Of the results whose tool call has returned: inode and time, which tell whether they were written again."""
    events: dict[str, list[str]]


class Look:
    """`database_url` is that of PostgreSQL; without, the journal is in the root."""

    def __init__(self, root: Path, database_url: str | None = None) -> None:
        self._root = root
        self.url = database_url

    def runs(self) -> list[tuple[str, str, int, int, str]]:
        """Of each run: its id, its thread's, its attempts, its deaths, its status."""
        return self._rows(_RUNS)

    def deaths(self) -> list[int]:
        """Of each open run: how many processes in a row died over it without a step forward."""
        return [deaths for *_, deaths, status in self.runs() if status in ("queued", "running")]

    def seen(self, asked: Callable[[], int]) -> Seen:
        rows = self._rows(_RECORDS, _EVENTS, _RUNS)
        order = asked()  # only now: where other processes live, they ask meanwhile
        records, events, runs = ([r for n, r in rows if n == i] for i in range(3))
        threads = {run: next(self._root.glob(f"*/threads/{thread}"), None) for run, thread, *_ in runs}
        names = {(run, key): _plain(data) for run, kind, key, data in records if kind == "file"}
        files: dict[Path, tuple[int, int]] = {}
        for run, kind, key, _ in records:
            folder, name = threads.get(run), names.get((run, key))
            if kind == "tool" and folder and name:
                found = (folder / place / name for place in ("analysis", "results"))
                files.update((path, _stamp(path)) for path in found if path.exists())
        told: dict[str, list[str]] = {}
        for run, _, data in events:
            told.setdefault(run, []).append(json.dumps(_json(data), sort_keys=True))
        return Seen(order, Counter(run for run, kind, *_ in records if kind == "response"), files, told)

    def capsules(self) -> list[tuple[str, int, int]]:
        """Of each capsule of the ledger: its run's id, requests, and input tokens."""
        select = "SELECT run_id, requests, input_tokens FROM {}capsule"
        if self.url:
            import psycopg

            with psycopg.connect(self.url) as connection:
                return connection.execute(select.format("cfo_ledger.")).fetchall()  # type: ignore
        connection = sqlite3.connect(self._root / ".cfo" / "ledger.db", timeout=10)
        try:
            return connection.execute(select.format("")).fetchall()
        finally:
            connection.close()

    def _rows(self, *statements: str) -> Any:
        """The rows of one statement, or those of several with their statement's number, as of one moment."""
        if self.url:
            import psycopg

            with psycopg.connect(self.url) as connection:
                connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                found = [connection.execute(s.format("cfo_journal.")).fetchall() for s in statements]  # type: ignore
        else:
            path = self._root / ".cfo" / "journal.db"
            if not path.exists():
                return []
            connection = sqlite3.connect(path, isolation_level=None, timeout=10)
            try:
                connection.execute("BEGIN")
                found = [connection.execute(s.format("")).fetchall() for s in statements]
            except sqlite3.OperationalError as error:
                if "no such table" not in str(error):
                    raise
                found = [[] for _ in statements]
            finally:
                connection.close()
        return found[0] if len(statements) == 1 else [(n, row) for n, rows in enumerate(found) for row in rows]


def changed(files: dict[Path, tuple[int, int]]) -> list[str]:
    """The files that are others by now."""
    return [path.name for path, stamp in files.items() if not path.exists() or _stamp(path) != stamp]


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_ino, status.st_mtime_ns


def _json(data: Any) -> Any:
    return json.loads(data) if isinstance(data, str | bytes) else data


def _plain(data: Any) -> Any:
    found = _json(data)
    return found["data"] if isinstance(found, dict) and "data" in found else found
