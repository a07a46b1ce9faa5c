"""Finds the few cells of a column that are neither figures nor dates, although the others are.

Such a cell is read as empty, and a decision names its row. The rule: a word for a value that is not known yet (`TBD`,
`open`) may occur in up to half of the cells; any other words only in one cell in twenty, and only if the rest are
clearly figures or dates, not whole numbers that might be codes. A cell with a digit is never dropped, except a date of
zeros such as 0000-00-00.
"""

import re
from dataclasses import replace

from cfo_kernel import column_names
from cfo_kernel.data import currencies, date_formats, number_dates, number_grammar, remembered_cells
from cfo_kernel.data.decisions import Decision, DecisionKind
from cfo_kernel.data.source_rows import SourceRows
from cfo_kernel.data.text_column import TextColumn, fits
from cfo_kernel.data.vocabulary import MONTHS, PENDING_WORDS, plain
from cfo_kernel.sql_text import text_literal

_MOST = 20  # different odd cells
_MOST_WORDS = 100
_RARE = 20
_SHOWN = 3
_LETTERS = re.compile("[a-z]", re.IGNORECASE)
"""Letters, which figures and dates contain only in the words below, unlike `i1`, `5 kg` and `Invoice 12`."""
_CURRENCIES = re.compile(rf"\b({'|'.join(sorted(currencies.CODES))})\b", re.IGNORECASE | re.ASCII)
_MONTHS = re.compile(rf"\b({'|'.join(sorted(MONTHS))}|de|del|di|of)\b|\dt\d|\dz\b", re.IGNORECASE | re.ASCII)


def without_odd_cells(column: TextColumn) -> TextColumn | None:
    """The column without its odd cells, or None if it has none or too many."""
    for pattern, excepted in ((number_grammar.ANY, "_^"), (date_formats.ANY, date_formats.SENTINEL)):
        is_date = pattern == date_formats.ANY
        usual_cells = [cell for cell in column.sample if fits(pattern, cell) and not fits(excepted, cell)]
        if 2 * len(usual_cells) < len(column.sample) - 1 or not usual_cells or _may_be_codes(column, usual_cells):
            continue
        if len(column.sample) - len(usual_cells) > _MOST:
            continue
        usual = f"regexp_full_match({column.value}, {text_literal(pattern)}, 'i')"
        usual += f" AND NOT regexp_full_match({column.value}, '{excepted}', 'i')" if is_date else ""
        found = column.counts(f"{column.value} IS NOT NULL AND NOT ({usual})", _MOST + 1)
        if found and _are_odd(found, column, is_clear=is_date or _are_clear(column, usual_cells), is_date=is_date):
            odd = tuple(cell for cell, _ in found)
            return replace(column, odd=odd, sample=[cell for cell in column.sample if cell not in odd])
    return None


def without_words(column: TextColumn) -> TextColumn:
    """The column without the cells that are words.

    To be called if totals have proven that the column contains figures.
    """
    usual = f"regexp_full_match({column.value}, {text_literal(number_grammar.ANY)}, 'i')"
    found = column.counts(f"{column.value} IS NOT NULL AND NOT ({usual})", _MOST_WORDS + 1)
    odd = tuple(cell for cell, _ in found if not re.search(r"\d", cell))
    return replace(column, odd=odd, sample=[cell for cell in column.sample if cell not in odd])


def _are_odd(found: list[tuple[str, int]], column: TextColumn, *, is_clear: bool, is_date: bool) -> bool:
    others = {cell: n for cell, n in found if not (is_date and date_formats.is_sentinel(cell))}
    words = {cell: n for cell, n in others.items() if plain(cell).strip(".!?*()[] ") not in PENDING_WORDS}
    if len(found) > _MOST or any(re.search(r"\d", cell) for cell in others):
        return False
    few = 2 * sum(others.values()) <= column.filled
    return few and (not words or (is_clear and _RARE * sum(words.values()) <= column.filled))


def _are_clear(column: TextColumn, cells: list[str]) -> bool:
    """Whether these cells are figures rather than codes."""
    parts = column_names.words(column.name)
    named = column_names.says_money(parts) or column_names.says_count(parts) or column_names.says_percent(parts)
    return named or any(re.search(r"\d[.,]\d|[%()$€£¥]", cell) for cell in cells)


