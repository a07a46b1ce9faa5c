"""What the analyst understood of a question, or why it did not."""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal

from cfo_kernel.agent.analyst.periods import Period
from cfo_kernel.data.aggregates import AGGREGATES, AggregateName
from cfo_kernel.data.plan import Filter, Grain, Scalar

Comparison = Literal["=", "<", "<=", ">", ">=", "between"]


class Shape(StrEnum):
    """What kind of table answers the question."""

    FIGURES = "figures"  # one or more figures for each group
    SHARE = "share"  # each group's part of the whole
    RATIO = "ratio"  # some rows' figure divided by others'
    DIFFERENCE = "difference"  # some rows' figure less others'
    CHANGE = "change"  # each period beside the one before
    COMPARE = "compare"  # two named periods side by side
    VARIANCE = "variance"  # two scenarios side by side
    RUNNING = "running"  # each period with all before it
    LIST = "list"  # names, no figures
    ROWS = "rows"  # single rows of the fact table
    DATES = "dates"  # the first or the last date


@dataclass(frozen=True, slots=True)
class Pick:
    """The rows whose column has one of these values; `negated` keeps the others, `default` was not said."""

    column: str
    values: tuple[str, ...]
    negated: bool = False
    default: bool = False

    def filter(self) -> Filter:
        if len(self.values) == 1:
            return Filter(column=self.column, op="!=" if self.negated else "=", value=self.values[0])
        return Filter(column=self.column, op="not in" if self.negated else "in", value=list(self.values))


@dataclass(frozen=True, slots=True)
class By:
    """A group of the answer: a column, or the periods of a date; `asked` is the one that is ranked."""

    column: str
    label: str
    grain: Grain | None = None


@dataclass(frozen=True, slots=True)
class Threshold:
    """A bound on the figure of a group, on the number of its rows, or on a percentage."""

    op: Comparison
    values: tuple[int | float, ...]
    on: Literal["figure", "count", "percent"] = "figure"

    @property
    def value(self) -> Scalar | list[Scalar]:
        """The bound as a filter or a having takes it."""
        return list(self.values) if self.op == "between" else self.values[0]


@dataclass(frozen=True, slots=True)
class Reading:
    """A question that was understood in every word.

    `moment` says that the figure is asked at the end of its period, `balance` that it was called a balance,
    `units_only` that it was asked with 'how many', `spoken_of` that it was called a cost or an
    earning. `apart` are names that get a column each, since roll-ups overlap. `when_at` is where in the
    question its period is said. `relation` says what several periods are to each other: one span, units with a
    row each, or two to compare.
    """

    question: str
    table: str
    shape: Shape = Shape.FIGURES
    functions: tuple[AggregateName, ...] = ("sum",)
    column: str | None = None
    counted: By | None = None
    per: Grain | None = None
    picks: tuple[Pick, ...] = ()
    left: tuple[Pick, ...] = ()
    right: tuple[Pick, ...] = ()
    conditions: tuple[Filter, ...] = ()
    date: str | None = None
    periods: tuple[Period, ...] = ()
    relation: Literal["span", "each", "compare"] = "span"
    moment: bool = False
    by: tuple[By, ...] = ()
    apart: Pick | None = None
    top: int | None = None
    order: Literal["asc", "desc"] | None = None
    thresholds: tuple[Threshold, ...] = ()
    units_only: bool = False
    balance: bool = False
    spoken_of: Literal["spending", "earning", ""] = ""
    when_at: tuple[int, int] | None = None
    remarks: tuple[str, ...] = ()

    @property
    def asked(self) -> str:
        """The question, ready for more words at its end."""
        return self.question.rstrip(" ?.!")

    @property
    def meaning(self) -> "Reading":
        """What is asked, whatever the words."""
        picks = tuple(sorted(self.picks, key=lambda p: (p.column, p.values)))
        return replace(self, picks=picks, question="", when_at=None, spoken_of="", remarks=())

    @property
    def only_counts(self) -> bool:
        """Whether every figure is a number of things."""
        return all(AGGREGATES[name].is_count for name in self.functions)

    @property
    def only_totals(self) -> bool:
        """Whether the figures of parts add up to that of the whole."""
        return all(AGGREGATES[name].is_total for name in self.functions)

    @property
    def adds_rows(self) -> bool:
        """Whether a figure mixes its rows."""
        return any(AGGREGATES[name].adds_rows for name in self.functions)

    @property
    def said(self) -> tuple[Pick, ...]:
        return tuple(p for p in (*self.picks, *self.left, *self.right) if not p.default)


@dataclass(frozen=True, slots=True)
class Variant:
    """The question with one word taken in one way, in words that read that way."""

    text: str
    reading: Reading


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the question was not understood, and what could be asked instead.

    Of the `variants` those that have rows become choices. Where `decide` is set, a
    variant that alone has rows is the answer: the name means two things and one of them is empty.
    """

    message: str
    variants: tuple[Variant, ...] = ()
    decide: bool = False
    understood: tuple[str, ...] = field(default=())


class NotUnderstood(Exception):
    """Raised while reading; the message says which words, `swaps` how the question could be put instead."""

    def __init__(
        self,
        message: str,
        swaps: tuple[str, ...] = (),
        *,
        decide: bool = False,
    ) -> None:
        super().__init__(message)
        self.message, self.swaps, self.decide = message, swaps, decide
