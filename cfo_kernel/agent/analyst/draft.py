"""The draft of a reading, which the grammar's rules fill in step by step."""

from dataclasses import dataclass, field
from typing import Literal

from cfo_kernel.agent.analyst.lexicon import Name
from cfo_kernel.agent.analyst.marks import Mark, Sort
from cfo_kernel.agent.analyst.phrases import Ask
from cfo_kernel.agent.analyst.ranges import When
from cfo_kernel.agent.analyst.reading import Threshold
from cfo_kernel.agent.analyst.schema import Schema
from cfo_kernel.agent.analyst.words import Word
from cfo_kernel.data.plan import Grain


@dataclass(frozen=True, slots=True)
class Said:
    """A value and its position in the question."""

    at: int
    name: Name
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Entity:
    """A column or a kind of period to group by or to count, with its position in the question."""

    at: int
    names: tuple[Name, ...] = ()
    grain: Grain | None = None


@dataclass
class Draft:
    """The parts of the question that have been understood so far."""

    words: tuple[Word, ...]
    marks: list[Mark]
    schema: Schema
    used: set[int] = field(default_factory=set[int])
    when: When = field(default_factory=When)
    values: list[Said] = field(default_factory=list[Said])
    groups: list[Entity] = field(default_factory=list[Entity])
    ranked: Entity | None = None
    asked: Entity | None = None
    counted: Entity | None = None
    measure: tuple[Name, ...] = ()
    facts: list[str] = field(default_factory=list[str])
    thresholds: list[Threshold] = field(default_factory=list[Threshold])
    bounds: list[tuple[Name, Threshold]] = field(default_factory=list[tuple[Name, Threshold]])
    over_scenario: Literal["<", ">"] | None = None
    order: Literal["asc", "desc"] | None = None
    top: int | None = None
    per: Grain | None = None
    ranks_totals: bool = False
    count_rows: bool = False
    rows: bool = False
    ends: Grain | None = None
    bare: list[Entity] = field(default_factory=list[Entity])

    def asks(self, *asks: Ask) -> bool:
        return any(m.is_ask(*asks) for m in self.marks)

    def says_rows(self) -> bool:
        """Whether the question mentions individual postings."""
        return any(
            m.is_ask(Ask.ROWS) or (self.is_fact(m.names) and self.means_rows(i)) for i, m in enumerate(self.marks)
        )

    def means_rows(self, at: int) -> bool:
        """Whether this name of a fact table refers to its rows, as 'posting' does, unlike 'general ledger'."""
        mark = self.marks[at]
        said = " ".join(w.norm for w in self.words[mark.start : mark.end])
        name = self.schema.notes(mark.names[0].table).name or ""
        return said not in ("ledger", "gl", "general ledger", name.lower())

    def first(self, *asks: Ask) -> int | None:
        return next((i for i, m in enumerate(self.marks) if m.is_ask(*asks)), None)

    def next(self, at: int, *skip: Ask) -> int | None:
        """The position of the next mark, ignoring filler words and the phrases in `skip`."""
        for i in range(at + 1, len(self.marks)):
            if self.marks[i].sort is not Sort.FILLER and not self.marks[i].is_ask(*skip):
                return i
        return None

    def previous(self, at: int, *skip: Ask) -> int | None:
        for i in range(at - 1, -1, -1):
            if self.marks[i].sort is not Sort.FILLER and not self.marks[i].is_ask(*skip):
                return i
        return None

    def is_measure(self, names: tuple[Name, ...]) -> bool:
        """Whether the name refers to a measure column."""
        columns = [n for n in names if n.kind == "column"]
        if not columns:
            return False
        table, column = self.schema.column(columns[0].path)
        return column in self.schema.measures(table)

    def is_fact(self, names: tuple[Name, ...]) -> bool:
        return bool(names) and names[0].kind == "table" and self.schema.is_fact(names[0].table)

    def is_date(self, names: tuple[Name, ...]) -> bool:
        return any(n.kind == "column" and self.schema.date(n.table) == n.path for n in names)

    def is_rows(self, at: int | None) -> bool:
        return at is not None and (self.marks[at].is_ask(Ask.ROWS) or self.is_fact(self.marks[at].names))

    def takes_totals(self) -> bool:
        """Whether an average or an extreme may refer to totals: the question names neither postings nor a measure."""
        return not self.rows and not self.says_rows() and not self.measure

    def take_rows(self, at: int) -> None:
        """Marks a word for postings as used. If it is specific to a fact table, it selects that table too."""
        self.used.add(at)
        if self.is_fact(self.marks[at].names):
            self.facts.append(self.marks[at].names[0].table)

    def entity(self, at: int | None) -> Entity | None:
        """The entity to group by or count that this mark refers to, if any."""
        if at is None:
            return None
        mark = self.marks[at]
        if mark.sort is Sort.GRAIN and not mark.adjective:
            return Entity(at, grain=mark.grain)
        if mark.sort is not Sort.NAME or mark.values or self.is_measure(mark.names) or self.is_fact(mark.names):
            return None
        if self.is_date(mark.names):
            return Entity(at, grain=Grain.DAY)
        return Entity(at, names=mark.names)
