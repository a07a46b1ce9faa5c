"""Hostile statements, some of them disguised, run on real workers. They are judged by their effect."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import duckdb
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cfo_kernel.errors import QueryError, QueryOutOfMemory, QueryTimeout, WorkerLost
from cfo_kernel.executors import sql_policy
from cfo_kernel.executors.sql_worker import MEMORY
from cfo_kernel.executors.sql_worker_pool import SqlWorkerPool
from tests.executors.conftest import Company
from tests.executors.hostile_statements import HOSTILE, RUNAWAY, SECRET, UNINTERRUPTIBLE, filled

LIMIT = 0.4
ENVIRONMENT = "kept-from-every-worker"


@pytest.fixture
async def pool(company: Company, tmp_path: Path) -> AsyncIterator[SqlWorkerPool]:
    opened = SqlWorkerPool(company.folder, tmp_path / ".sql", timeout=LIMIT)
    yield opened
    await opened.close()
    assert not (tmp_path / ".sql").exists()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lasting_pool(company: Company, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SqlWorkerPool]:
    """One pool for several tests: its worker is replaced where a statement makes that necessary."""
    folder = tmp_path_factory.mktemp("pool") / ".sql"
    opened = SqlWorkerPool(company.folder, folder, timeout=LIMIT)
    yield opened
    await opened.close()
    assert not folder.exists()


def tables(company: Company) -> dict[str, Path]:
    return {name: Path(path) for name, path in company.files.items()}


async def query(pool: SqlWorkerPool, company: Company, sql: str, file: Path | None = None) -> list[list[object]]:
    return (await pool.ask("query", tables(company), {}, sql, cap=5, file=file))["rows"]


def snapshot(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and ".sql" not in path.parts}


async def test_no_hostile_statement_has_an_effect(
    pool: SqlWorkerPool, company: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HIDDEN_FROM_SQL", ENVIRONMENT)
    filled("copy out", company, tmp_path)
    before = snapshot(tmp_path) | snapshot(company.folder)
    for name in HOSTILE:
        sql = filled(name, company, tmp_path)
        try:
            answer = str(await query(pool, company, sql))
        except QueryError as error:
            answer = error.message
        leaked = [SECRET, ENVIRONMENT, str(company.folder), str(tmp_path)]
        assert not [text for text in leaked if text in answer.replace(sql, "") and text not in sql], name
        assert await query(pool, company, "SELECT count(*) FROM ledger") == [[6]], name
    assert snapshot(tmp_path) | snapshot(company.folder) == before


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("sql", RUNAWAY)
async def test_no_statement_keeps_a_core_or_the_memory(lasting_pool: SqlWorkerPool, company: Company, sql: str) -> None:
    pool = lasting_pool
    assert await query(pool, company, "SELECT 1") == [[1]]
    async with asyncio.timeout(60):  # each of them would run for minutes
        with pytest.raises((QueryTimeout, QueryOutOfMemory)):
            await query(pool, company, sql)
    [worker] = pool._workers
    process = worker.process._process
    if process is not None:
        assert _status(process.pid, "VmPeak") <= MEMORY
    assert await query(pool, company, "SELECT count(*) FROM ledger") == [[6]]


def _status(pid: int, field: str) -> int:
    """A figure in bytes that the kernel reports for a process."""
    [line] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith(field)]
    return int(line.split()[1]) * 1024


async def test_stuck_queries_do_not_block_others(company: Company, tmp_path: Path) -> None:
    pool = SqlWorkerPool(company.folder, tmp_path / ".sql", timeout=60)
    try:
        stuck = [asyncio.create_task(query(pool, company, UNINTERRUPTIBLE)) for _ in range(2)]
        await asyncio.sleep(0)
        quick = await asyncio.gather(*(query(pool, company, f"SELECT {i}, count(*) FROM ledger") for i in range(20)))
        assert quick == [[[i, 6]] for i in range(20)]
        assert not any(task.done() for task in stuck)
        for task in stuck:
            task.cancel()
        ends = await asyncio.gather(*stuck, return_exceptions=True)
        assert [type(end) for end in ends] == [asyncio.CancelledError, asyncio.CancelledError]
    finally:
        await pool.close()


async def test_killing_one_worker_affects_no_other_query(company: Company, tmp_path: Path) -> None:
    pool = SqlWorkerPool(company.folder, tmp_path / ".sql", timeout=60)
    sql = "SELECT max(hash(x)) IS NOT NULL FROM range(20000000000) a(x)"
    progress = [asyncio.Event(), asyncio.Event()]

    async def slow(reports: asyncio.Event) -> list[list[object]]:
        answer = await pool.ask("query", tables(company), {}, sql, cap=5, on_progress=lambda *_: reports.set())
        return answer["rows"]

    try:
        both = [asyncio.create_task(slow(reports)) for reports in progress]
        await asyncio.gather(*(asyncio.wait_for(reports.wait(), 60) for reports in progress))
        victim = pool._workers[0].process._process
        assert victim is not None
        victim.kill()
        [lost], [other] = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        assert isinstance(lost.exception(), WorkerLost)
        reports = progress[both.index(other)]
        reports.clear()
        await asyncio.wait_for(reports.wait(), 60)
        other.cancel()
        await asyncio.wait({other})
        assert await asyncio.gather(*(query(pool, company, "SELECT 7") for _ in range(4))) == [[[7]]] * 4
    finally:
        await pool.close()


# Disguises: the statement still does the same.

_TOKENS = re.compile(r"('(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|\s+|\w+|.)", re.DOTALL)
_KINDS = ("copy", "file", "insert", "update", "delete", "setting", "read", "query", "getenv", "definition", "glob")
MUTABLE = sorted(n for n in HOSTILE if n.startswith(_KINDS) and "Kelvin" not in n and "deep" not in n)
_WRAPPERS = (
    "{q}",
    "SELECT * FROM ({q}) AS t",
    "WITH w AS ({q}) FROM w",
    "WITH RECURSIVE w AS ({q}) FROM w",
    "SELECT 1 UNION ALL ({q})",
    "SELECT 1 WHERE EXISTS ({q})",
    "FROM ledger, LATERAL ({q}) AS l",
    "SELECT ({q})",
    "SELECT list_transform([1], lambda v: ({q}))",
    'WITH "ledger" AS (SELECT 1), "x" AS ({q}) SELECT * FROM "x"',
    "SUMMARIZE ({q})",
    "({q}) ORDER BY 1 LIMIT 5",
)
_BLANKS = (" ", "\n", "\t", " /* ; */ ", " -- '\n", "/**/ ", "\u00a0", " /* SELECT 1 */ ")


def disguised(sql: str, draw: Callable[..., object]) -> str:
    """The statement with other white space, comments and case, or inside another statement."""
    parts: list[str] = []
    for token in _TOKENS.findall(sql):
        if token.isspace():
            parts.append(str(draw(st.sampled_from(_BLANKS))))
        elif token[0] in "'\"":
            parts.append(token)
        else:
            parts.append(str(draw(st.sampled_from((token, token.upper(), token.lower(), token.title())))))
    made = "".join(parts)
    for wrapper in draw(st.lists(st.sampled_from(_WRAPPERS), max_size=3)):  # type: ignore[attr-defined]
        made = wrapper.replace("{q}", made)
    return made + str(draw(st.sampled_from(("", ";", " ;", " -- end", "\n", "; -- SELECT 1"))))


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_disguise_passes(data: st.DataObject, company: Company, tmp_path: Path) -> None:
    name = data.draw(st.sampled_from(MUTABLE))
    sql = disguised(filled(name, company, tmp_path), data.draw)
    with pytest.raises(QueryError):
        sql_policy.check(sql, company.files.keys(), company.plain)
    with pytest.raises(QueryError) as caught:
        company.worker.query(sql, 5, None)
    assert SECRET not in str(caught.value)
    assert not (tmp_path / "out").exists()


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(name=st.text(min_size=1, max_size=12), inner=st.booleans())
def test_the_policy_takes_a_name_for_a_cte_only_where_duckdb_does(name: str, inner: bool, company: Company) -> None:
    """Tries arbitrary names, in any case, as names of CTEs. SQL that passes must run without any table."""
    quoted = '"' + name.replace('"', '""') + '"'
    other = '"' + name.swapcase().replace('"', '""') + '"'
    sql = (
        f"WITH {quoted} AS (SELECT 1 AS n) FROM {quoted} AS a, {other} AS b"
        if inner
        else f"SELECT 1 AS {quoted} FROM {other}"
    )
    try:
        used = sql_policy.check(sql, company.files.keys(), company.plain)
    except QueryError:
        return
    assert used <= company.files.keys()
    with duckdb.connect() as bare:  # it has no tables: a name that is not a CTE would fail, or be read as a file
        assert not used
        assert len(bare.execute(sql).fetchall()) == 1
