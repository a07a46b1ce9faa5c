"""What people state in the glossary about tables and columns is checked, and overrules what was inferred."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfo_kernel.data import checked_glossary, glossary_reader
from cfo_kernel.data.checked_glossary import CheckedGlossary
from cfo_kernel.data.glossary import ColumnNotes, MeasureNotes, TableNotes
from cfo_kernel.data.measure_expressions import ExpressionInvalid, parse
from cfo_kernel.data.measures import stated_measures
from cfo_kernel.data.plan import Measure, QueryPlan, aggregates_in
from cfo_kernel.data.prepared_plan import prepare
from cfo_kernel.data.semantics.meaning import (
    ColumnMeaning,
    DateKind,
    JoinMeaning,
    Meaning,
    Question,
    Role,
    TableKind,
    TableMeaning,
)
from cfo_kernel.data.semantics.overruled import overruled
from cfo_kernel.data.stated_joins import join_counts
from cfo_kernel.errors import GlossaryInvalid, GlossaryNameUnknown, MeasureCircular, PlanInvalid
from tests.data.conftest import Company, opened

STATED = """\
fiscal_year_start: July
tables:
  ledger:
    kind: snapshot
    one_row_per: [account_key, posted, at]
    date: posted
    joins:
      - {to: accounts, by: account_key}
    measures:
      cost per unit:
        expression: amount / units
        where: {accounts.account: [Rent, Salaries]}
        unit: EUR
        better: lower
      doubled: {expression: '-("cost per unit" * 2 - avg(ledger.units))', synonyms: [twice]}
      rows: {expression: 'ratio(count(), count_distinct(accounts.account))'}
    columns:
      amount: {role: balance, scale: thousands, unit: EUR}
      units: {unit: {source: ledger.dept}, role: count, once_per: account_key, total_of: [amount], period: 2024}
      posted: {date_kind: document}
      account_key: {refers_to: accounts.account_key}
