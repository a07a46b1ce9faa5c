"""Datasets, their tables and columns, and the keys that join tables."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

from cfo_kernel import display
from cfo_kernel.data.decisions import Decision
from cfo_kernel.data.reading_stages import Reading
from cfo_kernel.data.reading_summary import KindSummary, summarize
from cfo_kernel.number_formats import NumberFormat, is_number
from cfo_kernel.values import Value

LISTED_COLUMNS = ("file", "table", "rows", "columns")
"""The columns of the list of datasets, as users see it."""


class Kind(StrEnum):
    """The kind of values in a column, independent of their exact DuckDB type."""

    NUMBER = "number"
    TEXT = "text"
    TIME = "time"
    OTHER = "other"


_TIMES = ("DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS")
_MB = 100_000  # bytes; larger sizes are given in MB
_KEY_ENDINGS = ("key", "id", "code", "no", "nr", "number")


class Column(Value):
    """A column of a table: its DuckDB type and a small profile of its values.

    `distinct` is an estimate where a large table has very many values in a column that cannot be a key.
    `values` maps every distinct string to the number of its rows, if there are few enough to list (see
    `cfo_kernel.data.profile`). `minimum` and `maximum` are strings (ISO for dates). `format` says how numbers
    and months are shown.
    """

    name: str
    type: str
    nulls: int = 0
    distinct: int = 0
    minimum: str | None = None
    maximum: str | None = None
    values: dict[str, int] | None = None
    format: NumberFormat | None = None

    @property
    def kind(self) -> Kind:
        if self.type.endswith("]"):
            return Kind.OTHER
        if is_number(self.type):
            return Kind.NUMBER
        if self.type == "VARCHAR":
            return Kind.TEXT
        return Kind.TIME if self.type.split(" ")[0] in _TIMES else Kind.OTHER

    @property
    def scale(self) -> int:
        """The number of decimals of a DECIMAL; 0 for other types."""
        is_decimal = self.type.startswith("DECIMAL(") and self.kind is Kind.NUMBER
        return int(self.type.rstrip(")").partition(",")[2]) if is_decimal else 0

    def is_comparable(self, other: "Column") -> bool:
        """Whether values of the two columns can be compared for equality."""
        return self.type == other.type or (self.kind is other.kind and self.kind is not Kind.OTHER)

    @property
    def is_key(self) -> bool:
        """Whether the column's name says that it identifies something, so that a sum of it is not meaningful."""
        return self.name.lower().replace(" ", "_").rsplit("_", 1)[-1] in _KEY_ENDINGS


class Table(Value):
    """A table. `name` is its exact SQL name.

    `decisions` are those made when its file was read, and `notes` are their texts. `files` are the files whose rows a
    union combines. It is empty for a table from one file.
    """

    name: str
    dataset: str
    sheet: str | None = None
    columns: tuple[Column, ...]
    row_count: int
    decisions: tuple[Decision, ...] = ()
    notes: tuple[str, ...] = ()
    files: tuple[str, ...] = ()

    def column(self, name: str) -> Column | None:
        """The column with that name, ignoring case as SQL does."""
        return next((c for c in self.columns if c.name.lower() == name.lower()), None)

    def is_unique(self, column: Column) -> bool:
        return self.row_count > 0 and column.nulls == 0 and column.distinct == self.row_count

    def reading_summary(self) -> tuple[KindSummary, ...]:
        """The decisions as users see them: one line for each kind."""
        return summarize(self.decisions)


class ProposedUnion(Value):
    """Files that may be parts of one table, which is named `name`. `why_not` says why they are not combined yet."""

    name: str
    files: tuple[str, ...]
    why_not: str


class Dataset(Value):
    """A file under `data/` as one or more tables. If it has none, `problem` says why.

    While the file is being read, `reading` is its progress, and its tables are missing. `is_stopped` means that a
    person stopped the reading.

    A `document`, such as a PDF, a picture or an e-mail, is kept and listed, but not read. `proposal` says which files
    the file could be combined with.

    `version` is a hash of the file's content. `notes` are about the file as a whole: the sheets of a workbook that were
    left out, with the reason for each. Notes on a table are stored with that table.
    """

    id: str
    file: str
    version: str
    size: int
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()
    problem: str | None = None
    document: str | None = None
    proposal: ProposedUnion | None = None
    reading: Reading | None = None
    is_stopped: bool = False

    def about_reading(self) -> str | None:
        """A sentence about a file that is still being read."""
        return f"Being read: {self.reading.words}." if self.reading else None

    def about_document(self) -> str | None:
        """A sentence about a document."""
        if self.document is None:
            return None
        size = f"{self.size / 1e6:,.1f} MB" if self.size >= _MB else f"{self.size:,} bytes"
        return f"{self.document}, {size}: kept, but not read."

    def rows(self) -> list[list[str]]:
        """A row for each table, as users see it: file, table, row count and columns, or why it has none."""
        if why := self.problem or self.about_reading() or self.about_document():
            return [[self.file, "", "", why]]
        return [[self.file, t.name, f"{t.row_count:,}", ", ".join(c.name for c in t.columns)] for t in self.tables]

    def reading_lines(self) -> list[str]:
        """How the file was read: a line for each note and kind of decision, with the table if there are several."""
        lines = list(self.notes)
        for table in self.tables:
            name = f"{table.name}: " if len(self.tables) > 1 else ""
            lines += [
                f"{name}{kind.label}{' (check this)' if kind.needs_check else ''}: {kind.line}"
                for kind in table.reading_summary()
            ]
        return lines

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return display.bundle(LISTED_COLUMNS, self.rows(), self.reading_lines())


class Relation(Value):
    """A foreign key: `table.column` refers to the row of `to_table` whose unique `to_column` has the same value."""

    table: str
    column: str
    to_table: str
    to_column: str


class Tables(Mapping[str, Table]):
    """All tables of a workspace by name, ignoring case, and how they join."""

    def __init__(self, tables: Iterable[Table]) -> None:
        self._tables = {t.name.lower(): t for t in tables}
        self.relations = tuple(_relations(self._tables.values()))

    def __getitem__(self, name: str) -> Table:
        return self._tables[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)

    def path(self, start: str, goal: str) -> tuple[Relation, ...] | None:
        """The shortest chain of many-to-one joins from `start` to `goal`, or None."""
        chains: list[tuple[str, tuple[Relation, ...]]] = [(start.lower(), ())]
        seen = {start.lower()}
        for name, chain in chains:  # grows during the loop: a breadth-first search, so the first match is the shortest
            if name == goal.lower():
                return chain
            for relation in self.relations:
                if relation.table.lower() == name and relation.to_table.lower() not in seen:
                    seen.add(relation.to_table.lower())
                    chains.append((relation.to_table.lower(), (*chain, relation)))
        return None


def _relations(tables: Iterable[Table]) -> Iterable[Relation]:
    """A relation for each column that has the name of another table's unique key, as in a star schema."""
    everything = list(tables)
    for target in everything:
        for key in target.columns:
            if not (key.is_key and target.is_unique(key)):
                continue
            for table in everything:
                column = table.column(key.name)
                if table is not target and column and column.kind == key.kind:
                    yield Relation(table=table.name, column=column.name, to_table=target.name, to_column=key.name)


def why_no_tables(problems: Sequence[str]) -> str:
    """Explains why a workspace has no tables. `problems` are the reasons why its files cannot be read."""
    if not problems:
        return "There is no data yet. Upload a CSV, Excel, JSON or Parquet file first."
    others = f" {len(problems) - 1:,} more files cannot be read either." if len(problems) > 1 else ""
    return f"No file can be read. {problems[0]}{others}"
