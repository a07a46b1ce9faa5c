"""The ledger: capsules are sealed once, never changed, and add up exactly."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from cfo_kernel.errors import StorageFailed
from cfo_kernel.events import NOTHING_USED, Usage, UsageTotals
from cfo_kernel.store.database import sqlite_engine
from cfo_kernel.store.database_postgres import Target
from cfo_kernel.store.ledger import Capsule, Ledger, usage_columns
from cfo_kernel.store.schemas import LEDGER


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Engine]:
    """Creates more engines for the same database, as if other programs had opened it."""
    if request.param == "sqlite":
        return lambda: sqlite_engine(tmp_path / "ledger.db")
    target = Target(request.getfixturevalue("postgres"))
    return lambda: target.engine(LEDGER.postgres_schema)


@pytest.fixture
def ledger(database: Callable[[], Engine]) -> Iterator[Ledger]:
    ledger = Ledger(database())
    yield ledger
    ledger.close()


def capsule(run_id: str, usage: Usage, thread_id: str = "t", workspace_id: str = "w") -> Capsule:
    return Capsule(
        run_id=run_id, workspace_id=workspace_id, thread_id=thread_id, status="succeeded", **usage_columns(usage)
    )


def test_several_programs_open_a_new_ledger_at_once(database: Callable[[], Engine]) -> None:
    with ThreadPoolExecutor(8) as programs:
        for ledger in programs.map(lambda engine: Ledger(engine), [database() for _ in range(8)]):
            ledger.close()


def test_usage_adds_up_by_workspace_and_thread(ledger: Ledger) -> None:
    one = Usage(requests=2, tool_calls=1, input_tokens=100, cached_tokens=40, output_tokens=7, cost=0.1, model="a")
    ledger.seal(capsule("1", one))
    ledger.seal(capsule("2", one.model_copy(update={"cost": 0.2})))
    ledger.seal(capsule("3", NOTHING_USED, "other"))
    ledger.seal(capsule("4", one, "t", "elsewhere"))
    assert ledger.totals("w", "t") == UsageTotals(
        runs=2, requests=4, tool_calls=2, input_tokens=200, cached_tokens=80, output_tokens=14, cost=0.3
    )
    assert (ledger.totals("w").runs, ledger.totals("w").cost) == (3, 0.3)
    assert ledger.totals("unused") == UsageTotals(cost=0)


def test_an_unknown_cost_is_not_zero(ledger: Ledger) -> None:
    ledger.seal(capsule("1", Usage(requests=1)))
    assert (ledger.totals("w").cost, ledger.totals("w").unpriced_runs) == (None, 1)
    ledger.seal(capsule("2", Usage(requests=1, cost=0.25)))
    assert (ledger.totals("w").cost, ledger.totals("w").unpriced_runs) == (0.25, 1)


def test_a_run_is_sealed_once(ledger: Ledger) -> None:
    ledger.seal(capsule("1", Usage(requests=1, cost=1)))
    ledger.seal(capsule("1", Usage(requests=9, cost=9)))
    assert (ledger.totals("w").runs, ledger.totals("w").requests) == (1, 1)


@pytest.mark.parametrize("change", ["UPDATE capsule SET requests = 0", "DELETE FROM capsule"])
def test_a_capsule_cannot_be_changed_or_removed(ledger: Ledger, database: Callable[[], Engine], change: str) -> None:
    ledger.seal(capsule("1", Usage(requests=1)))
    with pytest.raises(DBAPIError, match="append-only"), database().begin() as other:
        other.execute(text(change))
    Ledger(database()).close()  # opening it again changes nothing
    assert ledger.totals("w").requests == 1


def test_a_ledger_in_use_says_so(ledger: Ledger, database: Callable[[], Engine]) -> None:
    with database().connect() as other:
        other.exec_driver_sql("LOCK TABLE capsule" if other.dialect.name == "postgresql" else "BEGIN IMMEDIATE")
        with pytest.raises(StorageFailed, match="The ledger cannot be used"):
            ledger.seal(capsule("1", NOTHING_USED))
    ledger.seal(capsule("1", NOTHING_USED))
