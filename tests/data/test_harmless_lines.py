"""No line in the glossary weakens what another line, or the data, says about which rows may be added up."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from cfo_kernel.data import checked_glossary, glossary_reader
from cfo_kernel.data.additivity import additivity_probes
from cfo_kernel.data.compiler import Compiler
from cfo_kernel.data.glossary import GlossaryFile
from cfo_kernel.data.plan import Aggregate, Measure, QueryPlan
from cfo_kernel.data.semantics.meaning import ColumnMeaning, DateKind, Meaning, Role, TableKind, TableMeaning
from cfo_kernel.data.semantics.overruled import overruled
from cfo_kernel.data.tables import Kind
from tests.data.conftest import Company

GUARDED: dict[str, Any] = {
    "tables": {
        "ledger": {
            "date": "posted",
            "defaults": {"ledger.dept": "Sales"},
            "balances": {"accounts.account": ["Rent"]},
            "kept_apart": ["account_groups.group_name"],
            "columns": {"amount": {"unit": {"source": "ledger.dept"}}, "units": {"role": "balance"}},
        }
    }
}
INFERRED = Meaning(
    tables=(
        TableMeaning(
            table="ledger",
            kind=TableKind.SNAPSHOT,
            grain=("account_key", "dept", "at"),
            time_axis="posted",
            columns=(
                ColumnMeaning(column="account_key", role=Role.REFERENCE, refers_to="accounts.account_key"),
                ColumnMeaning(column="dept", role=Role.CURRENCY),
                ColumnMeaning(column="posted", role=Role.DATE, date=DateKind.SNAPSHOT),
                ColumnMeaning(column="at", role=Role.DATE, date=DateKind.EVENT),
                ColumnMeaning(column="amount", role=Role.STOCK, unit_column="dept", scale=1000),
                ColumnMeaning(column="units", role=Role.FLOW, once_for=("account_key",), total_of=("amount",)),
            ),
        ),
        TableMeaning(
            table="accounts",
            kind=TableKind.DIMENSION,
            key="account_key",
            columns=(
                ColumnMeaning(column="account_key", role=Role.KEY),
                ColumnMeaning(column="group_key", role=Role.REFERENCE, refers_to="account_groups.group_key"),
            ),
        ),
    ),
)
TABLE_LINES: dict[str, Any] = {
    "name": "Ours",
    "description": "One row for each posting.",
    "synonyms": ["gl"],
    "questions": ["total units"],
    "measures": {"cost": {"expression": "sum(amount) * 2"}},
    "kind": "fact",
    "nme": "a wrong line",
    "joins": [{"to": "nowhere", "by": "x"}],
}
COLUMN_LINES: dict[str, Any] = {
    "name": "Ours",
    "description": "What was posted.",
    "synonyms": ["value"],
    "note": "Check it.",
    "values": {"Sales": ["selling"]},
    "nots": "a wrong line",
    "role": "code",
    "unit": "EUR",
    "date_kind": "due",
    "scale": 10,
    "period": 2024,
    "refers_to": "account_groups.group_key",
}
WORDS = ("name", "description", "synonyms", "note", "values", "nots", "period", "scale")
"""Lines about a column that say nothing about how it may be added up."""


def patches(company: Company) -> Iterator[tuple[dict[str, Any], str]]:
    """One line each, with the column about whose sums it says something; "" if there is none."""
    yield {"company": "Tiny"}, ""
    yield {"fiscal_year_start": "July"}, ""
    yield {"union": {"ledger": False}}, ""
    yield {"tables": {"nowhere": {"date": "x"}}}, ""
    for table in company.tables.values():
        for key, value in TABLE_LINES.items():
            yield {"tables": {table.name: {key: value}}}, ""
        for column in table.columns:
            for key, value in COLUMN_LINES.items():
                known = INFERRED.column(table.name, column.name)
                is_other = key in ("date_kind", "refers_to") and known is not None and known.role.facts.is_measure
                about = "" if key in WORDS or is_other else f"{table.name}.{column.name}"
                yield {"tables": {table.name: {"columns": {column.name: {key: value}}}}}, about


def merged(value: Any, more: Any) -> Any:
    if not (isinstance(value, dict) and isinstance(more, dict)):
        return value if value is not None else more  # what is stated already stays
    return {key: merged(value.get(key), more.get(key, {})) for key in [*value, *(k for k in more if k not in value)]}


def guards(file: GlossaryFile, company: Company) -> set[tuple[str, str, str, str]]:
    """The checks of sums and averages of each number: its column, the aggregate, what must be the same, and why."""
    found: set[tuple[str, str, str, str]] = set()
    for table in company.tables.values():
        for column in (column for column in table.columns if column.kind is Kind.NUMBER):
            for fn in ("sum", "avg"):
                node = Aggregate(fn=fn, column=f"{table.name}.{column.name}")
                plan = QueryPlan(table=table.name, select=(Measure(name="x", expression=node),))
                for probe in additivity_probes(plan, Compiler(plan, company.tables, {}), company.tables, {}, file):
                    found |= {(node.column or "", fn, check.column, check.kind) for check in probe.checks}
    return found


@pytest.mark.parametrize("base", [GUARDED, {}], ids=["guarded", "empty"])
def test_one_more_line_weakens_no_other_guard(company: Company, base: dict[str, Any]) -> None:
    def read(value: dict[str, Any]) -> checked_glossary.CheckedGlossary:
        text = yaml.safe_dump(value, sort_keys=False) if value else ""
        return checked_glossary.checked(glossary_reader.read_text(text), company.tables)

    before = read(base)
    assert before.faults == ()
    stated, known = guards(before.file, company), overruled(INFERRED, before.file)
    assert bool(stated) == bool(base)
    count = 0
    for patch, about in patches(company):
        after = read(merged(base, patch))
        assert {one for one in stated if one[0] != about} <= guards(after.file, company), patch
        meaning = overruled(INFERRED, after.file)
        for table in known.tables:
            now = meaning.table(table.table)
            assert now is not None
            assert (now.time_axis, now.grain, now.key) == (table.time_axis, table.grain, table.key), patch
            for column in table.columns:
                if f"{table.table}.{column.column}" != about:
                    same = ("role", "unit", "unit_column", "once_for", "total_of")
                    other = now.column(column.column)
                    assert [getattr(other, name) for name in same] == [getattr(column, name) for name in same], patch
                # Which table a row belongs to may decide about the sums of others, such as by its scenario.
                assert (now.column(column.column) or column).refers_to or not column.refers_to, patch
        count += 1
    assert count > 100
