"""The decisions made while a file was read, each of which a person could have made differently."""

from collections.abc import Iterable
from enum import StrEnum

from cfo_kernel.values import Value

MAX_ROWS = 20
"""The maximum number of rows that a decision lists. Its `count` says how many there are."""


class DecisionKind(StrEnum):
    """What a decision is about. People see the decisions of one kind together."""

    FORMAT = "format"
    """The encoding, the delimiter, the quotation marks."""
    LAYOUT = "layout"
    """Where the table begins and ends, its header, and the rows and columns around it that were left out."""
    ROWS = "rows"
    """Rows with too few or too many cells, or with a quotation mark that is never closed."""
    NUMBERS = "numbers"
    """How amounts are written: separators, signs, currencies, rounded noise."""
    PERCENT = "percent"
    CODES = "codes"
    """Digits that are names, such as account codes, and numbers that have lost digits."""
    DATES = "dates"
    """Dates, fiscal periods and durations."""
    EMPTY_CELLS = "empty_cells"
    """Cells that were read as empty: placeholders, errors, formulas without a value, cells of the wrong type."""
    TOTALS = "totals"
    """Rows that add up other rows, or look as if they did."""
    RESULTS = "results"
    """Rows that follow from other rows without adding them up: differences such as gross profit, and balances."""
    HIDDEN = "hidden"
    """Hidden or filtered rows, columns and sheets."""


class Decision(Value):
    """A decision, for one column or for the whole table.

    `text` states it in a sentence, which names the column if it is about one. `rows` are the first rows that it
    affects, counted from 1 in the file. `count` is the number of all affected cells or rows, 0 for a whole column or
    table. `needs_check` means that the file does not prove it.
    """

    kind: DecisionKind
    text: str
    column: str | None = None
    rows: tuple[int, ...] = ()
    count: int = 0
    needs_check: bool = False


def texts(decisions: Iterable[Decision]) -> tuple[str, ...]:
    """The sentences in order, without duplicates."""
    return tuple(dict.fromkeys(decision.text for decision in decisions))
