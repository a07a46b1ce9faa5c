"""Decides the role of each column in its table, from its type, its values, facts about the rows, and its name."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from cfo_kernel import column_names
from cfo_kernel.data import currencies
from cfo_kernel.data.semantics.dates import DateMeaning
from cfo_kernel.data.semantics.facts import Between, GroupFacts, Inclusion, NumberFacts, TableFacts
from cfo_kernel.data.semantics.key_facts import may_be_key
from cfo_kernel.data.semantics.meaning import ColumnMeaning, DateKind, Role
from cfo_kernel.data.semantics.periods_across import Across
from cfo_kernel.data.semantics.relation_facts import shape
from cfo_kernel.data.semantics.stocks import StockEvidence
from cfo_kernel.data.semantics.words import Sense, says, says_any, word_of
from cfo_kernel.data.tables import Column, Kind, Table
from cfo_kernel.data.vocabulary import DIGIT_NAMES

_FEW = 20
_MOST_OF = 0.95


@dataclass(frozen=True)
class TableContext:
    """Everything that the roles of a table's columns depend on."""

    table: Table
    facts: TableFacts
    across: Across
    dates: Mapping[str, DateMeaning]
    axis: str | None
    is_validity: bool
    """Whether the figures are rates or prices that are valid for a time."""
    references: Mapping[str, Inclusion] = field(default_factory=dict[str, Inclusion])
    ranges: Mapping[str, Between] = field(default_factory=dict[str, Between])
    stocks: Mapping[str, StockEvidence] = field(default_factory=dict[str, StockEvidence])

    @property
    def key(self) -> tuple[str, ...]:
        """The grain of the table.

        This is the range of codes that a row covers, or else the key whose columns are most like codes.
        """
        if ranges := [pair for pair in self.facts.ordered if pair[0] not in self.dates]:
            return ranges[0]
        return min(self.facts.keys, key=self._key_rank, default=())

    def _key_rank(self, key: tuple[str, ...]) -> tuple[bool, bool, bool, int]:
        column = self.table.column(key[0])
        names = [c.name for c in self.table.columns]
        is_coded = all(says(name, Sense.CODE) or name in self.dates for name in key)
        is_named = len(key) == 1 and says(key[0], Sense.NAME)
        is_moment = column is not None and column.kind is Kind.TIME and len(key) == 1
        has_line = any(says(name, Sense.LINE) for name in key)
        return (is_named or is_moment, not has_line, not is_coded, names.index(key[0]))


def column_meaning(column: Column, context: TableContext) -> ColumnMeaning:
    """The meaning of a column, with evidence."""
    name = column.name
    if (dated := context.dates.get(name)) is not None:
        return _said(name, Role.DATE, dated.confidence, dated.evidence, date=dated.kind)
    group = next((g for g in context.facts.groups if name in g.once), None)
    if name in context.across.periods or name in context.across.totals:
        return figure(column, context)
    if column.kind is Kind.TEXT or not column.distinct:
        found = _text(column, context)
    elif column.kind is Kind.NUMBER:
        found = _code_number(column, context) or figure(column, context)
    else:
        found = _said(name, Role.ATTRIBUTE, 0.7, f"its type is {column.type}")
    return _with_group(found, group) if group else found


def _with_group(found: ColumnMeaning, group: GroupFacts) -> ColumnMeaning:
    evidence = f"it has a value in only one row of each {group.by}"
    return found.model_copy(update={"once_for": (group.by,), "evidence": (*found.evidence, evidence)})


def _said(name: str, role: Role, confidence: float, *evidence: str, date: DateKind | None = None) -> ColumnMeaning:
    return ColumnMeaning(column=name, role=role, confidence=confidence, evidence=evidence, date=date)


def _text(column: Column, context: TableContext) -> ColumnMeaning:
    name = column.name
    if _is_currency(column):
        return _said(name, Role.CURRENCY, 0.95, "all values are codes of currencies")
    if found := _reference(name, context):
        return found
    if found := _key(column, context):
        return found
    if says(name, Sense.UNIT) and 0 < column.distinct <= _FEW and not says(name, Sense.CODE):
        return _said(name, Role.UNIT, 0.8, f"the name says {word_of(name, Sense.UNIT)!r}")
    if _is_identity(column, context):
        return _said(name, Role.KEY, 0.75, "its values are the numbers of things that have several rows")
    if says(name, Sense.NAME) and not says(name, Sense.TEXT):
        return _said(name, Role.NAME, 0.8, f"the name says {word_of(name, Sense.NAME)!r}")
    if says(name, Sense.CODE):
        return _said(name, Role.CODE, 0.7, f"the name says {word_of(name, Sense.CODE)!r}")
    return _said(name, Role.ATTRIBUTE, 0.7, f"it has {column.distinct:,} different values")


