"""SQL through the worker pool, compared with the same SQL on a plain DuckDB connection over the same Parquet file."""

import asyncio
import contextlib
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import duckdb

from cfo_kernel.errors import QueryTimeout
from cfo_kernel.executors.sql_worker_pool import SqlWorkerPool
from tests.bench.report import Figure

_ROWS = 2_000_000
_LIMIT = 0.4
_ENDLESS = "SELECT count(*) FROM range(1000000000000) a(x) WHERE x * x % 7 = 3"
_UNINTERRUPTIBLE = "SELECT levenshtein(repeat('a', 200000), repeat('b', 200000))"
_REPEATS = 15
QUERIES = {
    "count": "SELECT count(*) FROM ledger",
    "group": "SELECT account, month(posted) AS m, sum(amount) FROM ledger GROUP BY ALL ORDER BY ALL",
    "window": """SELECT account, m, sum(s) OVER (PARTITION BY account ORDER BY m) FROM
                 (SELECT account, month(posted) AS m, sum(amount) AS s FROM ledger GROUP BY ALL)
                 ORDER BY ALL LIMIT 50""",
    "distinct": "SELECT count(DISTINCT memo) FROM ledger",
}


async def measure() -> list[Figure]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cache = folder / ".cache"
        cache.mkdir()
        file = cache / "ledger.parquet"
        _make(file)
        pool = SqlWorkerPool(cache, folder / ".sql", timeout=60)
        try:
            lines = [*await _warm(pool, file), *await _at_once(pool, file), await _cancelled(pool, file)]
        finally:
            await pool.close()
        return [*lines, await _killed(folder, file)]


def _make(file: Path) -> None:
    duckdb.sql(
        f"""COPY (SELECT i AS id, i % 200 AS account, DATE '2020-01-01' + CAST(i % 1400 AS INTEGER) AS posted,
            CAST(i % 100000 / 7 AS DECIMAL(18, 2)) AS amount, 'row ' || i % 100000 AS memo
            FROM range({_ROWS}) t(i)) TO '{file}' (FORMAT parquet, COMPRESSION zstd)"""
    )


async def _warm(pool: SqlWorkerPool, file: Path) -> list[Figure]:
    """Alternates warm queries through the pool with plain ones, so that both see the same load."""
    figures: list[Figure] = []
    with duckdb.connect(config={"threads": "2"}) as plain:
        plain.execute(f"CREATE VIEW ledger AS FROM read_parquet('{file}')")
        for name, sql in QUERIES.items():
            ours, theirs = [], []
            for _ in range(_REPEATS):
                theirs.append(await _timed(lambda sql=sql: asyncio.to_thread(lambda: plain.execute(sql).fetchall())))
                ours.append(await _timed(lambda sql=sql: _through_the_tool(pool, file, sql)))
            a, b = statistics.median(ours) * 1000, statistics.median(theirs) * 1000
            result = f"{a / b:.2f}x  ({a:.1f}, plain DuckDB {b:.1f} ms)"
            figures.append(Figure(f"SQL through the worker: {name}", result, "<= 1.1x + 10 ms", a <= 1.1 * b + 10))
    return figures


async def _through_the_tool(pool: SqlWorkerPool, file: Path, sql: str) -> object:
    """Runs the query as `execute_sql` does: returns the first 50 rows and writes all rows to a file."""
    return await pool.ask("query", {"ledger": file}, {}, sql, cap=50, file=file.with_name("query_001.parquet"))


async def _at_once(pool: SqlWorkerPool, file: Path) -> list[Figure]:
    """Runs eight queries at once and then one after another, and compares the times."""
    work = [QUERIES["group"], QUERIES["distinct"]] * 4

    async def one(sql: str) -> float:
        return await _timed(lambda: pool.ask("query", {"ledger": file}, {}, sql, cap=50))

    await asyncio.gather(*map(one, work))  # starts the processes
    started = time.perf_counter()
    in_turn = [await one(sql) for sql in work]
    turn_total, started = time.perf_counter() - started, time.perf_counter()
    at_once = await asyncio.gather(*map(one, work))
    total = time.perf_counter() - started
    result = (
        f"{total / turn_total:.2f}x of one after the other; the slowest {max(at_once) / total:.2f} of the whole, "
        f"the quickest {min(at_once) / max(in_turn):.1f}x of it alone"
    )
    return [Figure("SQL, 8 queries at once", result)]


async def _cancelled(pool: SqlWorkerPool, file: Path) -> Figure:
    """Measures the time from the cancellation of a query until it has ended."""
    begun = asyncio.Event()
    work = pool.ask("query", {"ledger": file}, {}, _ENDLESS, cap=5, on_progress=lambda *_: begun.set())
    query = asyncio.create_task(work)
    await begun.wait()
    query.cancel()
    seconds = await _timed(lambda: asyncio.wait({query}))
    return Figure("SQL, a cancelled query ends", f"after {seconds * 1000:.0f} ms", "< 1 s", seconds < 1)


async def _killed(folder: Path, file: Path) -> Figure:
    """Measures how long after its time limit the process of an uninterruptible query is killed."""
    pool = SqlWorkerPool(folder / ".cache", folder / ".sql", timeout=_LIMIT)
    try:
        await pool.ask("query", {"ledger": file}, {}, "SELECT 1", cap=5)
        begun = time.perf_counter()
        with contextlib.suppress(QueryTimeout):
            await pool.ask("query", {"ledger": file}, {}, _UNINTERRUPTIBLE, cap=5)
        late = time.perf_counter() - begun - _LIMIT
    finally:
        await pool.close()
    seen = f"{late * 1000:.0f} ms after its limit"
    return Figure("SQL, a query that cannot be interrupted is killed", seen, "< 1 s", late < 1)


async def _timed(work: Callable[[], Awaitable[object]]) -> float:
    started = time.perf_counter()
    await work()
    return time.perf_counter() - started