def stays_text(column: TextColumn, rows: SourceRows) -> list[Decision]:
    """A decision about a column that stays text although most of its cells are figures or dates."""
    for pattern, kind, name in (
        (date_formats.ANY, DecisionKind.DATES, "date"),
        (number_grammar.ANY, DecisionKind.NUMBERS, "figure"),
    ):
        words = _CURRENCIES if kind is DecisionKind.NUMBERS else _MONTHS
        usual_cells = [
            cell for cell in column.sample if fits(pattern, cell) and not _LETTERS.search(words.sub("", plain(cell)))
        ]
        if len(usual_cells) < 2 or 2 * len(usual_cells) <= len(column.sample) or _may_be_codes(column, usual_cells):
            continue
        usual = f"regexp_full_match({column.value}, {text_literal(pattern)}, 'i')"
        others = f"regexp_replace(strip_accents(lower({column.value})), {text_literal(words.pattern)}, '', 'gi')"
        usual += f" AND NOT regexp_matches({others}, '{_LETTERS.pattern}', 'i')"
        other = f"{column.value} IS NOT NULL AND NOT ({usual})"
        count = column.figure(f"count(*) FILTER ({other})")
        if kind is DecisionKind.DATES or _are_clear(column, usual_cells) or 0 < _RARE * count <= column.filled:
            where = rows.of(column.rowids(other))
            shown = [cell for cell, _ in column.counts(other, _SHOWN)] or usual_cells[:_SHOWN]
            text = f"{column.name}: the column stays text, because {_why_text(name, shown, where, count)}."
            text += f" If it should have {name}s, correct the file."
            return [Decision(kind=kind, text=text, column=column.name, rows=where, count=count, needs_check=True)]
    return []


def _may_be_codes(column: TextColumn, cells: list[str]) -> bool:
    """Whether the cells are numbers that could be dates, even though the column name does not say so."""
    return all(fits(date_formats.SERIAL, cell) for cell in cells) and not number_dates.says_date(column.name)


def _why_text(name: str, cells: list[str], rows: tuple[int, ...], count: int) -> str:
    shown = ", ".join(cells)
    if not count:
        reason = "some of which do not exist or contradict" if name == "date" else "which contradict"
        return f"it has {name}s in different notations, {reason} each other ({shown})"
    numbers = ", ".join(f"{row:,}" for row in rows[:_SHOWN]) + (", …" if count > _SHOWN else "")
    return (
        f"1 cell is not a {name} ({shown}; row {numbers})"
        if count == 1
        else (f"{count:,} cells are not {name}s ({shown}; rows {numbers})")
    )


def decision(column: TextColumn, rows: SourceRows) -> list[Decision]:
    """A decision about the odd cells that were read as empty. Must be called before the column is converted."""
    if not column.odd:
        return []
    remembered_cells.remember_labels(column)
    where = f"{column.trimmed} IN ({', '.join(map(text_literal, column.odd))})"
    count = column.figure(f"count(*) FILTER ({where})")
    found = _empty(column, count, list(column.odd), rows.of(column.rowids(where)), "that are neither figures nor dates")
    return [found.model_copy(update={"needs_check": not all(map(date_formats.is_sentinel, column.odd))})]


def placeholders(column: TextColumn, rows: SourceRows) -> list[Decision]:
    """A decision about cells that hold only a placeholder. Must be called before the column is converted."""
    if not column.empty:
        return []
    texts, rowids = column.empty_cells()
    if any(set(text) <= set("-–—") for text in texts):
        remembered_cells.remember_dashes(column)
    blank = column.figure(f"count(*) FILTER ({column.trimmed} = '')")
    count = column.empty - column.zeros - blank
    return [_empty(column, count, texts, rows.of(rowids), "")] if count else []


def _empty(column: TextColumn, count: int, texts: list[str], rows: tuple[int, ...], kind: str) -> Decision:
    cells, verb = ("1 cell", "was") if count == 1 else (f"{count:,} cells", "were")
    kind = f" {kind}" if kind else ""
    kind = (
        kind.replace("that are neither figures nor dates", "that is neither a figure nor a date")
        if count == 1
        else kind
    )
    shown = ", ".join(texts[:_SHOWN]) + (", …" if len(texts) > _SHOWN else "")
    numbers = ", ".join(f"{row:,}" for row in rows[:_SHOWN]) + (", …" if count > _SHOWN else "")
    where = f"row {numbers}" if count == 1 else f"rows {numbers}"
    return Decision(
        kind=DecisionKind.EMPTY_CELLS,
        text=f"{column.name}: {cells}{kind} {verb} read as empty ({shown}; {where}).",
        column=column.name,
        rows=rows,
        count=count,
    )
