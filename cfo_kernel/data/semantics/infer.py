"""Infers what tables and columns mean from their profiles and facts. It reads no data."""

import re
from collections.abc import Iterator, Mapping, Sequence

from cfo_kernel.data import units
from cfo_kernel.data.decisions import DecisionKind
from cfo_kernel.data.semantics import dates, joins
from cfo_kernel.data.semantics.column_roles import TableContext, column_meaning, is_price
from cfo_kernel.data.semantics.currency_units import with_units
from cfo_kernel.data.semantics.facts import RelationFacts, TableFacts
from cfo_kernel.data.semantics.fiscal_years import fiscal_year_start
from cfo_kernel.data.semantics.meaning import (
    ColumnMeaning,
    DateKind,
    Meaning,
    Question,
    Role,
    TableKind,
    TableMeaning,
)
from cfo_kernel.data.semantics.periods_across import Across, across
from cfo_kernel.data.semantics.references import References, references
from cfo_kernel.data.semantics.stocks import StockEvidence, stock_evidence, wide_stock
from cfo_kernel.data.semantics.words import Sense, says
from cfo_kernel.data.tables import Column, Kind, Table, Tables

_SCALES = {
    "thousands": 10**3,
    "millions": 10**6,
    "billions": 10**9,
    "100 millions": 10**8,
    "lakhs": 10**5,
    "crores": 10**7,
}
_FEWEST = 5
_MOST_SCENARIOS = 12
_MOST_QUESTIONS = 4


def infer(tables: Tables, facts: Mapping[str, TableFacts], relations: RelationFacts) -> Meaning:
    """The meaning of all tables."""
    known = {t.name: facts.get(t.name, TableFacts()) for t in tables.values()}
    found = references(tables, known, relations)
    contexts = [_context(t, known[t.name], found, relations) for t in tables.values()]
    meanings = tuple(_table(context, found) for context in contexts)
    return Meaning(
        tables=meanings,
        joins=tuple(joins.joins(meanings, found, relations)),
        dimensions=tuple(joins.dimensions(tables, meanings, found)),
        fiscal_year_start=fiscal_year_start(tables, known, meanings),
        questions=tuple(_questions(contexts, meanings))[:_MOST_QUESTIONS],
    )


def _context(table: Table, facts: TableFacts, found: References, relations: RelationFacts) -> TableContext:
    wide = across(table.columns)
    is_validity = _only_rates(table, wide)
    dated = dates.date_meanings(table, facts, is_valid_from=is_validity)
    axis, _ = dates.time_axis(table, facts, dated)
    if axis and (is_validity or _is_thing(table, dated[axis].kind, found)):
        axis = axis if dated[axis].kind in (DateKind.PERIOD, DateKind.SNAPSHOT) else None
    stocks = {} if is_validity else {c.name: s for c in _figures(table) if (s := stock_evidence(table, facts, c))}
    stocks |= _parts_of_stocks(facts, stocks)
    if wide.periods and not axis and (stock := _wide_stock(table)):
        stocks |= dict.fromkeys((*wide.periods, *wide.totals), stock)
    own = {name: i for (at, name), i in found.of.items() if at == table.name}
    ranges = {b.column: b for b in relations.between if b.table == table.name and b.share >= 0.9}
    return TableContext(table, facts, wide, dated, axis, is_validity, own, ranges, stocks)


def _figures(table: Table) -> Iterator[Column]:
    yield from (c for c in table.columns if c.kind is Kind.NUMBER)


def _only_rates(table: Table, wide: Across) -> bool:
    """Whether all figures of a table are rates, prices or percentages."""
    figures = [c for c in _figures(table) if not says(c.name, Sense.CODE) and not dates.is_date(c)]
    return bool(figures) and not wide.periods and all(
        is_price(c.name) or says(c.name, Sense.RATE) or says(c.name, Sense.PERCENT) for c in figures
    )  # fmt: skip


def _is_thing(table: Table, axis: DateKind, found: References) -> bool:
    """Whether the rows are things with a start, such as projects, rather than events."""
    return axis is DateKind.START and (table.name in found.targets() or not any(_may_flow(c) for c in _figures(table)))


def _may_flow(column: Column) -> bool:
    is_other = says(column.name, Sense.LIMIT) or says(column.name, Sense.RATE) or is_price(column.name)
    return not is_other and not says(column.name, Sense.CODE) and not says(column.name, Sense.HELD)


def _parts_of_stocks(facts: TableFacts, stocks: Mapping[str, StockEvidence]) -> dict[str, StockEvidence]:
    """Evidence that the parts of a balance are balances too."""
    found: dict[str, StockEvidence] = {}
    if facts.panel is None:
        return found
    for fact in facts.sums:
        is_stock = fact.total in stocks and not stocks[fact.total].is_doubtful
        if len(fact.plus) > 2 and not fact.minus and is_stock:
            for name in fact.plus:
                if name not in stocks or stocks[name].is_doubtful:
                    found[name] = StockEvidence((f"{fact.total} is a balance, and this column is part of it",), 0.85)
    return found


def _wide_stock(table: Table) -> StockEvidence | None:
    titles = " ".join(d.text for d in table.decisions if d.kind is DecisionKind.LAYOUT)
    return wide_stock(table, "" if len(titles) > 400 else titles)


