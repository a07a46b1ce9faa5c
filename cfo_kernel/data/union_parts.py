"""The tables that may be parts of a union, and the series that the names of their files and sheets form.

A workbook with a sheet for each month is a series by the names of its sheets. If the names of several such workbooks
form a series too, it consists of the sheets of all of them.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

from cfo_kernel.data import file_names
from cfo_kernel.data.file_series import NUMBER, SeriesName, series_name
from cfo_kernel.data.tables import Table

MOST_PARTS = 200


@dataclass(frozen=True)
class Part:
    """A table that may be a part of a union, with its file, and the hash of the file's content."""

    table: Table
    file: str
    stem: str
    version: str
    is_only: bool
    """Whether it is the only table of its file."""

    @property
    def member(self) -> str:
        """The name by which users refer to this part."""
        return self.file if self.is_only else self.table.name

    @property
    def sheet(self) -> str:
        """The name of its sheet, or of the table in a file without sheets."""
        return self.table.sheet or self.table.name

    @cached_property
    def _of_sheet(self) -> SeriesName | None:
        """The sheet's name as a member of a series, or None."""
        name = None if self.is_only else series_name(self.table.sheet or "")
        return name if name and (name.kinds != (NUMBER,) or self._of_file is None) else None

    @cached_property
    def _of_file(self) -> SeriesName | None:
        """The file's name as a member of a series, or None.

        A mere number does not count if the sheet's name has a period.
        """
        return series_name(self.stem)

    @cached_property
    def place(self) -> SeriesName | None:
        """Its place in a series, by the name of its sheet, its file, or both."""
        file, sheet = self._of_file, self._of_sheet
        if sheet is None or file is None or file.kinds == (NUMBER,):
            return sheet or file
        order = (sheet.order[0] or file.order[0], *sheet.order[1:])
        return replace(sheet, kinds=(*file.kinds, *sheet.kinds), start=sheet.start or _day(order), order=order)

    @property
    def series(self) -> tuple[str, ...]:
        """The key that all parts of a series share."""
        file, sheet, place = self._of_file, self._of_sheet, self.place
        if place is None:
            return ()
        if sheet is None:
            apart = "" if self.is_only else file_names.identifier(self.table.sheet or "")
            return ("file", place.form, apart, *place.kinds)
        return ("sheet", file.form if file and file.kinds != (NUMBER,) else self.file, sheet.form, *place.kinds)


def find_series(parts: Sequence[Part]) -> Iterator[list[Part]]:
    """The tables whose names differ only in the period, in the order of the periods."""
    found: dict[tuple[str, ...], list[tuple[SeriesName, Part]]] = defaultdict(list)
    for part in parts:
        if place := part.place:
            found[part.series].append((place, part))
    for members in found.values():
        if 1 < len(members) <= MOST_PARTS:
            members.sort(key=lambda member: (member[0].order, member[1].file))
            yield [part for _, part in members]


def by_file(members: Sequence[Part]) -> list[list[Part]]:
    """The members of each file, if there are several files with several members."""
    files: dict[str, list[Part]] = defaultdict(list)
    for part in members:
        files[part.file].append(part)
    several = [found for found in files.values() if len(found) > 1]
    return several if len(files) > 1 else []


def series_of(members: Sequence[Part]) -> str:
    """The name of the table that the members of a series form: what their names have in common. It may be empty."""
    first = members[0]
    kind, form, inner, *_ = first.series
    if kind == "sheet":
        form = form if len({part.file for part in members}) > 1 else first.stem
        return file_names.identifier(f"{form} {inner}")
    return file_names.identifier(inner or form) if inner or form else ""


def _day(order: tuple[int, int, int]) -> date | None:
    """The first day of a period, if its year and month are known."""
    year, month, day = order
    try:
        return date(year, month, day or 1)
    except ValueError:
        return None


def starts(members: Sequence[Part]) -> list[date | None]:
    """The first day of each member's period. The numbers in `01 Jan`, `02 Feb` are those of the months."""
    places = [part.place for part in members]
    are_months = all(place and place.order[1] == place.order[2] for place in places)
    found = [place.start if place else None for place in places]
    return [day and day.replace(day=1) for day in found] if are_months else found


def origins(members: Sequence[Part]) -> tuple[bool, bool]:
    """Whether the members differ in their files, and whether they differ in their sheets."""
    count = len({part.file for part in members})
    return count > 1, count < len(members)


def labels(members: Sequence[Part]) -> list[str]:
    """How people tell the members apart: by their files, their sheets, or both."""
    files, sheets = origins(members)
    return [" ".join([part.file] * files + [part.sheet] * sheets) for part in members]
