"""The decisions made while a file was read, as users see them: one line for each kind, which expands to sentences."""

from collections.abc import Iterable, Sequence

from cfo_kernel.data.decisions import Decision, DecisionKind
from cfo_kernel.values import Value

_LABELS = {
    DecisionKind.FORMAT: "File format",
    DecisionKind.LAYOUT: "Layout",
    DecisionKind.ROWS: "Rows",
    DecisionKind.NUMBERS: "Numbers",
    DecisionKind.PERCENT: "Percentages",
    DecisionKind.CODES: "Codes",
    DecisionKind.DATES: "Dates",
    DecisionKind.EMPTY_CELLS: "Empty cells",
    DecisionKind.TOTALS: "Totals",
    DecisionKind.RESULTS: "Results and balances",
    DecisionKind.HIDDEN: "Hidden parts",
}
_NAMED_COLUMNS = 3


class KindSummary(Value):
    """The decisions of one kind. `line` summarizes them, and `texts` are their sentences, each with its columns.

    `needs_check` means that the file does not prove at least one of them.
    """

    kind: DecisionKind
    label: str
    line: str
    texts: tuple[str, ...]
    needs_check: bool


def summarize(decisions: Iterable[Decision]) -> tuple[KindSummary, ...]:
    """The decisions by kind, in the order of `DecisionKind`, except that kinds that need a check come first."""
    by_kind: dict[DecisionKind, list[Decision]] = {}
    for decision in decisions:
        by_kind.setdefault(decision.kind, []).append(decision)
    found = [_summary(kind, by_kind[kind]) for kind in DecisionKind if kind in by_kind]
    return tuple(sorted(found, key=lambda summary: not summary.needs_check))


def _summary(kind: DecisionKind, decisions: Sequence[Decision]) -> KindSummary:
    texts = merged(sorted(decisions, key=lambda decision: not decision.needs_check))
    return KindSummary(
        kind=kind,
        label=_LABELS[kind],
        line=texts[0] if len(texts) == 1 else _line(decisions, len(texts)),
        texts=texts,
        needs_check=any(decision.needs_check for decision in decisions),
    )


def merged(decisions: Iterable[Decision]) -> tuple[str, ...]:
    """The sentences, with those that differ only in their column merged into one that names all the columns."""
    columns: dict[str, list[str]] = {}
    for decision in decisions:
        prefix = f"{decision.column}: "
        is_prefixed = decision.column is not None and decision.text.startswith(prefix)
        names = columns.setdefault(decision.text.removeprefix(prefix) if is_prefixed else decision.text, [])
        if is_prefixed and decision.column is not None and decision.column not in names:
            names.append(decision.column)
    return tuple(f"{_listed(names)}: {text}" if names else text for text, names in columns.items())


def _line(decisions: Sequence[Decision], sentences: int) -> str:
    """A line for several sentences: the columns that they are about, or how many there are if they name no columns."""
    names = list(dict.fromkeys(decision.column for decision in decisions if decision.column is not None))
    if not names:
        return f"{sentences} decisions"
    cells = sum(decision.count for decision in decisions)
    columns = _listed(names)
    return f"{cells:,} {'cell' if cells == 1 else 'cells'} in {columns}" if cells else columns


def _listed(names: Sequence[str]) -> str:
    if len(names) <= _NAMED_COLUMNS + 1:
        return ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else names[0]
    return f"{', '.join(names[:_NAMED_COLUMNS])} and {len(names) - _NAMED_COLUMNS} more columns"
