"""Decides which columns that look like figures or dates hold codes, and therefore stay text.

The grammar of figures already excludes leading zeros. The evidence for other codes:

- the header says so (account, period, project), and the cells have a point, a dash or groups, but no sign or currency;
- decimals of mixed length with trailing zeros, such as 2024.1 and 2024.10, which neither a program nor a format writes;
- letters in front of a whole number, as in R1 or TOP10: they are a currency only in a column that is named like money;
- telephone numbers, postal codes and other digits that are never added up;
- numbers of many digits that a spreadsheet has abbreviated, such as 4.53E+15, among other codes.
"""

import re

from cfo_kernel import column_names
from cfo_kernel.data import number_grammar
from cfo_kernel.data.decisions import Decision, DecisionKind
from cfo_kernel.data.number_dates import says_date
from cfo_kernel.data.text_column import TextColumn
from cfo_kernel.data.vocabulary import DIGIT_NAMES, listed, plain

_DOTTED = r"\d+\.\d+"
_GROUPED = rf"\+?\d{{1,3}}([.,' {number_grammar.SPACES[2:]}]\d{{3}})+|\d+"
_DASHED = r"\d{1,2}[-./]\d{1,2}[-./]\d{2}"
_LETTERED = r"[a-z]{1,3}\d+"
_MOST_LENGTHS = 2
_SEGMENTS = listed(
    "segment segments centre center cost project projekt department abteilung wbs unit branch class category item"
    " version section position pos line ledger"
)


def says_code(name: str) -> bool:
    """Whether the name of a column says that its cells are codes and not dates."""
    parts = column_names.words(name)
    return not says_date(name) and (column_names.says_code(parts) or bool({*parts} & _SEGMENTS))


def keeps_text(column: TextColumn) -> list[Decision] | None:
    """Decisions on a column of codes, or None if nothing shows that it is one."""
    cells = column.sample
    parts = column_names.words(column.name)
    if not column_names.says_money(parts) and column.matches(_LETTERED):
        return []
    if not all(cell[:1].isdigit() or cell[:1] == "+" for cell in cells):
        return None
    if {*map(plain, parts)} & DIGIT_NAMES or any(word in column.name for word in ("電話", "郵便番号")):
        return [] if column.matches(r"[+0-9][-0-9 ().,/]*") else None
    if _is_abbreviated(column) and column.matches(rf"{number_grammar.SCIENTIFIC}|{number_grammar.WHOLE}"):
        return [_abbreviated(column)]
    is_named = says_code(column.name)
    is_code = (
        ((is_named or _is_unlikely_date(column)) and column.matches(_DASHED))
        or (not _is_measured(parts) and (is_named or _has_trailing_zeros(cells)) and column.matches(_DOTTED))
        or ((is_named or all(cell[0] == "+" for cell in cells)) and _has_groups(cells) and column.matches(_GROUPED))
    )
    return [_kept(column, "codes")] if is_code else None


def _has_groups(cells: list[str]) -> bool:
    """Whether some cells have digit groups, and all have nearly the same number of digits.

    Amounts vary more in length.
    """
    lengths = [sum(c.isdigit() for c in cell) for cell in cells]
    return not all(cell.isdigit() for cell in cells) and max(lengths) - min(lengths) < _MOST_LENGTHS


def _is_unlikely_date(column: TextColumn) -> bool:
    """Whether the cells look like 10-01-20, and the header does not mention dates."""
    return all("-" in cell for cell in column.sample) and not says_date(column.name)


def _is_measured(parts: tuple[str, ...]) -> bool:
    return (
        column_names.says_money(parts)
        or column_names.says_count(parts)
        or column_names.says_percent(parts)
        or column_names.says_rate(parts)
    )


def _has_trailing_zeros(cells: list[str]) -> bool:
    """Whether the decimals have different lengths and some of them end in zero."""
    fractions = [cell.partition(".")[2] for cell in cells]
    longest = max(map(len, fractions))
    if not longest:
        return False
    shorter = [f for f in fractions if len(f) < longest]
    return bool(shorter) and any(f.endswith("0") and len(f) > 1 for f in fractions)


def _is_abbreviated(column: TextColumn) -> bool:
    """Whether some cells are numbers of ten digits or more that a spreadsheet has abbreviated, and others are codes."""
    short = [cell for cell in column.sample if re.fullmatch(number_grammar.SCIENTIFIC, cell, re.IGNORECASE)]
    long = [cell for cell in column.sample if "e" not in cell.lower()]
    if not short or any(int(re.split("[eE][+]", cell)[1]) < 10 for cell in short):
        return False
    return says_code(column.name) or (bool(long) and all(len(cell) >= 11 for cell in long))


def _abbreviated(column: TextColumn) -> Decision:
    example = next(cell for cell in column.sample if "e" in cell.lower())
    lost = f"a spreadsheet has abbreviated numbers such as {example}, so their last digits are lost"
    text = f"{column.name}: {lost}. They were kept as text. Export the column as text."
    return Decision(kind=DecisionKind.CODES, text=text, column=column.name, needs_check=True)


def _kept(column: TextColumn, what: str) -> Decision:
    text = f"{column.name}: cells such as {min(column.sample)} were kept as text, as {what}."
    return Decision(kind=DecisionKind.CODES, text=text, column=column.name)
