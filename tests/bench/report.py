"""The measured figures, and the table that shows them."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One measured figure. `met` is None if there is no goal, or if it could not be measured."""

    name: str
    result: str
    goal: str = ""
    met: bool | None = None


def table(figures: Sequence[Figure]) -> str:
    """One row for each figure, with its goal and whether it is met."""
    rows = [("measured", "result", "goal", "")]
    rows += [(x.name, x.result, x.goal, {True: "met", False: "MISSED", None: ""}[x.met]) for x in figures]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(r, widths, strict=True)).rstrip() for r in rows)


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that this percentage of the values does not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * percent / 100))]
