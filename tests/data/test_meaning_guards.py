"""Tests of the sums that are refused because of what the rows show, without any glossary."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from cfo_kernel.data.plan import QueryPlan
from cfo_kernel.data.workspace_data import WorkspaceData
from cfo_kernel.errors import PlanInvalid
from tests.data import made_companies


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def data(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[WorkspaceData]:
    folder: Path = tmp_path_factory.mktemp("guards")
    (folder / "data").mkdir()
    made_companies.subscriptions(folder / "data")
    made_companies.trader(folder / "data")
    lines = [f"{m:02},{s},Rent,{100 + m}" for m in range(1, 7) for s in ("Actual", "Budget")]
    (folder / "data" / "versions.csv").write_text("\n".join(["Month,Scenario,Line,Value", *lines]))
    bank = ["day,text,amount,balance"]
    balance = 1000
    for i in range(1, 29):
        balance += 17 * i % 90 - 40
        bank.append(f"2024-01-{(i + 1) // 2:02},entry {i},{17 * i % 90 - 40},{balance}")
    (folder / "data" / "account.csv").write_text("\n".join(bank))
    data = WorkspaceData(folder, query_timeout=60, ingest_timeout=60)
    yield data
    await data.close()


def total(table: str, column: str, fn: str = "sum", **more: Any) -> QueryPlan:
    select = [{"name": "figure", "expression": {"fn": fn, "column": column}}]
    return QueryPlan.model_validate({"table": table, "select": select, **more})


REFUSED = [
    (total("mrr_snapshots", "mrr"), "balance"),
    (total("mrr_snapshots", "mrr", group_by=[{"column": "snapshot_date", "grain": "year"}]), "last_of"),
    (total("encours_clients", "total", group_by=[{"column": "code_client"}]), "balance"),
    (total("invoices", "gross"), "currency"),
    (total("invoices", "gross", "avg", group_by=[{"column": "account_id"}]), "currency"),
    (total("commandes", "total_commande"), "several times"),
    (total("versions", "Value"), "Scenario"),
    (total("account", "balance"), "balance after each row"),
]

ONCE = {"fn": "max", "column": "total_commande"}
HIGHEST = {"fn": "max", "column": "mrr"}


def figure(table: str, expression: dict[str, Any]) -> QueryPlan:
    return QueryPlan.model_validate({"table": table, "select": [{"name": "figure", "expression": expression}]})


REFUSED.append((figure("mrr_snapshots", {"fn": "sum", "of": HIGHEST, "per": [{"column": "snapshot_date"}]}), "balance"))
HARMLESS = [
    figure("commandes", {"fn": "sum", "of": ONCE, "per": [{"column": "numero_commande"}]}),
    figure(
        "mrr_snapshots",
        {"fn": "avg", "of": {"fn": "sum", "column": "mrr"}, "per": [{"column": "snapshot_date"}]},
    ),
    total("mrr_snapshots", "mrr", group_by=[{"column": "snapshot_date"}]),
    total("mrr_snapshots", "mrr", filters=[{"column": "snapshot_date", "value": "2023-12-31"}]),
    total("mrr_snapshots", "mrr", last_of={"column": "snapshot_date"}),
    total("mrr_snapshots", "mrr", "avg"),
    total("mrr_snapshots", "mrr", "max"),
    total("mrr_movements", "mrr_change"),
    total("usage", "api_calls"),
    total("usage", "support_tickets", group_by=[{"column": "month"}]),
    total("invoices", "gross", group_by=[{"column": "currency"}]),
    total("invoices", "gross", filters=[{"column": "currency", "value": "EUR"}]),
    total("invoices", "gross", "count"),
    total("commandes", "quantite", group_by=[{"column": "code_client"}]),
    total("commandes", "total_commande", filters=[{"column": "ligne", "value": 1}]),
    total("commandes", "total_commande", "max"),
    total("versions", "Value", group_by=[{"column": "Scenario"}]),
    total("account", "amount"),
    total("encours_clients", "non_echu", filters=[{"column": "fin_de_mois", "value": "2023-06-30"}]),
]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("plan", "reason"), REFUSED)
async def test_a_sum_that_means_nothing_is_refused(data: WorkspaceData, plan: QueryPlan, reason: str) -> None:
    with pytest.raises(PlanInvalid, match=reason):
        await data.plan(plan, cap=10)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("plan", HARMLESS)
async def test_a_harmless_plan_is_run(data: WorkspaceData, plan: QueryPlan) -> None:
    assert (await data.plan(plan, cap=10)).row_count > 0


HARMLESS_LINES = [
    "tables: {invoices: {columns: {gross: {synonyms: [billed]}}}}",
    "tables: {invoices: {columns: {currency: {name: money}}}}",
    "tables: {mrr_snapshots: {date: snapshot_date}}",
    "tables: {mrr_snapshots: {columns: {seats: {role: balance}}}}",
    "tables: {commandes: {description: Orders}}",
    "company: Any",
]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("line", HARMLESS_LINES)
async def test_a_line_of_the_glossary_weakens_no_guard(data: WorkspaceData, line: str) -> None:
    glossary = data.scratch.parent / "data" / "datasets.yaml"
    glossary.write_text(line + "\n")
    try:
        assert (await data.schema()).glossary_problems == ()
        for plan, reason in REFUSED:
            with pytest.raises(PlanInvalid, match=reason):
                await data.plan(plan, cap=10)
    finally:
        glossary.unlink()
