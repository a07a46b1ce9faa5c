"""The origin of the rows in a part of a union, as the engine describes it to the ingest worker."""

from datetime import date

from cfo_kernel.values import Value


class Source(Value):
    """Where the rows of a part come from.

    `sheet` is given if several sheets of a file are parts. `start` is the first day of the period in the name of the
    file or sheet. It becomes a column if no part `has_date` columns of its own, because a second date would only raise
    the question of which one to use. `columns` are the part's columns, and `empty` are those without a value.
    """

    file: str
    sheet: str | None = None
    start: date | None = None
    has_date: bool = False
    columns: tuple[str, ...]
    empty: tuple[str, ...] = ()
