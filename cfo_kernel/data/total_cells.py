"""Reads the figures in a text column that would be a column of figures if it had no other cells."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from cfo_kernel.data import currencies, number_grammar, total_labels
from cfo_kernel.data.number_grammar import PADDED_DASH, SPACES, Mark
from cfo_kernel.data.read_limits import MAX_CELL
from cfo_kernel.data.total_labels import Label
from cfo_kernel.data.vocabulary import EMPTY_WORDS

_FLAGS = re.IGNORECASE | re.ASCII
_FORMS: dict[Mark, re.Pattern[str]] = {
    mark: re.compile(f"{number_grammar.amount(mark)}|{number_grammar.percentage(mark)}", _FLAGS) for mark in (".", ",")
}
_ONE_SIGN = re.compile(number_grammar.ONE_SIGN)
_MINUS = re.compile(f"[{number_grammar.MINUS}(]")
_CURRENCY = re.compile(currencies.CURRENCY, re.IGNORECASE)
_ZERO = re.compile(PADDED_DASH, _FLAGS)
_EMPTY = re.compile(f"({EMPTY_WORDS})?", re.IGNORECASE)
_FILLED = 2
_MOSTLY = 0.6


@dataclass(frozen=True)
class Figures:
    """The figures of a column as integers in units of `scale` decimals, with None for any other cell."""

    scale: int
    values: tuple[int | None, ...]


def figures_among(cells: Sequence[str | None]) -> Figures | None:
    """The figures among the cells, or None if most cells are something else."""
    texts = ["0" if cell and _ZERO.fullmatch(cell) else (cell or "").strip(SPACES) for cell in cells]
    filled = [text for text in texts if not _EMPTY.fullmatch(text)]
    if len(filled) < _FILLED or not any(text[-1:].isdigit() or text[-1:] in ")%-" for text in filled[:50]):
        return None
    counts = {mark: sum(_is_figure(text, mark) for text in filled) for mark in _FORMS}
    mark: Mark = "," if counts[","] > counts["."] else "."
    if counts[mark] < _MOSTLY * len(filled):
        return None
    numbers = [_number(text, mark) if _is_figure(text, mark) else None for text in texts]
    scale = max(len(number.partition(".")[2]) for number in numbers if number is not None)
    return Figures(scale, tuple(None if number is None else _scaled(number, scale) for number in numbers))


def is_percentage(cell: str | None) -> bool:
    """Whether the cell is a figure with a percent sign."""
    return cell is not None and cell.rstrip(SPACES + ")").endswith(("%", "％"))


def name_rows(cells: Sequence[str | None], figures: Figures, counts: Sequence[int], *, is_leftmost: bool) -> bool:
    """Whether the figures of the column name their rows, such as account numbers above the word `Total`.

    They do if a row with other figures has a word for totals in this column. In the leftmost column, if it has whole
    numbers, any word is enough. `counts` has the number of figures in each row, over all columns.
    """
    words = [
        cell
        for cell, figure, count in zip(cells, figures.values, counts, strict=True)
        if cell and figure is None and count and not _EMPTY.fullmatch(cell.strip(SPACES))
    ]
    if any(total_labels.label_of(word) is not Label.NONE for word in words):
        return True
    return is_leftmost and not figures.scale and any(word[:1].isalpha() for word in words)


def _is_figure(text: str, mark: Mark) -> bool:
    if not text or len(text) > MAX_CELL or not _FORMS[mark].fullmatch(text) or not _ONE_SIGN.fullmatch(text):
        return False
    return all(currencies.is_currency(written) for written in _CURRENCY.findall(text))


def _number(text: str, mark: Mark) -> str:
    """The figure as a string with a decimal point and without trailing zeros."""
    digits = "".join(c for c in text if "0" <= c <= "9" or c == mark).replace(mark, ".")
    whole, _, fraction = digits.partition(".")
    fraction = fraction.rstrip("0")
    return ("-" if _MINUS.search(text) else "") + (whole or "0") + ("." + fraction if fraction else "")


def _scaled(number: str, scale: int) -> int:
    whole, _, fraction = number.partition(".")
    return int(whole + fraction.ljust(scale, "0"))
