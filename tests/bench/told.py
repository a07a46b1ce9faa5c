"""What a measurement tells, and the table of all of them."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """One figure; `met` is None where there is no goal, or it was not measured."""

    what: str
    seen: str
    goal: str = ""
    met: bool | None = None


def table(lines: Sequence[Line]) -> str:
    """The lines below each other, each with whether its goal is met."""
    rows = [("measured", "seen", "goal", "")]
    rows += [(x.what, x.seen, x.goal, {True: "met", False: "MISSED", None: ""}[x.met]) for x in lines]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(r, widths, strict=True)).rstrip() for r in rows)


def percentile(figures: Sequence[float], percent: float) -> float:
    """The figure that so many percent of all do not exceed."""
    return sorted(figures)[min(len(figures) - 1, int(len(figures) * percent / 100))]
