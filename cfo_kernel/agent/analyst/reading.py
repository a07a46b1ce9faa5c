"""The reading of a question, or the reason why the analyst did not understand it."""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal

from cfo_kernel.agent.analyst.periods import Period
from cfo_kernel.data.aggregates import AGGREGATES, AggregateName
from cfo_kernel.data.plan import Filter, Grain, Scalar

Comparison = Literal["=", "<", "<=", ">", ">=", "between"]


class Shape(StrEnum):
    """The kinds of tables that can answer a question."""

    FIGURES = "figures"  # one or more figures for each group
    SHARE = "share"  # each group's share of the total
    RATIO = "ratio"  # the figure for some rows divided by that for others
    DIFFERENCE = "difference"  # the figure for some rows minus that for others
    CHANGE = "change"  # each period compared with the previous period
    COMPARE = "compare"  # two named periods side by side
    VARIANCE = "variance"  # two scenarios side by side
    RUNNING = "running"  # each period added to all earlier periods
    LIST = "list"  # names, no figures
    ROWS = "rows"  # individual rows of the fact table
    DATES = "dates"  # the first or the last date


@dataclass(frozen=True, slots=True)
class Pick:
    """Selects the rows whose column has one of these values or, with `negated`, all other rows.

    `default` marks a filter that comes from the glossary, not from the question.
    """

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
    """A column that the answer groups by. If it is a date column, `grain` is the kind of period."""

    column: str
    label: str
    grain: Grain | None = None


@dataclass(frozen=True, slots=True)
class Threshold:
    """A limit on a group's figure, on its number of rows, or on a percentage."""

    op: Comparison
    values: tuple[int | float, ...]
    on: Literal["figure", "count", "percent"] = "figure"

    @property
    def value(self) -> Scalar | list[Scalar]:
        """The limit as the value of a filter or a having clause."""
        return list(self.values) if self.op == "between" else self.values[0]


@dataclass(frozen=True, slots=True)
class Reading:
    """A question in which every word was understood.

    - `moment`: the figure is wanted at the end of its period.
    - `balance`, `spoken_of`: the question calls the figure a balance, a cost or earnings.
    - `units_only`: the question asks 'how many', so only units are counted.
    - `apart`: names that get a column each, because their roll-ups overlap.
    - `when_at`: the position of the period in the question's text.
    - `relation`: whether several periods form one span, get a row each, or are two periods to compare.
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
        """The question without its final punctuation, so that words can be appended."""
        return self.question.rstrip(" ?.!")

    @property
    def meaning(self) -> "Reading":
        """The reading without its wording, for comparing the readings of different questions."""
        picks = tuple(sorted(self.picks, key=lambda p: (p.column, p.values)))
        return replace(self, picks=picks, question="", when_at=None, spoken_of="", remarks=())

    @property
    def only_counts(self) -> bool:
        """Whether every figure is a count."""
        return all(AGGREGATES[name].is_count for name in self.functions)

    @property
    def only_totals(self) -> bool:
        """Whether the parts' figures add up to that of the whole."""
        return all(AGGREGATES[name].is_total for name in self.functions)

    @property
    def adds_rows(self) -> bool:
        """Whether any figure combines rows, so that all of them must be of the same kind."""
        return any(AGGREGATES[name].adds_rows for name in self.functions)

    @property
    def said(self) -> tuple[Pick, ...]:
        return tuple(p for p in (*self.picks, *self.left, *self.right) if not p.default)


@dataclass(frozen=True, slots=True)
class Variant:
    """The question reworded so that an ambiguous word has one meaning, with its reading."""

    text: str
    reading: Reading


@dataclass(frozen=True, slots=True)
class Refusal:
    """The reason why a question was not understood, and questions to ask instead.

    The `variants` that have rows become choices. If `decide` is set and only one variant has rows, that variant is
    answered, because the other meanings of the name have no data.
    """

    message: str
    variants: tuple[Variant, ...] = ()
    decide: bool = False
    understood: tuple[str, ...] = field(default=())


class NotUnderstood(Exception):
    """Raised while reading. The message says what is unclear; `swaps` are questions to try instead."""

    def __init__(
        self,
        message: str,
        swaps: tuple[str, ...] = (),
        *,
        decide: bool = False,
    ) -> None:
        super().__init__(message)
        self.message, self.swaps, self.decide = message, swaps, decide
