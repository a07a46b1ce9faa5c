"""The questions that are suggested first for a workspace without a glossary."""

from cfo_kernel.data.starter_questions import starter_questions
from cfo_kernel.data.tables import Column, Table, Tables

AMOUNT = Column(name="net_amount", type="DECIMAL(18,2)", distinct=50)
POSTED = Column(name="posted", type="DATE", distinct=12)


def text(name: str, distinct: int) -> Column:
    return Column(name=name, type="VARCHAR", distinct=distinct)


def ask(*tables: tuple[str, int, tuple[Column, ...]]) -> tuple[str, ...]:
    made = [Table(name=name, dataset=name, columns=columns, row_count=count) for name, count, columns in tables]
    return starter_questions(Tables(made))


def test_a_ledger_gives_questions_for_totals_and_for_its_rows() -> None:
    key = Column(name="account_key", type="BIGINT", distinct=9)
    columns = (key, AMOUNT, text("remark", 41), text("company", 1), text("cost_center", 40), POSTED)
    assert ask(("ledger", 99, columns)) == (
        "total net amount in ledger by cost center",
        "total net amount in ledger by month",
        "how many rows are in ledger",
    )


def test_the_largest_table_comes_first_and_there_are_three_questions_at_most() -> None:
    small = ("small", 5, (AMOUNT, POSTED))
    assert ask(small, ("large", 50, (AMOUNT, POSTED))) == (
        "total net amount in large by month",
        "how many rows are in large",
        "total net amount in small by month",
    )


def test_a_table_without_rows_or_without_figures_and_dates_gives_no_question() -> None:
    assert ask(("empty", 0, (AMOUNT, POSTED)), ("names", 9, (text("name", 9),))) == ()
    assert ask(("dates", 9, (POSTED,))) == ("how many rows are in dates",)
