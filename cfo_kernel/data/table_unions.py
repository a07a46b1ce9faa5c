"""Decides which tables are parts of one table, because users say so or their names and columns suggest it.

The names are those of files, or of the sheets of a workbook (`union_parts`).

If parts stay apart, a sum misses some of them. If tables are combined by mistake, a sum adds up figures that do not
belong together. Unless users ask for it, tables are therefore combined only if there is no reason against it.
Otherwise, a note proposes the union.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise
from pathlib import Path

from cfo_kernel.data import file_formats, file_names, union_parts
from cfo_kernel.data.decisions import Decision, DecisionKind
from cfo_kernel.data.file_series import NUMBER, series_name
from cfo_kernel.data.tables import Column, Dataset, Kind, ProposedUnion, Table
from cfo_kernel.data.union_parts import Part

_LISTED, _SHOWN = 10, 3
_FEW_ADDED = 5  # at most one column in this many may be new in later files
_LIKENESS = 0.5  # the minimum share of common columns for a union to be proposed
_MOST_REPEATED = 0.5  # the share of a part's rows that may also occur in other parts


@dataclass(frozen=True)
class Unions:
    """The unions that users ask for or rule out.

    `together` maps the name of a table to the files or tables that form it. Tables in `apart` or in `described`, which
    the glossary describes, are not combined on the evidence of their names.
    """

    together: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    apart: frozenset[str] = frozenset()
    described: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Union:
    """Tables that are combined. `is_asked` means that users ask for it."""

    name: str
    parts: tuple[Part, ...]
    is_asked: bool = False
    decisions: tuple[Decision, ...] = ()


@dataclass(frozen=True)
class Found:
    """The unions, and proposals for others."""

    unions: list[Union] = field(default_factory=list[Union])
    proposals: list[ProposedUnion] = field(default_factory=list[ProposedUnion])


def find(parts: Sequence[Part], settings: Unions) -> Found:
    """The unions of these tables, and proposals for others."""
    found = Found()
    taken: set[str] = set()
    for name, members in settings.together.items():
        chosen = [part for part in parts if _is_meant(part, members) and part.table.name not in taken]
        if len(chosen) > 1:
            taken |= {part.table.name for part in chosen}
            found.unions.append(Union(file_names.identifier(name), tuple(chosen), True, tuple(_differences(chosen))))
    for members in union_parts.find_series([part for part in parts if part.table.name not in taken]):
        _add(found, members, parts, settings)
    return found


def _add(found: Found, members: Sequence[Part], parts: Sequence[Part], settings: Unions) -> None:
    """Adds the union of a series.

    If there is a problem, adds the unions within each workbook instead, or a proposal.
    """
    name = union_parts.series_of(members)
    if name in settings.apart:
        return
    problem = _problem(name, members, parts, settings)
    if problem is None:
        found.unions.append(Union(name, tuple(members), decisions=tuple(_differences(members))))
    elif books := union_parts.by_file(members):
        for sheets in books:
            _add(found, sheets, parts, settings)
    elif problem:
        found.proposals.append(proposed(Union(name, tuple(members)), problem))


def unsettled(parts: Sequence[Part], settings: Unions, pending: Sequence[str]) -> set[str]:
    """The names of tables that may become parts of a union with the `pending` files, which are still being read."""
    forms = {(name.form, name.kinds) for file in pending if (name := series_name(file_formats.table_stem(Path(file))))}
    found: set[str] = set()
    for members in settings.together.values() if pending else ():
        wanted = {member.lower() for member in members}
        known = {name.lower() for part in parts for name in (part.table.name, part.file)}
        if not wanted <= known:
            found |= {part.table.name for part in parts if _is_meant(part, members)}
    for part in parts:
        name = series_name(part.stem)
        if name and (name.form, name.kinds) in forms:
            found.add(part.table.name)
    return found


def repeats(union: Union, table: Table) -> str | None:
    """Why a union that users did not ask for is rejected after all: most rows of a part also occur in other parts."""
    repeated = max((d.count for d in table.decisions if d.kind is DecisionKind.ROWS and d.needs_check), default=0)
    fewest = min(part.table.row_count for part in union.parts)
    return "many rows are in more than one of them" if repeated > _MOST_REPEATED * fewest else None


def proposed(union: Union, problem: str) -> ProposedUnion:
    """The proposal to create the union despite the problem."""
    members = tuple(part.member for part in union.parts)
    return ProposedUnion(name=union.name or "all_files", files=members, why_not=problem.rstrip("."))


def note(proposal: ProposedUnion) -> str:
    """The proposal as a sentence."""
    files = proposal.files
    written = f"union: {{{proposal.name}: [{', '.join(files[:_SHOWN])}{', ...' if len(files) > _SHOWN else ''}]}}"
    problem = f"{_listed(files)} may be parts of one table, but {proposal.why_not}"
    return f"{problem}. To combine them, add this to datasets.yaml: {written}"


def _is_meant(part: Part, members: Sequence[str]) -> bool:
    names = {member.lower() for member in members}
    return part.table.name.lower() in names or (part.is_only and part.file.lower() in names)


def _problem(name: str, members: Sequence[Part], parts: Sequence[Part], settings: Unions) -> str | None:
    """Why tables with such names are not combined, or None if they are.

    An empty string means that there is not even a reason to propose it.
    """
    names = {part.table.name.lower() for part in members}
    if len({(part.version, part.table.sheet) for part in members}) < len(members):
        return "two of them are the same"
    likeness = min(_likeness(a.table, b.table) for a, b in combinations(members[:_LISTED], 2))
    if likeness < _LIKENESS:
        return ""
    differences = list(_differences(members))
    if differences and sorted(d.column or "" for d in differences) != sorted(_added(members)):
        return " ".join(difference.text for difference in differences)
    if not name:
        return "their names contain only the period"
    if any(part.place and NUMBER in part.place.kinds for part in members):
        return "a number does not say whether they are parts or versions"
    if names & settings.described:
        return "datasets.yaml describes them as separate tables"
    if key := _key_of_others(members, parts):
        return f"other tables refer to their key {key}"
    return None


def _added(members: Sequence[Part]) -> list[str]:
    """The columns that later files add to the first one, if all files after them have them.

    Empty if there are too many.
    """
    names = [{column.name.lower(): column.name for column in part.table.columns} for part in members]
    known = [names[0].keys() & some.keys() for some in names]
    new = {key: name for some in names for key, name in some.items() if key not in names[0]}
    later = [name for key, name in new.items() if all(key in b for a, b in pairwise(names) if key in a)]
    is_kept = all(some == names[0].keys() for some in known)
    return later if is_kept and len(later) <= max(1, len(names[0]) // _FEW_ADDED) else []


def _likeness(one: Table, other: Table) -> float:
    names = [{column.name.lower() for column in table.columns} for table in (one, other)]
    return len(names[0] & names[1]) / len(names[0] | names[1])


def _key_of_others(members: Sequence[Part], parts: Sequence[Part]) -> str | None:
    """A column that identifies the rows of each part, and that another table has too.

    Joining that table to the union would repeat its rows.
    """
    own = {part.table.name for part in members}
    others = {column.name.lower() for part in parts if part.table.name not in own for column in part.table.columns}
    for column in members[0].table.columns:
        if column.is_key and column.name.lower() in others:
            found = [(part.table, part.table.column(column.name)) for part in members]
            if all(each and table.is_unique(each) for table, each in found):
                return column.name
    return None


def _differences(members: Sequence[Part]) -> Iterator[Decision]:
    """Decisions about columns that some parts lack, or that have different types."""
    columns: dict[str, list[tuple[str, Table, Column]]] = defaultdict(list)
    for label, part in zip(union_parts.labels(members), members, strict=True):
        for column in part.table.columns:
            columns[column.name.lower()].append((label, part.table, column))
    for found in columns.values():
        name = found[0][2].name
        if len(found) < len(members):
            files = _listed([label for label, *_ in found])
            text = f"{name}: only {files} {'has' if len(found) == 1 else 'have'} this column."
            yield Decision(kind=DecisionKind.LAYOUT, text=text, column=name, needs_check=True)
        kinds = {column.kind: label for label, table, column in found if column.nulls < table.row_count}
        if len(kinds) > 1:
            written = " and ".join(f"{_words(kind)} in {label}" for kind, label in kinds.items())
            text = f"{name}: the column holds {written}."
            yield Decision(kind=DecisionKind.LAYOUT, text=text, column=name, needs_check=True)


def _words(kind: Kind) -> str:
    return {Kind.NUMBER: "numbers", Kind.TEXT: "text", Kind.TIME: "dates"}.get(kind, "other values")


def _listed(files: Sequence[str]) -> str:
    more = f" and {len(files) - _LISTED} more" if len(files) > _LISTED else ""
    return f"{', '.join(files[:_LISTED])}{more}" if len(files) != 2 or more else " and ".join(files)


def _rows(table: Table) -> str:
    return "row" if table.row_count == 1 else "rows"


def wrong_members(
    together: Mapping[str, Sequence[str]], datasets: Sequence[Dataset], tables: Iterable[str]
) -> Iterator[tuple[str, int, str]]:
    """The members that are not files or tables, each with the union's name, its position and the problem."""
    files = {dataset.file.lower(): dataset for dataset in datasets}
    known = {name.lower() for name in tables}
    for name, members in together.items():
        for at, member in enumerate(members):
            dataset = files.get(member.lower())
            if dataset is None and member.lower() not in known:
                yield name, at, f"there is no file {member[:80]}"
            elif dataset and len(dataset.tables) > 1:
                listed = ", ".join(table.name for table in dataset.tables[:_LISTED])
                yield name, at, f"{member[:80]} has several tables; name one of them: {listed}"


def described(union: Union) -> list[Decision]:
    """The decisions about a union: its parts, how they differ, and the decisions about each part."""
    names = union_parts.labels(union.parts)
    rows = [
        f"{name} ({part.table.row_count:,} {_rows(part.table)})" for name, part in zip(names, union.parts, strict=True)
    ]
    files, sheets = union_parts.origins(union.parts)
    combined = f"The rows of {len(rows)} {'sheets' if sheets else 'files'} were combined: {_listed(rows)}"
    columns = ["source_file names the file"] * files + ["source_sheet names the sheet"] * sheets
    text = f"{combined}. The column {' and '.join(columns)} of each row."
    decisions = [Decision(kind=DecisionKind.LAYOUT, text=text, count=len(rows)), *union.decisions]
    for name, part in zip(names, union.parts, strict=True):
        for decision in part.table.decisions:
            decisions.append(decision.model_copy(update={"text": f"{name}: {decision.text}"}))
    return decisions
