"""Finds text columns in which every cell is a date or time in one of the known forms, and reads them.

Runs in the ingest worker, on the table `staging`. A column may mix forms, such as two-digit and four-digit years.
Whether the day or the month comes first in `03/04/2024` is decided from all date columns of a file (`read_all`).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cfo_kernel.data import staging_formats
from cfo_kernel.data.decisions import Decision, DecisionKind
from cfo_kernel.data.source_rows import SourceRows
from cfo_kernel.data.text_column import TextColumn, fits
from cfo_kernel.data.vocabulary import MONTHS, plain
from cfo_kernel.sql_text import text_literal

_ISO = r"\d{4}-\d{1,2}-\d{1,2}"
_CLOCK = r"[ T]\d{1,2}:\d{2}(:\d{2}(\.\d{1,9})?)?"
_ZONE = r"\s?(Z|[+-](0\d|1[0-5])(:?[0-5]\d)?)"  # DuckDB reads no offset of 16 hours or more
_TIMES = (
    ("", ""),
    (r",? \d{1,2}:\d{2}", " %H:%M"),
    (r",? \d{1,2}:\d{2}:\d{2}", " %H:%M:%S"),
    (r",? \d{1,2}:\d{2} [AP]M", " %I:%M %p"),
    (r",? \d{1,2}:\d{2}:\d{2} [AP]M", " %I:%M:%S %p"),
)
_WORD = r"[a-zA-ZÀ-ɏ]{3,13}\.?"
_JOINT = r"(\.? ?|[ ./-]|\.? (de|del|di|of) |\. ?)"
_SENTINEL = r"0{4}[-/.]?00[-/.]?00|00[-/.]00[-/.](00)?00|0?0-jan-(19)?00|0?1[/.-]0?0[/.-]1900|1900-01-00"
SERIAL = r"[2-7]\d{4}(\.\d+)?"
"""The serial number of a day in spreadsheets."""
DAYS = (20_000, 80_000)
"""The serial numbers that are read as days: from 1954 to 2119."""


@dataclass(frozen=True)
class _Form:
    """A way to write a date, with the formats of `strptime` for each order of day and month."""

    pattern: str
    day_first: tuple[str, ...]
    month_first: tuple[str, ...] = ()
    is_month: bool = False

    @property
    def is_dotted(self) -> bool:
        return r"\." in self.pattern or "[.]" in self.pattern


def _forms() -> Iterator[_Form]:
    yield _Form(_ISO, ("%Y-%m-%d",))
    yield _Form(r"\d{4}/\d{1,2}/\d{1,2}", ("%Y/%m/%d",))
    yield _Form(r"\d{4}\.\d{1,2}\.\d{1,2}\.?", ("%Y.%m.%d", "%Y.%m.%d."))
    yield _Form(r"\d{4}年\d{1,2}月\d{1,2}日", ("%Y年%m月%d日",))
    for mark in "/.-":
        part = rf"\d{{1,2}}[{mark}]\d{{1,2}}[{mark}]"
        # %Y would read a two-digit year as one of the first century, so %y comes first.
        for year in ("y", "Y"):
            long = r"\d{4}" if year == "Y" else r"\d{2}"
            yield _Form(part + long, (f"%d{mark}%m{mark}%{year}",), (f"%m{mark}%d{mark}%{year}",))
    yield _Form(r"\d{4}-\d{1,2}", ("%Y-%m",), is_month=True)
    yield _Form(r"\d{4}/\d{1,2}", ("%Y/%m",), is_month=True)
    yield _Form(r"\d{4}年\d{1,2}月", ("%Y年%m月",), is_month=True)
    yield _Form(r"\d{1,2}/\d{4}", ("%m/%Y",), is_month=True)
    yield _Form(r"\d{1,2}-\d{4}", ("%m-%Y",), is_month=True)
    yield _Form(r"\d{1,2}\.\d{4}", ("%m.%Y",), is_month=True)
    yield _Form(SERIAL, ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S"))
    # The months of these forms are replaced by numbers before they are parsed.
    named = ("%y-%m-%d", "%Y-%m-%d")
    day, year = r"\d{1,2}(st|nd|rd|th|er|º|ª)?", r"('?\d{2}|\d{4})"
    yield _Form(rf"([a-z]+,? |den )?{day}{_JOINT}{_WORD}{_JOINT}{year}( r\.)?", named)
    yield _Form(rf"([a-z]+, )?{_WORD} {day},? {year}", named)
    yield _Form(rf"\d{{4}}[ -]{_WORD}[ -]{day}", named)
    yield _Form(rf"{_WORD}{_JOINT}{year}", named, is_month=True)
    yield _Form(rf"\d{{4}}[ -]{_WORD}", named, is_month=True)


_FORMS = tuple(_forms())
_NAMED = _FORMS[-5:]
ANY = f"({'|'.join(form.pattern for form in _FORMS)})(,?[ T]\\d{{1,2}}:.*)?"
"""A pattern for cells that may be dates, in any form, with or without a time."""
SENTINEL = f"({_SENTINEL})( 0?0:00(:00)?)?"
"""A date of zeros, which means that there is no date."""


def is_date(cell: str) -> bool:
    """Whether a cell has the form of a date, even of one that does not exist, such as 2024-02-31."""
    return _form_of(cell) is not None


def is_sentinel(cell: str) -> bool:
    """Whether a cell is a date of zeros, which means that there is no date."""
    return fits(SENTINEL, cell)


@dataclass(frozen=True)
class Dates:
    """A column of dates: SQL for its cells, the formats they may have, and which orders of day and month fit."""

    column: TextColumn
    value: str
    kind: str
    formats: tuple[list[str], list[str]]
    fits: tuple[bool, bool]
    is_month: bool = False

    def read(self, *, month_first: bool, is_proven: bool) -> list[Decision]:
        """Converts the column to DATE or TIMESTAMP."""
        formats = self.formats[month_first]
        self.column.retype(self.kind, f"strptime({self.value}, {_list(formats)})")
        name, example = self.column.name, min(self.column.sample)
        if self.is_month:
            staging_formats.mark_months(self.column.connection, self.column.table, self.column.name)
            text = f"{name}: months such as {example} were read as their first day."
            return [Decision(kind=DecisionKind.DATES, text=text, column=name)]
        if not all(self.fits) or self.formats[0] == self.formats[1]:
            return []
        order = "month first" if month_first else "day first"
        if is_proven:
            text = f"{name}: dates such as {example} were read {order}, like other dates in the file."
            return [Decision(kind=DecisionKind.DATES, text=text, column=name)]
        doubt = "the file does not show whether the day or the month comes first. Check one of them."
        text = f"{name}: dates such as {example} were read {order}; {doubt}"
        return [Decision(kind=DecisionKind.DATES, text=text, column=name, needs_check=True)]


def read_iso(column: TextColumn) -> list[Decision] | None:
    """Reads dates and times in ISO 8601 form. Returns None if the column has any other values."""
    for pattern, kind in ((_ISO, "DATE"), (f"{_ISO}({_CLOCK})?", "TIMESTAMP"), (_ISO + _CLOCK + _ZONE, "TIMESTAMPTZ")):
        if column.matches(pattern) and column.holds(f"TRY_CAST({column.value} AS {kind}) IS NOT NULL"):
            column.retype(kind, column.value)
            return []
    return None


def find_dates(column: TextColumn) -> Dates | None:
    """The dates in a column, or None if some of its cells have no known form, or are not dates, such as 2024-02-31."""
    used: dict[tuple[str, str], None] = {}
    for cell in column.sample:
        if (found := _form_of(cell)) is None:
            return None
        used[found[0].pattern, found[1]] = None
    patterns = {pattern for pattern, _ in used}
    forms = [form for form in _FORMS if form.pattern in patterns]
    clocks = list(dict.fromkeys(clock for _, clock in used))
    if all(form.pattern == SERIAL for form in forms):
        return None  # numbers
    value = _prepared(column.value, forms)
    day_first = [f + clock for form in forms for f in form.day_first for clock in clocks]
    month_first = [f + clock for form in forms for f in form.month_first or form.day_first for clock in clocks]
    does_fit = tuple(
        column.holds(f"try_strptime({value}, {_list(formats)}) IS NOT NULL")
        for formats in _both(day_first, month_first)
    )
    if len(does_fit) == 1:
        does_fit = does_fit * 2
    if not any(does_fit):
        return None
    if does_fit[0] and all(form.is_dotted or not form.month_first for form in forms):
        does_fit = (True, day_first == month_first)  # in dates written with points, the day comes first
    has_fraction = any(fits(SERIAL, cell) and "." in cell for cell in column.sample)
    kind = "TIMESTAMP" if any(clocks) or has_fraction else "DATE"
    return Dates(
        column, value, kind, (day_first, month_first), (does_fit[0], does_fit[1]), all(f.is_month for f in forms)
    )


def _both(first: list[str], second: list[str]) -> list[list[str]]:
    return [first] if first == second else [first, second]


def read_all(found: Sequence[Dates], rows: SourceRows) -> list[Decision]:
    """Reads all date columns of a file in the order of day and month that some of them prove, or else day first."""
    proofs = {dates.fits[1] for dates in found if dates.fits[0] != dates.fits[1]}
    month_first = proofs == {True}
    decisions: list[Decision] = []
    for dates in found:
        own = dates.fits[1] if dates.fits[0] != dates.fits[1] else month_first
        decisions += [*_serials(dates, rows), *dates.read(month_first=own, is_proven=len(proofs) == 1)]
    return decisions


def _serials(dates: Dates, rows: SourceRows) -> list[Decision]:
    """A decision about the cells that are the serial numbers of days. Must be called before the column is converted."""
    column = dates.column
    if not (numbers := [cell for cell in column.sample if fits(SERIAL, cell)]):
        return []
    where = f"regexp_full_match({column.value}, '{SERIAL}')"
    count = column.figure(f"count(*) FILTER ({where})")
    cells, verb = ("1 cell", "was") if count == 1 else (f"{count:,} cells", "were")
    how = f"{verb} read as a date number of a spreadsheet (such as {numbers[0]})"
    return [
        Decision(
            kind=DecisionKind.DATES,
            text=f"{column.name}: {cells} {how}.",
            column=column.name,
            rows=rows.of(column.rowids(where)),
            count=count,
        )
    ]


def _form_of(cell: str) -> tuple[_Form, str] | None:
    """The form of a cell and the format of its time."""
    date, clock = cell, ""
    if ":" in cell:
        for pattern, known in _TIMES[1:]:
            if found := re.fullmatch(rf"(.*?){pattern}", cell, re.IGNORECASE | re.ASCII):
                date, clock = found[1], known
                break
    for form in _FORMS:
        if fits(form.pattern, date) and (form not in _NAMED or _has_month(date)):
            return form, clock
    return None


def _has_month(cell: str) -> bool:
    return any(word in MONTHS for word in re.findall("[a-z]+", plain(cell)))


def _prepared(value: str, forms: Sequence[_Form]) -> str:
    """SQL that replaces the names of months in the cells with numbers, and serial numbers with dates."""
    value = f"replace({value}, ', ', ' ')" if not any(form in _NAMED for form in forms) else value
    cases: list[str] = []
    if any(form in _NAMED for form in forms):
        cases.append(f"WHEN regexp_matches({value}, '[a-zA-ZÀ-ɏ]{{3}}') THEN {_numbered(value)}")
    if any(form.pattern == SERIAL for form in forms):
        cases.append(f"WHEN regexp_full_match({value}, '{SERIAL}') THEN {serial_day(f'CAST({value} AS DOUBLE)')}")
    return f"CASE {' '.join(cases)} ELSE {value} END" if cases else value


def serial_day(number: str) -> str:
    """SQL for the day with the serial number `number`, as text."""
    moment = f"TIMESTAMP '1899-12-30' + to_seconds(CAST(round({number} * 86400) AS BIGINT))"
    texts = [f"strftime({moment}, '{form}')" for form in ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S")]
    return f"CASE WHEN {number} = floor({number}) THEN {texts[0]} ELSE {texts[1]} END"


def _numbered(value: str) -> str:
    """SQL that rewrites a date with a month's name as year-month-day. It is null if no word names a month."""
    text = f"lower(strip_accents({value}))"
    clock = f"regexp_extract({text}, ' \\d{{1,2}}:\\d{{2}}.*$')"
    date = f"regexp_replace({text}, ',? \\d{{1,2}}:\\d{{2}}.*$', '')"
    months = f"MAP {{{', '.join(f'{text_literal(word)}: {number}' for word, number in MONTHS.items())}}}"
    words, numbers = f"regexp_extract_all({date}, '[a-z]{{3,}}')", f"regexp_extract_all({date}, '\\d+')"
    month = f"[n for n in [{months}[w] for w in {words}] if n IS NOT NULL][1]"
    first, last = f"{numbers}[1]", f"{numbers}[2]"
    year_first = f"length({first}) = 4"
    year = f"CASE WHEN {last} IS NULL OR {year_first} THEN {first} ELSE {last} END"
    day = f"CASE WHEN {last} IS NULL THEN '1' WHEN {year_first} THEN {last} ELSE {first} END"
    return f"({year}) || '-' || ({month}) || '-' || ({day}) || upper({clock})"


def _list(formats: Sequence[str]) -> str:
    """SQL for a format or, if there are several, for a list of them."""
    known = [text_literal(one) for one in dict.fromkeys(formats)]
    return known[0] if len(known) == 1 else f"[{', '.join(known)}]"
