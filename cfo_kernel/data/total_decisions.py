"""Describes the rows that are totals, look like totals or result from other rows, and whether they were left out."""

from collections.abc import Callable, Mapping, Sequence

from cfo_kernel.data import total_labels
from cfo_kernel.data.decisions import Decision, DecisionKind
from cfo_kernel.data.source_rows import SourceRows
from cfo_kernel.data.total_doubts import doubtful_totals
from cfo_kernel.data.total_grid import Grid, Row
from cfo_kernel.data.total_labels import Label
from cfo_kernel.data.total_proofs import Proof

_SHOWN = 5
_NAMED_ROWS = 200  # more than usual, because each row is a separate line


def about(
    grid: Grid, proofs: Mapping[int, Proof], removed: Sequence[int], shares: Sequence[int], rows: SourceRows
) -> list[Decision]:
    """Decisions about the totals that were `removed`, the rows with their `shares`, and similar rows that were kept."""
    counted = [at for at, proof in proofs.items() if proof.is_whole and at not in removed]
    doubtful = [*(at for at, proof in proofs.items() if not proof.is_whole), *doubtful_totals(grid, proofs)]
    # A weak proof by a single equal row only shows that the row looks like a total.
    equal = [at for at in counted if proofs[at].is_weak and len(proofs[at].parts) == 1]
    counted, doubtful = [at for at in counted if at not in equal], [*doubtful, *equal]
    balances = [at for at, row in enumerate(grid.rows) if at not in removed and _is_balance(row)]
    exact = [at for at in removed if proofs[at].is_exact]
    rounded = [at for at in removed if not proofs[at].is_exact]
    differences = [at for at in counted if proofs[at].is_difference]
    # A result such as a net income may be a sum too: of revenue, and costs with a minus.
    results = [at for at in doubtful if grid.rows[at].is_result and grid.rows[at].strength is Label.NONE]
    found: list[tuple[DecisionKind, Callable[[int, str], str], Sequence[int]]] = [
        (DecisionKind.TOTALS, _removed, exact),
        (DecisionKind.TOTALS, _rounded, rounded),
        (DecisionKind.TOTALS, _shares, shares),
        (DecisionKind.TOTALS, _counted, [at for at in counted if at not in differences]),
        (DecisionKind.TOTALS, _doubtful, [at for at in doubtful if at not in results]),
        (DecisionKind.TOTALS, _doubtful_results, results),
        (DecisionKind.RESULTS, _differences, differences),
        (DecisionKind.RESULTS, _balances, balances),
    ]
    gone = {*removed, *shares}
    return [
        _decision(kind, text, [grid.rows[at] for at in sorted(places)], rows, needs_check=gone.isdisjoint(places))
        for kind, text, places in found
        if places
    ]


def _is_balance(row: Row) -> bool:
    return row.size == 1 and row.has_figures and total_labels.is_balance(row.label)


def _decision(
    kind: DecisionKind, text: Callable[[int, str], str], found: Sequence[Row], rows: SourceRows, *, needs_check: bool
) -> Decision:
    labels = list(dict.fromkeys(row.label.strip() or "without a name" for row in found))
    shown = "; ".join(labels[:_SHOWN]) + ("; …" if len(labels) > _SHOWN else "")
    where = rows.of([row.rowid for row in found], _NAMED_ROWS)
    return Decision(kind=kind, text=text(len(found), shown), rows=where, count=len(found), needs_check=needs_check)


def _removed(count: int, labels: str) -> str:
    if count == 1:
        return f"1 row is the total of other rows ({labels}). It was left out, since it would count twice."
    return f"{count:,} rows are totals of other rows ({labels}). They were left out, since they would count twice."


def _rounded(count: int, labels: str) -> str:
    if count == 1:
        total = f"1 row is the total of other rows, apart from rounding ({labels})"
        return f"{total}. It was left out, since it would count twice."
    totals = f"{count:,} rows are totals of other rows, apart from rounding ({labels})"
    return f"{totals}. They were left out, since they would count twice."


def _shares(count: int, labels: str) -> str:
    if count == 1:
        return f"1 row shows the shares of a total in percent ({labels}). It was left out with the total."
    return f"{count:,} rows show the shares of totals in percent ({labels}). They were left out with the totals."


def _counted(count: int, labels: str) -> str:
    if count == 1:
        return f"1 row adds up other rows ({labels}). It was kept, so a sum over the table counts those rows twice."
    return f"{count:,} rows add up other rows ({labels}). They were kept, so a sum over the table counts rows twice."


def _differences(count: int, labels: str) -> str:
    if count == 1:
        return (
            f"1 row is the difference of other rows ({labels}). It was kept, so a sum over the table counts them twice."
        )
    found = f"{count:,} rows are differences of other rows ({labels})"
    return f"{found}. They were kept, so a sum over the table counts rows twice."


def _doubtful_results(count: int, labels: str) -> str:
    if count == 1:
        return (
            f"1 row looks like the result of other rows ({labels}), but the figures do not prove it."
            " It was kept, so a sum over the table may count rows twice."
        )
    return (
        f"{count:,} rows look like results of other rows ({labels}), but the figures do not prove it."
        " They were kept, so a sum over the table may count rows twice."
    )


def _doubtful(count: int, labels: str) -> str:
    if count == 1:
        doubt = (
            f"1 row looks like a total ({labels}), but the figures do not prove it, so it counts like any other row."
        )
        return f"{doubt} If it is a total, delete it from the file."
    doubt = (
        f"{count:,} rows look like totals ({labels}), but the figures do not prove it, so they count like other rows."
    )
    return f"{doubt} If they are totals, delete them from the file."


def _balances(count: int, labels: str) -> str:
    if count == 1:
        return f"1 row is a balance rather than a movement ({labels}). It was kept, so a sum over the table counts it."
    return f"{count:,} rows are balances rather than movements ({labels}). They were kept, so a sum counts them too."