def _table(context: TableContext, found: References) -> TableMeaning:
    table, facts = context.table, context.facts
    columns = [column_meaning(c, context) for c in table.columns]
    columns = [_scaled(c, table) for c in with_units(columns, table)]
    kind, evidence = _kind(context, columns, found)
    parent = found.parents.get(table.name)
    label = next((c.column for c in columns if c.role is Role.NAME), None) if parent else None
    return TableMeaning(
        table=table.name,
        kind=kind,
        confidence=0.8,
        evidence=(evidence,),
        grain=context.key,
        time_axis=context.axis,
        key=parent.to_columns[0] if parent else None,
        parent=parent.columns[0] if parent else None,
        label=label,
        scenario=_scenario(table),
        totals=any(d.kind is DecisionKind.TOTALS for d in table.decisions) and bool(context.across.periods),
        columns=tuple(_repeated(c, table, facts) for c in columns),
    )


def _kind(context: TableContext, columns: Sequence[ColumnMeaning], found: References) -> tuple[TableKind, str]:
    figures = [c for c in columns if c.role.facts.is_measure]
    if context.across.periods:
        if any(c.role is Role.STOCK for c in figures):
            return TableKind.SNAPSHOT, "its columns are dates, and its figures balances"
        return TableKind.STATEMENT, "its columns are periods"
    if context.is_validity and (context.facts.panel or len(context.key) != 1):
        return TableKind.MAPPING, "all its figures are rates or prices of a key"
    if any(low not in context.dates for low, _ in context.facts.ordered):
        return TableKind.MAPPING, "its rows are ranges of codes"
    running = {balance for balance, _ in context.facts.running}
    stocks = [c for c in figures if c.role is Role.STOCK and c.column not in running]
    if context.facts.panel and stocks and 2 * len(stocks) >= len(figures):
        return TableKind.SNAPSHOT, "each key has one row for each date, with balances"
    if context.axis and figures and not (context.table.name in found.targets() and len(context.key) == 1):
        return TableKind.FACT, f"its rows have figures and a date ({context.axis})"
    if len(context.key) == 1 or context.table.name in found.targets():
        is_thing = not context.axis or not figures
        return (
            TableKind.DIMENSION if is_thing else TableKind.FACT
        ), f"each {''.join(context.key[:1]) or 'row'} is one row"
    return (TableKind.FACT, "its rows have a date") if context.axis else (TableKind.MAPPING, "its rows have no date")


def _scenario(table: Table) -> str | None:
    """The column whose values are scenarios, at least one of actual figures and one of plans."""
    for column in table.columns:
        values = [*column.values] if column.values and len(column.values) <= _MOST_SCENARIOS else []
        actual = [value for value in values if says(value, Sense.ACTUAL)]
        planned = [value for value in values if says(value, Sense.PLANNED)]
        if actual and planned and {*actual, *planned} == {*values}:
            return column.name
    return None


def _scaled(column: ColumnMeaning, table: Table) -> ColumnMeaning:
    """The column, with the scale that its name or the file states, such as thousands."""
    if not column.role.facts.is_measure or column.role in (Role.PERCENT, Role.RATE):
        return column
    said = [column.column]
    said += [d.text for d in table.decisions if d.kind is DecisionKind.NUMBERS and d.column == column.column]
    said += [d.text for d in table.decisions if d.kind is DecisionKind.NUMBERS and d.column is None]
    scale = next((s for text in said if (s := _scale(text))), None)
    return column.model_copy(update={"scale": _SCALES[scale]}) if scale else column


def _scale(text: str) -> str | None:
    written = re.search(r"are in ([\w ]+) \(.*\), and were read as written", text)
    return written[1] if written and written[1] in _SCALES else units.scale_of(text) if "," not in text else None


def _repeated(column: ColumnMeaning, table: Table, facts: TableFacts) -> ColumnMeaning:
    """The column, with the document that its values belong to if they are repeated on each of the document's lines."""
    if column.role not in (Role.FLOW, Role.AMOUNT) or column.once_for:
        return column
    group = next((g for g in facts.groups if column.column in g.constant and (g.once or _is_document(g.by))), None)
    profile = table.column(column.column) if group else None
    if group is None or group.groups < _FEWEST or profile is None or profile.distinct < max(_FEWEST, group.groups / 10):
        return column
    evidence = f"it has the same value in all rows of each {group.by}"
    return column.model_copy(
        update={"once_for": (group.by,), "is_repeated": True, "evidence": (*column.evidence, evidence)}
    )


def _is_document(name: str) -> bool:
    return says(name, Sense.CODE) or says(name, Sense.ORDER) or says(name, Sense.DOCUMENT)


def _questions(contexts: Sequence[TableContext], meanings: Sequence[TableMeaning]) -> Iterator[Question]:
    """Questions about doubtful balances, at most one for each table, and about doubtful time axes."""
    for context in contexts:
        name = context.table.name
        doubtful = [column for column, stock in context.stocks.items() if stock.is_doubtful]
        if doubtful:
            yield Question(
                id=f"{name}.{doubtful[0]}.role", table=name, column=doubtful[0], field="role",
                text=f"Is {doubtful[0]} in {name} a balance at a date, or an amount for a period?",
                answers=(Role.STOCK.value, Role.FLOW.value),
            )  # fmt: skip
    for context, meaning in zip(contexts, meanings, strict=True):
        axis, doubts = dates.time_axis(context.table, context.facts, context.dates)
        if meaning.kind is TableKind.FACT and axis and axis == meaning.time_axis and doubts:
            answers = (axis, *doubts)
            yield Question(
                id=f"{meaning.table}.time_axis", table=meaning.table, field="time_axis",
                text=f"Which date does a row of {meaning.table} belong to: {' or '.join(answers)}?", answers=answers,
            )  # fmt: skip
