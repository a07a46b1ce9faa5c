"""Recognizes large columns of amounts that are all written alike, such as `-1.234,50 €`, to read them in one pass.

Runs in the ingest worker. A sample of the column shows what surrounds the numbers. If every cell has exactly that, and
at most a minus sign, the currency and the positions of the digits are known, and no cell needs a closer look.
"""

import re
from dataclasses import dataclass

from cfo_kernel.data import exact_types, number_grammar
from cfo_kernel.data.number_grammar import Mark
from cfo_kernel.data.text_column import TextColumn
from cfo_kernel.sql_text import text_literal

_PARTS = re.compile(r"-?([^0-9.,]*)[0-9.,]*[0-9]([^0-9.,]*)")
_UNSURE = re.compile(rf"[{number_grammar.MINUS}+＋()]")


@dataclass(frozen=True)
class PlainAmounts:
    """Amounts that are written alike: SQL for their sign and digits, and the number of digits around the point.

    No cell has more than `whole` digits before the point, or more than `scale` after it.
    """

    value: str
    whole: int
    scale: int


def find_plain(column: TextColumn, mark: Mark) -> PlainAmounts | None:
    """The amounts of a column, given the decimal mark of those in its sample.

    None if they are not all written alike.
    """
    affixes = {found.groups() if (found := _PARTS.fullmatch(cell)) else None for cell in column.sample}
    around = affixes.pop() if len(affixes) == 1 else None
    if column.is_whole or around is None or any(map(_UNSURE.search, around)):
        return None
    before, behind = around
    pattern = f"-?{re.escape(before)}{number_grammar.plainly_grouped(mark)}{re.escape(behind)}"
    cell = column.value
    is_other = f"{cell} IS NOT NULL AND NOT regexp_full_match({cell}, {text_literal(pattern)})"
    decimals = (
        f"CASE WHEN instr({cell}, '{mark}') > 0 THEN length({cell}) - instr({cell}, '{mark}') - {len(behind)} END"
    )
    found = column.figure(f"[count(*) FILTER ({is_other}), max(length({cell})), coalesce(max({decimals}), 0)]")
    others, longest, scale = found
    if others or longest + scale > exact_types.USUAL_DIGITS:
        return None
    for text in filter(None, around):
        cell = f"replace({cell}, {text_literal(text)}, '')"
    value = f"replace({cell}, ',', '')" if mark == "." else f"replace(replace({cell}, '.', ''), ',', '.')"
    return PlainAmounts(value, longest - scale, scale)
