"""Reads figures: numbers, amounts as people write them, and percentages.

Runs in the ingest worker, on the table `staging`. The grammar is in `number_grammar`. A reader returns decisions if
every cell of the column fits, and None otherwise.
"""

import re
from collections.abc import Callable, Sequence

from cfo_kernel.data import currencies, exact_types, number_grammar, plain_amounts, remembered_cells, staging_formats
from cfo_kernel.data.decisions import Decision, DecisionKind
from cfo_kernel.data.number_grammar import Mark
from cfo_kernel.data.plain_amounts import PlainAmounts
from cfo_kernel.data.source_rows import SourceRows
from cfo_kernel.data.text_column import TextColumn
from cfo_kernel.sql_text import quoted, text_literal

_SIDE_PAIRS = ({"s", "h"}, {"d", "c"}, {"d", "h"})
_BEHIND = rf"[0-9.,)][{number_grammar.SPACES}]*{currencies.CURRENCY}"
Notation = Callable[[Mark | None], str]
_PLAIN = (number_grammar.amount, number_grammar.percentage)


def has_digits(column: TextColumn) -> bool:
    """Whether every cell has a digit, as any figure must."""
    return all(any("0" <= c <= "9" for c in cell) for cell in column.sample)


def read_numbers(column: TextColumn) -> list[Decision] | None:
    """Reads numbers without separators: exactly if they are short enough, otherwise as rounded doubles."""
    if not column.is_whole and column.may_match(number_grammar.WHOLE) and _are_short(column):
        column.retype("BIGINT", column.value)
        return []
    if not column.matches(number_grammar.PLAIN):
        return _floats(column)
    whole, scale = _lengths(column)
    if whole < exact_types.MAX_WHOLE and column.matches(number_grammar.WHOLE):
        column.retype("BIGINT", column.value)
    elif scale <= exact_types.MAX_SCALE and whole + scale <= exact_types.MAX_DIGITS:
        column.retype(exact_types.decimal(whole, scale), column.value)
    elif scale:
        return column.as_floats(f"CAST({column.value} AS DOUBLE)")
    return []  # a whole number with more digits than any type can hold stays text


def _are_short(column: TextColumn) -> bool:
    """Whether all cells are whole numbers that fit BIGINT, even if a sign is counted as a digit."""
    is_other = f"{column.value} IS NOT NULL AND NOT regexp_full_match({column.value}, '{number_grammar.WHOLE}')"
    others, longest = column.figure(f"[count(*) FILTER ({is_other}), max(strlen({column.value}))]")
    return not others and longest < exact_types.MAX_WHOLE


def _lengths(column: TextColumn) -> list[int]:
    """The maximum numbers of digits before and after the decimal point, not counting trailing zeros."""
    if column.is_whole:
        parts = [cell.partition(".") for cell in column.sample]
        return [max(len(whole.lstrip("+-")) for whole, *_ in parts), max(len(d.rstrip("0")) for *_, d in parts)]
    lengths = (
        f"max(length(ltrim(split_part({column.value}, '.', 1), '+-')))",
        f"max(length(rtrim(split_part({column.value}, '.', 2), '0')))",
    )
    return column.figure(f"[{', '.join(lengths)}]")


def _floats(column: TextColumn) -> list[Decision] | None:
    if not column.matches(number_grammar.FLOAT):
        return None
    return column.as_floats(f"CAST({column.value} AS DOUBLE)")


def read_amounts(column: TextColumn, marks: Sequence[Mark], rows: SourceRows) -> list[Decision] | None:
    """Reads amounts and percentages, with the first of these decimal marks that fits."""
    for notation in _notations(column):
        for mark in marks:
            if not column.may_match(notation(mark)):
                continue
            plain = plain_amounts.find_plain(column, mark) if notation in _PLAIN else None
            if plain or (column.matches(notation(mark)) and column.matches(number_grammar.ONE_SIGN)):
                some = [_percentages(column, rows)] if notation is number_grammar.with_percentages else []
                some += _negated(column, rows)
                found = _parse(column, notation, mark, plain)
                return found and found + some
    return None


def _negated(column: TextColumn, rows: SourceRows) -> list[Decision]:
    """A decision about amounts with both a minus sign and parentheses. To be called before the column is converted."""
    pattern = re.compile(number_grammar.NEGATED, re.IGNORECASE)
    if not (examples := [cell for cell in column.sample if pattern.match(cell)]):
        return []
    where = f"regexp_full_match({column.value}, {text_literal(number_grammar.NEGATED)}, 'i')"
    count = column.figure(f"count(*) FILTER ({where})")
    cells, verb = ("1 cell has", "was") if count == 1 else (f"{count:,} cells have", "were")
    text = f"{column.name}: {cells} a minus sign and parentheses ({examples[0]}), and {verb} read as negative."
    found, kind = rows.of(column.rowids(where)), DecisionKind.NUMBERS
    return [Decision(kind=kind, text=text, column=column.name, rows=found, count=count, needs_check=True)]


