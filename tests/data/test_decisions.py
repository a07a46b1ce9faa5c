"""The decisions made while a file is read are stored with its tables, with their columns and rows."""

from collections.abc import Callable

from cfo_kernel.data.decisions import Decision, DecisionKind
from tests.data.conftest import Ingested


def test_a_decision_names_its_column_and_rows(ingest_csv: Callable[..., Ingested]) -> None:
    table = ingest_csv("Report\n\nitem,amount\na,1.5\nb,n/a\nc,-\n").table
    title, empty = table.decisions
    assert (title.kind, title.column) == (DecisionKind.LAYOUT, None)
    assert empty == Decision(
        kind=DecisionKind.EMPTY_CELLS,
        text="amount: 2 cells were read as empty (-, n/a; rows 5, 6).",
        column="amount",
        rows=(5, 6),
        count=2,
    )
    assert table.notes == (title.text, empty.text)


def test_a_total_row_is_named_by_its_place_in_the_file(ingest_csv: Callable[..., Ingested]) -> None:
    [total] = ingest_csv("item,amount\na,1\nb,2\nTotal,3\n").table.decisions
    assert (total.kind, total.rows, total.needs_check) == (DecisionKind.TOTALS, (4,), False)
