"""Reads the stores and result files of a root from outside, even when a process has just died."""

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
class Snapshot:
    """What was stored when a process was killed."""

    requests: int
    """The number of requests received by the model."""
    responses: Counter[str]
    """The number of recorded responses by run."""
    files: dict[Path, tuple[int, int]]
    """Inode and modification time of each result file whose tool call has returned. They reveal a second write."""
    events: dict[str, list[str]]
    """The events of each run as JSON, in order."""


class StoreReader:
    """Reads journal and ledger data from PostgreSQL if there is a `database_url`, else from the root's SQLite files."""

    def __init__(self, root: Path, database_url: str | None = None) -> None:
        self._root = root
        self.url = database_url

    def runs(self) -> list[tuple[str, str, int, int, str]]:
        """The id, thread id, attempts, deaths and status of each run."""
        return self._rows(_RUNS)

    def deaths(self) -> list[int]:
        """The number of consecutive process deaths without progress, for each open run."""
        return [deaths for *_, deaths, status in self.runs() if status in ("queued", "running")]

    def snapshot(self, count_requests: Callable[[], int]) -> Snapshot:
        rows = self._rows(_RECORDS, _EVENTS, _RUNS)
        # Counted after the rows were read: the living processes go on sending requests. With a count from before, one
        # that was sent and recorded in between would look as if it had been repeated after it was recorded.
        requests = count_requests()
        records, events, runs = ([r for n, r in rows if n == i] for i in range(3))
        threads = {run: next(self._root.glob(f"*/threads/{thread}"), None) for run, thread, *_ in runs}
        names = {(run, key): _plain(data) for run, kind, key, data in records if kind == "file"}
        files: dict[Path, tuple[int, int]] = {}
        for run, kind, key, _ in records:
            folder, name = threads.get(run), names.get((run, key))
            if kind == "tool" and folder and name:
                candidates = (folder / place / name for place in ("analysis", "results"))
                files.update((path, _stamp(path)) for path in candidates if path.exists())
        written: dict[str, list[str]] = {}
        for run, _, data in events:
            written.setdefault(run, []).append(json.dumps(_json(data), sort_keys=True))
        return Snapshot(requests, Counter(run for run, kind, *_ in records if kind == "response"), files, written)

    def capsules(self) -> list[tuple[str, int, int]]:
        """The run id, requests and input tokens of each capsule in the ledger."""
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
        """The rows of these statements, read in one transaction. With several statements, each row has its statement's
        number.
        """
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
    """The files that were removed or rewritten."""
    return [path.name for path, stamp in files.items() if not path.exists() or _stamp(path) != stamp]


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_ino, status.st_mtime_ns


def _json(data: Any) -> Any:
    return json.loads(data) if isinstance(data, str | bytes) else data


def _plain(data: Any) -> Any:
    found = _json(data)
    return found["data"] if isinstance(found, dict) and "data" in found else found