def may_be_either(column: TextColumn) -> bool:
    """Whether the points or commas in the column could be thousands separators as well as decimal marks."""
    forms = [form(None) for form in _notations(column) if column.may_match(form(None))]
    if forms and not any("." in cell or "," in cell for cell in column.sample):
        marks = f"contains({column.value}, '.') OR contains({column.value}, ',')"
        if column.is_whole or column.holds(f"NOT ({marks})"):
            return False
    return any(map(column.matches, forms))


def proven_mark(column: TextColumn) -> Mark | None:
    """The column's decimal mark, or None if its cells do not show which one it is."""
    fits: list[bool] = [any(column.matches(form(mark)) for form in _notations(column)) for mark in (".", ",")]
    return None if fits[0] == fits[1] else "." if fits[0] else ","


def _notations(column: TextColumn) -> list[Notation]:
    """The notations that are worth trying."""
    if not has_digits(column):
        return []
    if any("%" in cell or "％" in cell for cell in column.sample):
        others = [cell for cell in column.sample if not cell.rstrip(") ").endswith(("%", "％"))]
        is_of_amounts = 2 * len(others) > len(column.sample) or any(re.search(r"[$€£¥]", cell) for cell in others)
        return [number_grammar.percentage, *([number_grammar.with_percentages] if is_of_amounts else [])]
    last = {cell[-1:].lower() for cell in column.sample}
    letters = {letter for letter in last if letter.isalpha()}
    if any(re.search(r"\d\W*(dr|db|debit|soll|cr|credit|haben)\.?$", cell, re.IGNORECASE) for cell in column.sample):
        return [number_grammar.sided]
    return [number_grammar.lettered] if letters in _SIDE_PAIRS else [number_grammar.amount]


def _parse(column: TextColumn, notation: Notation, mark: Mark, plain: PlainAmounts | None) -> list[Decision] | None:
    digits = number_grammar.digits(column.value, mark)
    has_sides = notation in (number_grammar.sided, number_grammar.lettered)
    sign = number_grammar.sign(column.value, has_sides=has_sides)
    is_percent = notation is number_grammar.percentage
    whole, scale, written, behind = _shape(column, mark, has_sides=has_sides, plain=plain)
    if not all(map(currencies.is_currency, (*written, *behind))):
        return None  # quantities, such as 5 kg
    if whole + scale > exact_types.MAX_DIGITS - 2:  # two digits are reserved for percentages
        return None
    value = f"CAST({plain.value if plain else f'{sign} || {digits}'} AS {exact_types.decimal(whole, scale)})"
    shape = "1.234,56" if mark == "," else "1,234.56"
    if is_percent:
        column.retype(exact_types.decimal(whole, scale + 2), f"CAST({value} AS DECIMAL(38, {scale + 2})) * 0.01")
        staging_formats.mark_percent(column.connection, column.table, column.name)
        text = f"percentages were read in the style of {shape} and stored as fractions (5% as 0.05)."
        return [_decision(DecisionKind.PERCENT, column, text)]
    decisions = [_decision(DecisionKind.NUMBERS, column, f"amounts were read in the style of {shape}.")]
    if has_sides:
        text = "debits were read as positive amounts, and credits as negative ones."
        decisions.append(_decision(DecisionKind.NUMBERS, column, text))
    if len({currencies.code(one) for one in written}) > 1:
        decisions.append(_split_currency(column, written, has_sides=has_sides))
    column.retype(exact_types.decimal(whole, scale), value)
    return decisions


def _percentages(column: TextColumn, rows: SourceRows) -> Decision:
    """A decision about the percentages in a column of amounts. Must be called before the column is converted."""
    remembered_cells.remember_percentages(column)
    where = f"regexp_matches({column.value}, '[%％]')"
    count = column.figure(f"count(*) FILTER ({where})")
    found = rows.of(column.rowids(where))
    cells = "1 cell is a percentage" if count == 1 else f"{count:,} cells are percentages"
    text = f"{column.name}: {cells} among other figures; the numbers were read as written (5% as 5)."
    return Decision(kind=DecisionKind.PERCENT, text=text, column=column.name, rows=found, count=count, needs_check=True)


