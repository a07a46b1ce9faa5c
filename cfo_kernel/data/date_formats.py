"""Reads a text column as dates or times if every cell is written in one of the known formats.

Runs in the ingest worker, on the table `staging`.
"""

from collections.abc import Iterator

from cfo_kernel.data.decisions import Decision, DecisionKind
from cfo_kernel.data.text_column import TextColumn

_ISO = r"\d{4}-\d{1,2}-\d{1,2}"
_CLOCK = r"[ T]\d{1,2}:\d{2}(:\d{2}(\.\d{1,9})?)?"
_ZONE = r"\s?(Z|[+-](0\d|1[0-5])(:?[0-5]\d)?)"  # DuckDB reads no offset of 16 hours or more
_TIMES = (
    ("", ""),
    (r" \d{1,2}:\d{2}", " %H:%M"),
    (r" \d{1,2}:\d{2}:\d{2}", " %H:%M:%S"),
    (r" \d{1,2}:\d{2} [AP]M", " %I:%M %p"),
    (r" \d{1,2}:\d{2}:\d{2} [AP]M", " %I:%M:%S %p"),
)


def _patterns() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Patterns of dates, each with its possible formats, most likely first."""
    yield r"\d{4}/\d{1,2}/\d{1,2}", ("%Y/%m/%d",)
    yield r"\d{4}\.\d{1,2}\.\d{1,2}", ("%Y.%m.%d",)
    for mark in "/.-":
        part = rf"\d{{1,2}}[{mark}]\d{{1,2}}[{mark}]"
        yield part + r"\d{4}", (f"%d{mark}%m{mark}%Y", f"%m{mark}%d{mark}%Y")
        yield part + r"\d{2}", (f"%d{mark}%m{mark}%y", f"%m{mark}%d{mark}%y")
    for mark in "- ":
        part = rf"\d{{1,2}}{mark}[A-Za-z]{{3,9}}{mark}"
        yield part + r"\d{4}", (f"%d{mark}%b{mark}%Y", f"%d{mark}%B{mark}%Y")
        yield part + r"\d{2}", (f"%d{mark}%b{mark}%y", f"%d{mark}%B{mark}%y")
    yield r"[A-Za-z]{3,9} \d{1,2}, \d{4}", ("%b %d, %Y", "%B %d, %Y")


def read_dates(column: TextColumn) -> list[Decision] | None:
    """Converts the column to DATE or TIMESTAMP and returns decisions. Returns None if the column is neither."""
    for pattern, kind in ((_ISO, "DATE"), (f"{_ISO}({_CLOCK})?", "TIMESTAMP"), (_ISO + _CLOCK + _ZONE, "TIMESTAMPTZ")):
        if column.matches(pattern):
            if not column.holds(f"TRY_CAST({column.value} AS {kind}) IS NOT NULL"):
                return None  # written like a date but not valid, such as 2024-02-31
            column.retype(kind, column.value)
            return []
    for pattern, formats in _patterns():
        for clock, clock_format in _TIMES:
            if column.matches(pattern + clock):
                return _parse(column, [f + clock_format for f in formats], "TIMESTAMP" if clock else "DATE")
    return None


def _parse(column: TextColumn, formats: list[str], kind: str) -> list[Decision] | None:
    """Parses the column in the first format that fits every cell. Adds a decision if a second format fits as well."""
    fitting = [f for f in formats if column.holds(f"try_strptime({column.value}, '{f}') IS NOT NULL")]
    if not fitting:
        return None
    column.retype(kind, f"strptime({column.value}, '{fitting[0]}')")
    # %b and %B both fit "May", which is not ambiguous. Day first and month first may both fit, which is.
    if len(fitting) == 1 or "%b" in fitting[0]:
        return []
    example = min(column.sample)
    doubt = "the file does not show whether the day or the month comes first. Check one of them."
    text = f"{column.name}: dates such as {example} were read day first; {doubt}"
    return [Decision(kind=DecisionKind.DATES, text=text, column=column.name, needs_check=True)]
