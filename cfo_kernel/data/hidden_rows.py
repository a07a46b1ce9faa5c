"""Finds the rows and columns of a sheet that are hidden: by hand, in a folded group, or by a filter.

Runs in the ingest worker. Hidden rows and columns are data, so they are read like the others. A sum then differs from
what the sheet shows, so a decision names them.
"""

from dataclasses import dataclass, field
from pathlib import Path

from cfo_kernel.data.decisions import MAX_ROWS, Decision, DecisionKind
from cfo_kernel.data.lost_cells import parse_part, row_of, xml_parser

_COLUMNS = 16_384


@dataclass
class Hidden:
    """The hidden rows and columns, counted from zero. `is_filtered` says whether the sheet has a filter."""

    rows: set[int] = field(default_factory=set[int])
    columns: set[int] = field(default_factory=set[int])
    is_filtered: bool = False

    def decisions(self, rows: list[int], columns: dict[int, str]) -> list[Decision]:
        """Decisions about the hidden rows and columns of a table. `columns` has their names."""
        found: list[Decision] = []
        if hidden := [row for row in rows if row in self.rows]:
            way = "hidden by a filter" if self.is_filtered else "hidden"
            count = "1 row is" if len(hidden) == 1 else f"{len(hidden):,} rows are"
            where = tuple(row + 1 for row in hidden[:MAX_ROWS])
            text = (
                f"{count} {way} in the sheet. They are read like the others, so sums differ from what the sheet shows."
            )
            if len(hidden) == 1:
                text = (
                    f"{count} {way} in the sheet. It is read like the others, so sums differ from what the sheet shows."
                )
            found.append(Decision(kind=DecisionKind.HIDDEN, text=text, rows=where, count=len(hidden), needs_check=True))
        found += [
            Decision(kind=DecisionKind.HIDDEN, text=f"{name}: the column is hidden in the sheet.", column=name)
            for column, name in columns.items()
            if column in self.columns
        ]
        return found


def find_hidden(path: Path, part: str) -> Hidden:
    """The hidden rows and columns of the sheet in this part of the package."""
    found = Hidden()
    row = -1

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal row
        match tag.rpartition("|")[2]:
            case "row":
                row = row_of(attributes.get("r", ""), row + 1)
                if _is_hidden(attributes):
                    found.rows.add(row)
            case "col" if _is_hidden(attributes):
                first, last = attributes.get("min", ""), attributes.get("max", "")
                if first.isdecimal() and last.isdecimal() and len(first) < 6 and len(last) < 6:
                    found.columns.update(range(int(first) - 1, min(int(last), _COLUMNS)))
            case "filterColumn":
                found.is_filtered = True
            case _:
                pass

    parse_part(path, part, xml_parser(start))
    return found


def _is_hidden(attributes: dict[str, str]) -> bool:
    return attributes.get("hidden", "") in ("1", "true")