def _shape(
    column: TextColumn, mark: Mark, *, has_sides: bool, plain: PlainAmounts | None = None
) -> tuple[int, int, list[str], list[str]]:
    """The maximum numbers of digits before and after the point, and the possible currencies.

    The first list has the first possible currency in each cell, and the second those that follow the number.
    """
    if column.is_whole:
        return _shape_of(column.sample, mark, has_sides=has_sides)
    if plain:
        *_, written, behind = _shape_of(column.sample, mark, has_sides=has_sides)
        return plain.whole, plain.scale, written, behind
    value = number_grammar.without_side(column.value) if has_sides else column.value
    digits = number_grammar.digits(column.value, mark)
    written = f"regexp_extract({value}, {text_literal(currencies.CURRENCY)}, 0, 'i')"
    behind = f"regexp_extract({value}, {text_literal(_BEHIND)}, 1, 'i')"
    wanted = ", ".join(
        (
            f"max(length(split_part({digits}, '.', 1)))",
            f"max(length(split_part({digits}, '.', 2)))",
            f"list(DISTINCT {written}) FILTER ({written} <> '')",
            f"list(DISTINCT {behind}) FILTER ({behind} <> '')",
        )
    )
    [(whole, scale, found, last)] = column.connection.execute(f"SELECT {wanted} FROM {column.table}").fetchall()  # noqa: S608 - built here
    return whole, scale, found or [], last or []


def _shape_of(cells: Sequence[str], mark: Mark, *, has_sides: bool) -> tuple[int, int, list[str], list[str]]:
    """`_shape`, computed in Python from all cells of a small table, for which a query would take longer."""
    bare = [re.sub(number_grammar.NO_DIGITS, "", cell) for cell in cells]
    parts = [text.replace("," if mark == "." else ".", "").replace(",", ".").split(".") for text in bare]
    values = [
        re.sub(number_grammar.SIDE_BEHIND, "", cell, flags=re.IGNORECASE) if has_sides else cell for cell in cells
    ]
    found = [re.search(currencies.CURRENCY, value, re.IGNORECASE) for value in values]
    written = {one[0]: None for one in found if one and one[0]}
    last = [re.search(_BEHIND, value, re.IGNORECASE) for value in values]
    behind = {one[1]: None for one in last if one}
    most = max(len(p[1]) if len(p) > 1 else 0 for p in parts)
    return max(len(p[0]) for p in parts), most, [*written], [*behind]


def _split_currency(column: TextColumn, written: list[str], *, has_sides: bool) -> Decision:
    """Adds a column with the currency of each amount, after the amounts."""
    names = [name for name, *_ in column.connection.execute(f"DESCRIBE {column.table}").fetchall()]
    name = next(n for n in _names(column.name) if n.lower() not in {taken.lower() for taken in names})
    cases = " ".join(f"WHEN {text_literal(one)} THEN {text_literal(currencies.code(one))}" for one in written)
    value = number_grammar.without_side(column.value) if has_sides else column.value
    found = f"regexp_extract({value}, {text_literal(currencies.CURRENCY)}, 0, 'i')"
    _add_column(column, name, f"CASE {found} {cases} END")
    for later in names[names.index(column.name) + 1 :]:  # moved after the new one, with the same row ids
        _add_column(column, f"{name} {later}", quoted(later))
        column.connection.execute(f"ALTER TABLE {column.table} DROP {quoted(later)}")
        column.connection.execute(f"ALTER TABLE {column.table} RENAME {quoted(f'{name} {later}')} TO {quoted(later)}")
    codes = ", ".join(sorted({currencies.code(one) for one in written}))
    text = f"the amounts are in different currencies ({codes}). The column {name} has the currency of each amount."
    return Decision(kind=DecisionKind.NUMBERS, text=f"{column.name}: {text}", column=column.name, needs_check=True)


def _add_column(column: TextColumn, name: str, value: str) -> None:
    """Adds a column whose type and cells come from the SQL expression `value`."""
    [(kind,)] = column.connection.execute(f"SELECT typeof({value}) FROM {column.table} LIMIT 1").fetchall()  # noqa: S608 - built here
    column.connection.execute(f"ALTER TABLE {column.table} ADD COLUMN {quoted(name)} {kind}")
    column.connection.execute(f"UPDATE {column.table} SET {quoted(name)} = {value}")  # noqa: S608 - built here


def _names(column: str) -> list[str]:
    return ["Currency", *(f"{column} currency{end}" for end in ("", *(f" {n}" for n in range(2, 2000))))]


def _decision(kind: DecisionKind, column: TextColumn, text: str) -> Decision:
    return Decision(kind=kind, text=f"{column.name}: {text}", column=column.name)
