"""Finds the unit or currency of figures in their name, in the title of the file, or in another column."""

import re
from collections.abc import Iterable, Sequence

from cfo_kernel import column_names
from cfo_kernel.data import currencies
from cfo_kernel.data.decisions import DecisionKind
from cfo_kernel.data.semantics.meaning import ColumnMeaning, Role
from cfo_kernel.data.semantics.words import Sense, says, subject
from cfo_kernel.data.tables import Table

_MONEY = (Role.FLOW, Role.STOCK, Role.AMOUNT, Role.PRICE, Role.RATE)
_CODE = re.compile(r"\b[A-Z]{3}\b")
_SIGN = re.compile(r"[$€£¥]")


def with_units(columns: Sequence[ColumnMeaning], table: Table) -> list[ColumnMeaning]:
    """The columns, with the currency of those that contain money."""
    beside = [c.column for c in columns if c.role is Role.CURRENCY]
    title = _code(d.text for d in table.decisions if d.kind is DecisionKind.NUMBERS and d.column is None)
    found: list[ColumnMeaning] = []
    for column in columns:
        if column.role in _MONEY:
            own = _code([column.column])
            name = _beside(column, beside)
            if own:
                column = column.model_copy(update={"unit": own})
            elif name:
                column = column.model_copy(update={"unit_column": name})
            elif title and not _is_quantity(column.column):
                column = column.model_copy(update={"unit": title})
        found.append(column)
    return found


def _code(texts: Iterable[str]) -> str | None:
    for text in texts:
        codes = [code for code in _CODE.findall(text) if code.lower() in _CODES]
        codes += [currencies.code(sign) for sign in _SIGN.findall(text)]
        if len(set(codes)) == 1:
            return codes[0]
    return None


_CODES = frozenset(code.lower() for code in currencies.CODES) - {"all", "top", "try"}


def _beside(column: ColumnMeaning, beside: Sequence[str]) -> str | None:
    """The currency column for a column of money: the only one, or the one that shares a word with its name."""
    if not beside or _is_quantity(column.column):
        return None
    if len(beside) == 1:
        return beside[0]
    named = [name for name in beside if subject(name) & subject(column.column)]
    return named[0] if len(named) == 1 else None


def _is_quantity(name: str) -> bool:
    """Whether a figure counts pieces, hours or the like rather than money."""
    words = column_names.words(name)
    if column_names.says_money(words):
        return False
    return column_names.says_count(words) or says(name, Sense.COUNT) or says(name, Sense.PIECES)