"""


def checked(text: str, company: Company) -> CheckedGlossary:
    return checked_glossary.checked(glossary_reader.read_text(text), company.tables)


def test_every_statement_is_read(company: Company) -> None:
    found = checked(STATED, company)
    assert found.faults == ()
    notes = found.file.table("ledger")
    assert (found.file.fiscal_year_start, notes.kind) == (7, TableKind.SNAPSHOT)
    amount, units = notes.columns["amount"], notes.columns["units"]
    assert (amount.role, amount.scale, amount.unit and amount.unit.name) == (Role.STOCK, 1000, "EUR")
    assert (units.once_per, units.period, amount.unit_of_row) == (("account_key",), "2024", None)
    assert notes.joins[0].by == {"account_key": "account_key"}


@pytest.mark.parametrize(
    ("old", "new", "line", "kind", "says"),
    [
        ("role: balance", "role: balanc", 18, GlossaryInvalid, "must be 'key'"),
        ("scale: thousands", "scale: thousand pieces", 18, GlossaryInvalid, "must be a whole number"),
        ("start: July", "start: 13", 1, GlossaryInvalid, "must be 12 or less"),
        ("kind: snapshot", "kind: snap", 4, GlossaryInvalid, "must be 'fact'"),
        ("[account_key, posted, at]", "[acount_key]", 5, GlossaryNameUnknown, "the most similar is account_key"),
        ("to: accounts, by", "to: acounts, by", 8, GlossaryNameUnknown, "the most similar is accounts"),
        ("by: account_key", "by: {dept: account_key}", 8, GlossaryInvalid, "cannot be compared"),
        ("by: account_key", "by: {account_key: nope}", 8, GlossaryNameUnknown, "there is no column accounts.nope"),
        (", by: account_key", "", 8, GlossaryInvalid, "needs by"),
        (
            "amount / units",
            "amount / unis",
            10,
            GlossaryInvalid,
            "no column or measure unis; the most similar is units",
        ),
        ("amount / units", "amount / ", 10, GlossaryInvalid, "something is missing after '/'"),
        ("amount / units", "dept / units", 10, GlossaryInvalid, "ledger.dept is VARCHAR, and only numbers have a sum"),
        ("amount / units", "summ(amount)", 10, GlossaryInvalid, "no function summ; the most similar is sum"),
        ("amount / units", "nowhere.amount + units", 10, GlossaryInvalid, "because there is no table nowhere"),
        ("amount / units", "doubled + 1", 10, MeasureCircular, "cost per unit → doubled → cost per unit"),
        ("accounts.account: [Rent", "accounts.nope: [Rent", 10, GlossaryNameUnknown, "no column accounts.nope"),
        ("better: lower", "better: red", 14, GlossaryInvalid, "must be 'higher' or 'lower'"),
        ("doubled:", "amount:", 15, GlossaryInvalid, "has a column amount; give the measure another name"),
        ("role: count", "role: count, unit: x", 19, GlossaryInvalid, "already used above"),
        ("source: ledger.dept", "source: ledger.dep", 19, GlossaryNameUnknown, "the most similar is ledger.dept"),
        ("source: ledger.dept", "source: ledger.dept, name: x", 19, GlossaryInvalid, "needs either"),
        ("once_per: account_key", "once_per: key", 19, GlossaryNameUnknown, "no column ledger.key"),
        ("date_kind: document", "role: stock", 20, GlossaryInvalid, "posted is DATE, and only numbers"),
        ("accounts.account_key}", "accounts.key}", 21, GlossaryNameUnknown, "no column accounts.key"),
    ],
)
def test_a_wrong_statement_is_named_with_its_line(
    company: Company, old: str, new: str, line: int, kind: type[Exception], says: str
) -> None:
    assert STATED.count(old) == 1
    found = checked(STATED.replace(old, new), company)
    fault = next(fault for fault in found.faults if fault.details["line"] == line)
    assert says in fault.message
    assert type(fault) is kind
    # Only the wrong part is left out, with the measures that use it.
    assert found.file.tables["ledger"].columns.keys() == {"amount", "units", "posted", "account_key"}
    assert found.file.tables["ledger"].date == "posted"


FIELDS = ["fiscal_year_start", "tables.ledger.KEY", "tables.ledger.columns.amount.KEY", "tables.ledger.measures.m.KEY"]
KEYS = {
    "tables.ledger.KEY": TableNotes.model_fields,
    "tables.ledger.columns.amount.KEY": ColumnNotes.model_fields,
    "tables.ledger.measures.m.KEY": MeasureNotes.model_fields,
}


@pytest.mark.parametrize(
    "value", ["", "7", "[]", "{}", "[1]", "{a: {b: c}}", "true", "2024-01-01", "x", "1.5", "[null]"]
)
@pytest.mark.parametrize("field", FIELDS)
def test_any_value_in_any_place_is_read_or_named(company: Company, field: str, value: str) -> None:
    for key in KEYS.get(field, [field]):
        path = field.replace("KEY", key).split(".")
        text = "".join("  " * depth + f"{name}:\n" for depth, name in enumerate(path)).rstrip("\n") + f" {value}\n"
        assert all(f"line {fault.details['line']}" in fault.message for fault in checked(text, company).faults)


@pytest.mark.parametrize(
    ("old", "new", "lost"),
    [
        ("role: balance", "role: balanc", ("ledger", "amount")),
        ("role: balance", "rol: balance", ("ledger", "amount")),
        ("scale: thousands", "scale: many", ("ledger", "amount")),
        ("once_per: account_key", "once_per: nope", ("ledger", "units")),
        ("date: posted", "date: postd", ("ledger", "")),
        ("[account_key, posted, at]", "[nope]", ("ledger", "")),
        ("amount / units", "nope / units", None),
        ("by: account_key", "by: nope", None),
    ],
)
def test_a_statement_that_guards_sums_fails_closed(
    company: Company, old: str, new: str, lost: tuple[str, str] | None
) -> None:
    found = checked(STATED.replace(old, new), company).lost
    assert set(found) == ({lost} if lost else set())


def test_a_balance_is_not_added_over_dates(company: Company) -> None:
    file = checked("tables: {ledger: {date: posted, columns: {amount: {role: balance}}}}", company).file

    def refused(column: str, last: bool) -> bool:
        plan = QueryPlan.model_validate(
            {
                "table": "ledger",
                "select": [{"name": "x", "expression": {"fn": "sum", "column": column}}],
                "last_of": {"column": "ledger.posted"} if last else None,
            }
        )
        ready = prepare(plan, company.tables, file, {})
        [row] = company.worker.query(ready.probe_sql or "SELECT 1", 1, None)["rows"]
        try:
            ready.evaluate(row)
        except PlanInvalid as error:
            return "a balance is never summed over time" in error.message
        return False

    assert refused("amount", last=False)
    assert not refused("amount", last=True)
    assert not refused("units", last=False)


def test_measures_are_computed_from_columns_and_each_other(company: Company) -> None:
    found = {m.name: m for m in stated_measures(checked(STATED, company).file, company.tables)}
    assert found["cost per unit"].better == "lower"
    select = tuple(Measure(name=name, expression=m.expression) for name, m in found.items())
    plan = QueryPlan.model_validate(
        {
            "table": "ledger",
            "joins": [{"table": "accounts", "left": "ledger.account_key", "right": "accounts.account_key"}],
            "select": [m.model_dump(mode="json") for m in select],
        }
    )
    [[cost, doubled, ratio]] = company.rows(plan)
    assert float(cost) == pytest.approx(620.25 / 21)
    assert float(doubled) == pytest.approx(-(620.25 / 21 * 2 - 3.5))
    assert float(ratio) == pytest.approx(7 / 2)
    assert all(node.where for node in aggregates_in(found["cost per unit"].expression))


def test_measures_stay_small_and_shallow(company: Company) -> None:
    """A few lines can stand for a billion terms, or for a chain that is too long to follow."""
    lines = [*(f"m{i}: {{expression: m{i + 1} + m{i + 1}}}" for i in range(40)), "m40: {expression: amount}"]
    lines += [*(f"c{i}: {{expression: c{i + 1}}}" for i in range(400)), "c400: {expression: amount}"]
    found = checked("tables: {ledger: {measures: {" + ", ".join(lines) + "}}}", company)
    assert any("has more than 300 parts" in fault.message for fault in found.faults)
    assert any("through more than 30 others" in fault.message for fault in found.faults)
    assert stated_measures(found.file, company.tables)


@given(st.text(alphabet='ab. ()+-*/,"1é\n_', max_size=60) | st.sampled_from(["(" * 500, "-" * 500, "1+" * 500]))
def test_any_text_is_an_expression_or_is_refused(text: str) -> None:
    with suppress(ExpressionInvalid):
        assert parse(text)


RATES = "rate_key,valid_from,valid_to,rate\n1,2024-01-01,2024-02-15,1.0\n1,2024-02-16,,2.0\n2,2024-01-01,,3.0\n"
CHART = "low,high,name\n1000,1999,Cash\n2000,2999,Sales\n"
LINES = "rate_key,day,account,amount\n1,2024-01-31,1100,5\n1,2024-03-01,2500,6\n2,2024-01-31,2600,7\n3,2024-01-31,,8\n"


@pytest.fixture(scope="module")
def rates(tmp_path_factory: pytest.TempPathFactory) -> Company:
    return opened(tmp_path_factory.mktemp("rates"), {"lines": LINES, "rates": RATES, "chart": CHART})


@pytest.mark.parametrize(
    ("join", "kind", "counts", "says"),
    [
        ("{to: rates, by: rate_key, between: {day: [valid_from, valid_to]}}", "interval", (4, 3), None),
        ("{to: rates, by: rate_key, between: {day: valid_from}}", "interval", (4, 3), None),
        ("{to: chart, between: {account: [low, high]}}", "range", (3, 3), None),
        ("{to: rates, by: rate_key}", "equal", (4, 3), "2 of 4 rows match more than one row"),
        ("{to: rates, by: {amount: rate_key}}", "equal", (4, 0), "none of 4 rows has a match"),
        ("{to: chart, between: {account: low}}", "interval", (3, 3), None),
    ],
)
def test_joins_are_counted(rates: Company, join: str, kind: str, counts: tuple[int, int], says: str | None) -> None:
    found = checked(f"tables: {{lines: {{joins: [{join}]}}}}", rates)
    assert found.faults == ()
    [count] = join_counts(found.file, rates.tables)
    [row] = rates.worker.query(count.sql, 1, None)["rows"]
    problem = count.problem(row)
    assert (says in problem) if says and problem else problem is says
    proven = count.proven(row)
    assert (proven.kind, proven.rows, proven.matched) == (kind, *counts)


def test_a_measure_uses_only_tables_that_join(rates: Company) -> None:
    text = "tables: {chart: {%s, measures: {m: {expression: avg(lines.amount)}}}}"
    [fault] = checked(text % "name: Chart", rates).faults
    assert "lines.amount is not a column of chart, and chart has no join to lines" in fault.message
    assert checked(text % "joins: [{to: lines, by: {low: account}}]", rates).faults == ()


INFERRED = Meaning(
    tables=(
        TableMeaning(
            table="ledger",
            kind=TableKind.FACT,
            time_axis="at",
            evidence=("It has dates.",),
            columns=(
                ColumnMeaning(column="account_key", role=Role.KEY, confidence=0.6),
                ColumnMeaning(
                    column="amount", role=Role.FLOW, confidence=0.7, unit_column="dept", evidence=("It adds up.",)
                ),
                ColumnMeaning(column="units", role=Role.STOCK, confidence=0.8, unit="pieces"),
                ColumnMeaning(column="posted", role=Role.DATE, date=DateKind.EVENT),
                ColumnMeaning(column="dept", role=Role.NAME),
            ),
        ),
    ),
    joins=(
        JoinMeaning(table="ledger", to_table="accounts", equal=(("account_key", "account_key"),), rows=8, matched=7),
        JoinMeaning(table="ledger", to_table="depts", equal=(("dept", "name"),)),
    ),
    questions=(
        Question(id="1", table="ledger", column="amount", field="role", text="Is it a balance?", answers=("flow",)),
        Question(id="2", table="ledger", column="dept", field="role", text="Is it a name?", answers=("name",)),
    ),
)


def test_the_glossary_overrules_column_by_column(company: Company) -> None:
    file = checked(STATED, company).file
    joins = (
        JoinMeaning(table="ledger", to_table="accounts", equal=(("account_key", "account_key"),), source="glossary"),
    )
    found = overruled(INFERRED, file, joins, stated_measures(file, company.tables))
    table = found.tables[0]
    assert (table.kind, table.time_axis, table.grain) == (TableKind.SNAPSHOT, "posted", ("account_key", "posted", "at"))
    amount = table.column("amount")
    assert amount is not None
    assert (amount.role, amount.unit, amount.unit_column, amount.scale) == (Role.STOCK, "EUR", None, 1000)
    assert (amount.source, amount.confidence) == ("glossary", 1)
    assert amount.evidence[0] == "The glossary states the role: stock."
    assert amount.evidence[-1] == "It adds up."
    columns = {column.column: column for column in table.columns}
    units, key = columns["units"], columns["account_key"]
    assert (units.role, units.unit, units.unit_column) == (Role.COUNT, None, "dept")
    assert columns["posted"].date is DateKind.DOCUMENT
    assert (key.role, key.refers_to) == (Role.REFERENCE, "accounts.account_key")
    assert table.column("dept") == INFERRED.tables[0].column("dept")
    assert [(j.to_table, j.source) for j in found.joins] == [("depts", "inferred"), ("accounts", "glossary")]
    assert [q.id for q in found.questions] == ["2"]
    assert found.fiscal_year_start == 7


def test_a_word_about_a_column_changes_nothing_else(company: Company) -> None:
    harmless = "tables: {ledger: {synonyms: [gl], columns: {amount: {synonyms: [value]}, units: {name: heads}}}}"
    assert overruled(INFERRED, checked(harmless, company).file) == INFERRED
