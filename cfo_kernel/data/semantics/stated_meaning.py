"""A workspace's meaning, together with the glossary that states parts of it, for people to read, correct and save."""

from collections.abc import Iterator
from typing import Any

from cfo_kernel import display
from cfo_kernel.data.glossary import GlossaryFile
from cfo_kernel.data.semantics.draft import inferred_entries
from cfo_kernel.data.semantics.meaning import ColumnMeaning, Meaning, TableMeaning
from cfo_kernel.values import Value

LISTED = ("table", "column", "role", "details", "by", "evidence")
_MOST_EVIDENCE = 2


class StatedMeaning(Value):
    """What the tables of a workspace mean, which of that its glossary states, and the glossary's text.

    A change names the `version` that it changes. `problems` are the faults of the glossary, each with its line. The
    parts with faults are not used.
    """

    version: str
    meaning: Meaning
    glossary: GlossaryFile
    text: str
    problems: tuple[str, ...] = ()

    def draft(self) -> str:
        """The glossary's text with all inferences stated too. It is not saved."""
        from cfo_kernel.data.glossary_editor import edited  # needs the parser of the file, which few callers use

        return edited(self.text, inferred_entries(self.meaning, self.glossary))

    def rows(self) -> Iterator[tuple[str, ...]]:
        """A row for each table and column, as users see it. `LISTED` names its columns."""
        for table in self.meaning.tables:
            yield table.table, "", str(table.kind), _about_table(table), _by(table.source, table.confidence), ""
            for column in table.columns:
                evidence = " ".join(column.evidence[:_MOST_EVIDENCE])
                by = _by(column.source, column.confidence)
                yield table.table, column.column, str(column.role), _about_column(column), by, evidence

    def lines(self) -> list[str]:
        """Lines about everything that does not belong to a single column: joins, measures, questions and faults."""
        found = [
            f"{join.table} → {join.to_table} ({join.kind}): {join.matched:,} of {join.rows:,} rows match."
            for join in self.meaning.joins
        ]
        found += [f"{measure.table}: {measure.name} = {measure.text}" for measure in self.meaning.measures]
        return [*found, *(f"Question: {question.text}" for question in self.meaning.questions), *self.problems]

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return display.bundle(LISTED, [list(row) for row in self.rows()], self.lines())


def _by(source: str, confidence: float) -> str:
    return source if source == "glossary" else f"{source} ({confidence:.0%})"


def _about_table(table: TableMeaning) -> str:
    parts = [f"one row per {', '.join(table.grain)}" if table.grain else "", f"by {table.time_axis}"]
    return "; ".join(parts if table.time_axis else parts[:1]).strip("; ")


def _about_column(column: ColumnMeaning) -> str:
    parts = [
        str(column.date) if column.date else "",
        f"→ {column.refers_to}" if column.refers_to else "",
        column.unit or "",
        f"unit in {column.unit_column}" if column.unit_column else "",
        f"× {column.scale:,}" if column.scale else "",
        f"once per {', '.join(column.once_for)}" if column.once_for else "",
        column.period or "",
    ]
    return "; ".join(filter(None, parts))
