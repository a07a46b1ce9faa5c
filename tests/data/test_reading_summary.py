"""People see one line for each kind of decision, which unfolds to sentences with columns and rows."""

from cfo_kernel.data.decisions import Decision, DecisionKind
from cfo_kernel.data.reading_summary import summarize
from cfo_kernel.data.tables import Dataset, Table


def decision(kind: DecisionKind, column: str, text: str, count: int = 0, needs_check: bool = False) -> Decision:
    return Decision(kind=kind, column=column, text=f"{column}: {text}", count=count, needs_check=needs_check)


def test_a_sentence_about_several_columns_is_one() -> None:
    decisions = [decision(DecisionKind.NUMBERS, column, "read as 1.234,56.") for column in ("A", "B", "C", "D")]
    [summary] = summarize(decisions)
    assert (summary.label, summary.line) == ("Numbers", "A, B, C and D: read as 1.234,56.")
    assert summary.texts == (summary.line,)
    [summary] = summarize([*decisions, decision(DecisionKind.NUMBERS, "E", "read as 1.234,56.")])
    assert summary.line == "A, B, C and 2 more columns: read as 1.234,56."


def test_several_sentences_are_summarized_by_their_cells_and_columns() -> None:
    [summary] = summarize(
        [
            decision(DecisionKind.EMPTY_CELLS, "A", "1 cell was read as empty (-; row 5).", count=1),
            decision(DecisionKind.EMPTY_CELLS, "B", "1,200 cells were read as empty.", count=1_200, needs_check=True),
        ]
    )
    assert summary.line == "1,201 cells in A and B"
    assert summary.texts[0] == "B: 1,200 cells were read as empty."  # which a person should check


def test_what_a_person_should_check_comes_first() -> None:
    decisions = [
        Decision(kind=DecisionKind.LAYOUT, text="2 rows above the header were skipped."),
        decision(DecisionKind.DATES, "Booked", "read as day/month.", needs_check=True),
    ]
    assert [(s.label, s.needs_check) for s in summarize(decisions)] == [("Dates", True), ("Layout", False)]
    table = Table(name="bank", dataset="bank", columns=(), row_count=1, decisions=tuple(decisions))
    dataset = Dataset(id="bank", file="bank.csv", version="", size=1, tables=(table,))
    shown = dataset._repr_mimebundle_()["text/plain"].splitlines()
    assert shown[-2:] == [
        "Dates (check this): Booked: read as day/month.",
        "Layout: 2 rows above the header were skipped.",
    ]


def test_every_kind_has_a_label() -> None:
    labels = [summary.label for summary in summarize(Decision(kind=kind, text="x") for kind in DecisionKind)]
    assert len(set(labels)) == len(DecisionKind)
