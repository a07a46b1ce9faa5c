"""Finds out how the cells of a delimited text file are separated and quoted.

Runs in the ingest worker. Each separator is tried on the beginning of the file. The right one gives nearly all rows the
same number of cells, and cells that look like figures, dates or plain words instead of fragments with other separators.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from cfo_kernel.data.csv_grammar import Dialect
from cfo_kernel.data.csv_records import Records
from cfo_kernel.data.number_grammar import amount

_DELIMITERS = ",;\t|^~\x01\x1f"
_JUDGED_ROWS, _JUDGED_COLUMNS = 200, 50
_NEARLY = 0.9  # a separator with this share of the most regular rows may still be the right one
_ALL = 0.95
_FIGURE = re.compile(
    r"[-+(]?\s*[$€£¥]?\s*[-+]?\d[\d.,'\u00a0\u202f]*\)?\s*[%$€£¥]?-?|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}"
    r"|\d{1,2}:\d{2}(:\d{2})?|\d{4}-\d{2}-\d{2}[ T]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?Z?"
)
_FRAGMENT = re.compile(r"""[,;\t|^~"]|^'|'$|\S {3,}\S""")
_WORTH = {"figure": 1.0, "words": 0.7, "empty": 0.7, "fragment": 0.2}


@dataclass(frozen=True)
class Attempt:
    """The beginning of the file as a dialect divides it.

    `rows` is the number of rows with the most frequent number of cells, `width`. `worth` says how meaningful the cells
    look, from 0 to 1.
    """

    dialect: Dialect
    rows: int = 0
    width: int = 0
    worth: float = 0
    figure_columns: int = 0


def find_dialect(lines: Sequence[str]) -> Attempt | None:
    """The best dialect for a file that begins with these lines, or None if each line is a single cell."""
    lines = [line for line in lines if line.strip()]
    present = [d for d in _DELIMITERS if any(d in line for line in lines)]
    attempts = [_best_attempt(lines, delimiter) for delimiter in present]
    if _may_be_separated_by_spaces(lines):
        attempts.append(_attempt(lines, Dialect(" ")))
    attempts = [a for a in attempts if a.width > 1 and (a.dialect.delimiter != " " or _is_regular(a, len(lines)))]
    attempts = [a for a in attempts if a.figure_columns or not _is_prose(lines, a.dialect.delimiter)]
    if not attempts:
        return None
    most = max(attempt.rows for attempt in attempts)
    likely = [attempt for attempt in attempts if attempt.rows >= _NEARLY * most]
    return max(likely, key=lambda a: (round(a.worth, 1), a.rows, a.width))


def _best_attempt(lines: Sequence[str], delimiter: str) -> Attempt:
    """The best dialect with this separator. Escapes or unusual quotation marks need proof."""
    best = _attempt(lines, Dialect(delimiter))
    if any("\\" in line for line in lines):
        escaped = _attempt(lines, Dialect(delimiter, has_escapes=True))
        if escaped.rows > best.rows or (escaped.rows == best.rows and _has_escaped_quotes(lines, delimiter)):
            best = escaped
    if _has_apostrophes(lines, delimiter):
        enclosed = _attempt(lines, Dialect(delimiter, "'"))
        if enclosed.rows >= best.rows:
            best = enclosed
    return best


def _has_escaped_quotes(lines: Sequence[str], delimiter: str) -> bool:
    """Whether quotation marks inside cells are escaped with a backslash more often than they are doubled."""
    d = re.escape(delimiter)
    escaped = sum(len(re.findall(rf'\\"(?!\s*(?:{d}|$))', line)) for line in lines)
    doubled = sum(len(re.findall(rf'[^{d}\\"]""[^{d}"]', line)) for line in lines)
    return escaped > doubled


def _has_apostrophes(lines: Sequence[str], delimiter: str) -> bool:
    """Whether apostrophes serve as quotation marks: some cells need them, or there is one pair in nearly every line."""
    d = re.escape(delimiter)
    enclosed = re.compile(rf"(?:^|{d}) *'((?:[^']|'')*)' *(?={d}|$)")
    double = re.compile(rf'(?:^|{d}) *"[^"]*" *(?={d}|$)')
    cells = [cell for line in lines for cell in enclosed.findall(line)]
    unclosed = sum(len(re.findall(rf"(?:^|{d}) *'", enclosed.sub("", line))) for line in lines)
    if not cells or sum(len(double.findall(line)) for line in lines) > len(cells) or 10 * unclosed > len(cells):
        return False
    return any(delimiter in cell or "''" in cell for cell in cells) or len(cells) >= len(lines) - 1


def _attempt(lines: Sequence[str], dialect: Dialect) -> Attempt:
    records = Records(lines, dialect)
    rows = [r.cells if r.cells is not None else r.text.split(dialect.delimiter) for r in records]
    if not rows or (dialect.delimiter == "," and len(rows[0]) == 1 and _has_decimal_commas(rows[1:])):
        return Attempt(dialect)
    widths = Counter(len(row) for row in rows if len(row) > 1)
    width, count = max(widths.items(), key=lambda item: (item[1], item[0]), default=(0, 0))
    judged = [row[:_JUDGED_COLUMNS] for row in rows if len(row) == width][:_JUDGED_ROWS]
    columns = list(zip(*judged[1:], strict=True))
    figures = sum(all(_kind(cell.strip()) in ("figure", "empty") for cell in column) for column in columns)
    return Attempt(dialect, count, width, worth(judged), figures)


def worth(rows: Sequence[Sequence[str]]) -> float:
    """How meaningful the cells look, from 0 to 1."""
    kinds = [_kind(cell.strip()) for row in rows for cell in row]
    return sum(_WORTH[kind] for kind in kinds) / max(1, len(kinds))


def is_figure(cell: str) -> bool:
    """Whether the cell looks like a number, a date or a time."""
    return _FIGURE.fullmatch(cell) is not None


def _kind(cell: str) -> str:
    if not cell:
        return "empty"
    if is_figure(cell):
        return "figure"
    return "fragment" if _FRAGMENT.search(cell) else "words"


def _has_decimal_commas(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the commas in a file with a single column of amounts are decimal marks."""
    cells = [",".join(row).strip() for row in rows if len(row) > 1]
    return bool(cells) and all(re.fullmatch(amount(","), cell, re.IGNORECASE) for cell in cells)


def _may_be_separated_by_spaces(lines: Sequence[str]) -> bool:
    """Whether nearly all lines contain spaces, and are not just figures with spaces in them or dates with a time."""
    spaced = [line.strip() for line in lines[1:] if " " in line.strip()]
    return len(spaced) >= _ALL * (len(lines) - 1) > 0 and not all(_FIGURE.fullmatch(line) for line in spaced)


def _is_prose(lines: Sequence[str], delimiter: str) -> bool:
    """Whether the separators are punctuation in prose: each is followed by a space, and the first line has none."""
    if delimiter not in ",;" or delimiter in lines[0].rstrip(delimiter + " "):
        return False
    return not any(re.search(rf"{delimiter}(?! |$)", line.rstrip()) for line in lines)


def _is_regular(attempt: Attempt, lines: int) -> bool:
    """Whether spaces separate cells, not words: nearly all lines have the same number of cells, including figures."""
    return attempt.rows >= _ALL * lines and attempt.figure_columns > 0
