"""The ledger: capsules are sealed once, never changed, and add up exactly."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from cfo_kernel.errors import StorageFailed
from cfo_kernel.events import NOTHING_USED, Usage, UsageTotals
from cfo_kernel.store.database import sqlite_engine
from cfo_kernel.store.ledger import Capsule, Ledger, counted


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(sqlite_engine(tmp_path / "ledger.db"))


def capsule(run_id: str, usage: Usage, thread_id: str = "t", workspace_id: str = "w") -> Capsule:
    return Capsule(run_id=run_id, workspace_id=workspace_id, thread_id=thread_id, status="succeeded", **counted(usage))


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
    assert ledger.totals("nobody") == UsageTotals(cost=0)


def test_an_unknown_cost_is_never_nothing(ledger: Ledger) -> None:
    ledger.seal(capsule("1", Usage(requests=1)))
    assert (ledger.totals("w").cost, ledger.totals("w").unpriced_runs) == (None, 1)
    ledger.seal(capsule("2", Usage(requests=1, cost=0.25)))
    assert (ledger.totals("w").cost, ledger.totals("w").unpriced_runs) == (0.25, 1)


def test_a_run_is_sealed_once(ledger: Ledger) -> None:
    ledger.seal(capsule("1", Usage(requests=1, cost=1)))
    ledger.seal(capsule("1", Usage(requests=9, cost=9)))
    assert (ledger.totals("w").runs, ledger.totals("w").requests) == (1, 1)


@pytest.mark.parametrize("change", ["UPDATE capsule SET requests = 0", "DELETE FROM capsule"])
def test_a_capsule_cannot_be_changed_or_removed(ledger: Ledger, tmp_path: Path, change: str) -> None:
    ledger.seal(capsule("1", Usage(requests=1)))
    with pytest.raises(IntegrityError, match="append-only"), sqlite_engine(tmp_path / "ledger.db").begin() as other:
        other.execute(text(change))
    Ledger(sqlite_engine(tmp_path / "ledger.db")).close()  # opened again, it is as it was
    assert ledger.totals("w").requests == 1


def test_a_ledger_in_use_says_so(ledger: Ledger, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageFailed, match="The ledger cannot be used"):
        ledger.seal(capsule("1", NOTHING_USED))
    other.execute("ROLLBACK")
    ledger.seal(capsule("1", NOTHING_USED))
    other.close()