def _reference(name: str, context: TableContext) -> ColumnMeaning | None:
    if inclusion := context.references.get(name):
        evidence = f"{inclusion.matched:,} of {inclusion.distinct:,} values are in {inclusion.to_table}"
        found = _said(name, Role.REFERENCE, 0.6 + 0.35 * inclusion.share, evidence)
        return found.model_copy(update={"refers_to": f"{inclusion.to_table}.{inclusion.to_columns[0]}"})
    if between := context.ranges.get(name):
        evidence = f"{between.matched:,} of {between.distinct:,} values lie in a range of {between.to_table}"
        found = _said(name, Role.REFERENCE, 0.85, evidence)
        return found.model_copy(update={"refers_to": f"{between.to_table}.{between.low}"})
    return None


def _key(column: Column, context: TableContext) -> ColumnMeaning | None:
    """The meaning of a column that identifies rows, alone or with other columns, or None."""
    name, key = column.name, context.key
    if key == (name,):
        return _said(name, Role.KEY, 0.9, "each value occurs once")
    if (name,) in context.facts.keys and says(name, Sense.CODE) and not says(name, Sense.NAME):
        return _said(name, Role.KEY, 0.8, "each value occurs once, and the name says that it is a code")
    if name in key:
        others = [part for part in key if part != name]
        together = f"with {' and '.join(others)}, it identifies a row"
        is_thing = context.is_validity and all(part in context.dates for part in others)
        if is_thing or _is_code(column):
            return _said(name, Role.KEY, 0.8, together)
    return None


def _is_code(column: Column) -> bool:
    """Whether the values are codes: the name says so and they contain digits, or they all have one form with digits."""
    has_digits = any(c.isdigit() for c in f"{column.minimum}{column.maximum}")
    return (says(column.name, Sense.CODE) and has_digits) or _has_one_form(column)


def _has_one_form(column: Column) -> bool:
    texts = list(column.values or ()) or [column.minimum or "", column.maximum or ""]
    forms = [shape(text) for text in texts]
    usual = max(set(forms), key=forms.count)
    is_short = len(usual) <= 8 and " " not in usual
    return "0" in usual and is_short and forms.count(usual) >= _MOST_OF * len(forms)


def _is_identity(column: Column, context: TableContext) -> bool:
    """Whether the values identify things that occur in several rows, although no table lists them."""
    name = column.name
    if {*column_names.words(name)} & DIGIT_NAMES or column.distinct < _FEW:
        return False
    is_mail = "@" in (column.minimum or "") and "@" in (column.maximum or "")
    is_document = _is_code(column) and any(g.by == name and g.once for g in context.facts.groups)
    return is_mail or is_document or (_has_one_form(column) and (says(name, Sense.CODE) or column.distinct >= 3 * _FEW))


def _is_currency(column: Column) -> bool:
    codes = [*column.values] if column.values else []
    if not codes or not all(re.fullmatch("[A-Z]{3}", code) and code.lower() in _CODES for code in codes):
        return False
    return says(column.name, Sense.CURRENCY) or len(codes) > 1 or column_names.says_money(
        column_names.words(column.name)
    )  # fmt: skip


_CODES = frozenset(code.lower() for code in currencies.CODES)


def _code_number(column: Column, context: TableContext) -> ColumnMeaning | None:
    """The meaning of a number that names something instead of measuring it, or None."""
    name = column.name
    numbers = context.facts.numbers.get(name, NumberFacts())
    if not may_be_key(column) or numbers.whole < numbers.filled:
        return None
    if found := _reference(name, context):
        return found
    if says(name, Sense.LINE) and name != context.table.columns[0].name:
        return _said(name, Role.CODE, 0.85, "it numbers the lines of a group")
    if any(name == high for _, high in context.facts.ordered):
        return _said(name, Role.CODE, 0.85, "it is the end of a range of codes")
    if found := _key_number(column, context):
        return found
    if says(name, Sense.ATTRIBUTE) and column.distinct <= _FEW:
        return _said(name, Role.ATTRIBUTE, 0.75, f"the name says {word_of(name, Sense.ATTRIBUTE)!r}")
    if says(name, Sense.CODE) and not says_any(name, (Sense.FLOW, Sense.AMOUNT, Sense.STOCK, Sense.COUNT)):
        role = Role.KEY if column.distinct >= _FEW else Role.CODE
        return _said(name, role, 0.7, f"the name says {word_of(name, Sense.CODE)!r}")
    return None


def _key_number(column: Column, context: TableContext) -> ColumnMeaning | None:
    name, key = column.name, context.key
    is_low = any(name == low for low, _ in context.facts.ordered)
    if name in key and (is_low or says(name, Sense.CODE)):
        return _said(
            name, Role.KEY, 0.85, "it identifies a row" if len(key) == 1 else "it identifies a row with others"
        )
    is_first = name == context.table.columns[0].name
    if key == (name,) and (is_first or not context.facts.numbers[name].negative):
        return _said(name, Role.KEY, 0.8, "each value occurs once")
    return _said(name, Role.KEY, 0.8, "it is the start of a range of codes") if is_low else None


def figure(column: Column, context: TableContext) -> ColumnMeaning:
    """The meaning of a column of figures."""
    name = column.name
    role, confidence, evidence = _measure(column, context)
    return ColumnMeaning(
        column=name,
        role=role,
        confidence=confidence,
        evidence=evidence,
        period=context.across.periods.get(name),
        total_of=context.across.totals.get(name) or _parts(name, context.facts),
    )


def _parts(name: str, facts: TableFacts) -> tuple[str, ...]:
    return next((fact.plus for fact in facts.sums if fact.total == name and not fact.minus), ())


def _measure(column: Column, context: TableContext) -> tuple[Role, float, tuple[str, ...]]:
    name = column.name
    if found := _ratio(column, context):
        return found
    if stock := context.stocks.get(name):
        if not stock.is_doubtful:
            return Role.STOCK, stock.confidence, stock.evidence
        return Role.FLOW, 0.5, ("nothing proves that it is a balance", *stock.evidence)
    if says(name, Sense.COUNT):
        return Role.COUNT, 0.8, (f"the name says {word_of(name, Sense.COUNT)!r}",)
    if context.axis is None and not context.across.periods:
        return Role.AMOUNT, 0.75, ("it is a figure of a thing, and the rows have no date of their own",)
    when = f"the rows belong to {context.axis}" if context.axis else "each column is a period"
    return Role.FLOW, 0.75, (when,)


def _ratio(column: Column, context: TableContext) -> tuple[Role, float, tuple[str, ...]] | None:
    """The role of a figure that is never added up, if the name or the format shows that it is one."""
    name, parts = column.name, column_names.words(column.name)
    shown = column.format.role if column.format else ""
    if name in context.across.periods and _is_share(column, context):
        return Role.PERCENT, 0.8, ("all values lie between 0 and 1",)
    if shown in ("percent", "points"):
        return Role.PERCENT, 0.9, ("the values are percentages",)
    if is_price(name):
        return Role.PRICE, 0.85, (f"the name says {word_of(name, Sense.PRICE) or 'a price of one unit'!r}",)
    if says(name, Sense.RATE) or shown == "rate":
        if column_names.says_percent(parts):
            return Role.PERCENT, 0.8, (f"the name says {word_of(name, Sense.RATE)!r}",)
        return Role.RATE, 0.85, (f"the name says {word_of(name, Sense.RATE) or 'rate'!r}",)
    if says(name, Sense.PERCENT) and not says(name, Sense.AMOUNT) and _is_fraction(column):
        return Role.PERCENT, 0.75, (f"the name says {word_of(name, Sense.PERCENT)!r}",)
    return None


def _is_share(column: Column, context: TableContext) -> bool:
    """Whether the figures of all periods are fractions of 1."""
    columns = [c for name in context.across.periods if (c := context.table.column(name)) and c.distinct]
    try:
        ends = [(float(c.minimum or 0), float(c.maximum or 0)) for c in columns]
    except ValueError:
        return False
    is_inside = all(low >= 0 and high <= 1 for low, high in ends)
    return is_inside and any(c.scale > 0 or c.type in ("DOUBLE", "FLOAT") for c in columns) and column.distinct > 0


_PER = re.compile(r"/|\b(?:per|pro|par|por)\b", re.IGNORECASE)


def is_price(name: str) -> bool:
    """Whether the name is that of a price of one unit: a word for prices, or money per something."""
    if says(name, Sense.PRICE):
        return True
    head, *rest = _PER.split(name, maxsplit=1)
    return bool(rest) and column_names.says_money(column_names.words(head))


def _is_fraction(column: Column) -> bool:
    try:
        low, high = float(column.minimum or 0), float(column.maximum or 0)
    except ValueError:
        return False
    return low >= -100 and high <= 200 and (column.scale > 0 or high > 1 or "." in (column.maximum or ""))
