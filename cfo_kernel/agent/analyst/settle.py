"""Resolves ambiguous names from the words around them, or asks for clarification if that fails."""

from dataclasses import replace

from cfo_kernel.agent.analyst.lexicon import Lexicon, Name
from cfo_kernel.agent.analyst.marks import Mark, Sort
from cfo_kernel.agent.analyst.phrases import ASKS, Ask
from cfo_kernel.agent.analyst.reading import NotUnderstood
from cfo_kernel.agent.analyst.schema import Schema
from cfo_kernel.agent.analyst.words import Word

_ENTITY_BEFORE = (Ask.BY, Ask.PER, Ask.WHICH, Ask.COUNT, Ask.DISTINCT, Ask.LIST, Ask.ALL)
_MOST_CHOICES = 12


class Settler:
    """Resolves the ambiguous names in one question."""

    def __init__(self, question: str, words: tuple[Word, ...], schema: Schema, lexicon: Lexicon) -> None:
        self._question, self._words = question, words
        self._schema, self._lexicon = schema, lexicon

    def settle(self, marks: list[Mark]) -> list[Mark]:
        """The marks with a single meaning for each name, except for column names that several tables share."""
        marks = self._qualified(marks)
        marks = [self._quiet_balance(m, marks) for m in marks]
        return [self._one(marks, i) if m.sort is Sort.NAME else m for i, m in enumerate(marks)]

    def _quiet_balance(self, mark: Mark, marks: list[Mark]) -> Mark:
        """Ignores 'balance' in 'cash balance', even if the tables have a value called Balances."""
        if mark.sort is not Sort.NAME or mark.length > 1 or ASKS.get(self._words[mark.start].norm) is not Ask.BALANCE:
            return mark
        others = any(m.values for m in marks if m is not mark)
        return mark.filler() if others or self._words[mark.start].norm == "balance" else mark

    def swap(self, mark: Mark, text: str) -> str:
        """The question with the mark's words replaced."""
        start, end = self._words[mark.start].start, self._words[mark.end - 1].end
        return f"{self._question[:start]}{text}{self._question[end:]}"

    def nearest(self, mark: Mark) -> tuple[Name, ...]:
        """Names that resemble the mark's words."""
        return self._lexicon.nearest(self.said(mark))

    def is_bare(self, mark: Mark) -> bool:
        """Whether the mark is a value's name without its column's name."""
        return any(n.kind == "value" for n in self._lexicon.also(self._words[mark.start : mark.end]))

    def said(self, mark: Mark) -> str:
        return self._question[self._words[mark.start].start : self._words[mark.end - 1].end]

    def _qualified(self, marks: list[Mark]) -> list[Mark]:
        """Joins 'department Corporate', 'Corporate department' and 'of type Revenue' into one mark."""
        joined: list[Mark] = []
        at = 0
        while at < len(marks):
            mark, following = marks[at], marks[at + 1] if at + 1 < len(marks) else None
            entity = any(m.is_ask(Ask.BY, Ask.PER, Ask.WHICH, Ask.COUNT) for m in _last(joined))
            if following and (pair := self._pair(mark, following, entity)):
                joined.append(pair)
                at += 2
            else:
                joined.append(mark)
                at += 1
        return joined

    def _pair(self, first: Mark, second: Mark, entity: bool) -> Mark | None:
        if first.sort is Sort.NAME and second.sort is Sort.NUMBER:
            return self._key(first, second)
        if first.sort is not Sort.NAME or second.sort is not Sort.NAME:
            return None
        if self._words[second.start].before.strip("\"'‘“("):
            return None
        for columns, values in ((first, second), (second, first)):
            if (columns.values and len(columns.values) == len(columns.names)) or (columns is first and entity):
                continue
            paths = {n.path for n in self._columns(columns)}
            candidates = (*values.values, *self._lexicon.also(self._words[values.start : values.end]))
            meant = [n for n in candidates if n.kind == "value" and n.path in paths]
            if meant:
                return Mark(Sort.NAME, first.start, second.end, names=tuple(dict.fromkeys(meant)), remark=values.remark)
        return None

    def _key(self, column: Mark, number: Mark) -> Mark | None:
        """Reads 'department group key 1' as only that row of a tree. Its name would include everything below it."""
        if number.number is None or number.number.percent or number.number.money:
            return None
        key = str(number.number.value)
        for name in column.columns:
            tree = self._schema.trees.get(name.table.lower())
            if tree is None or name.column.lower() != tree.key.lower() or key not in tree.nodes:
                continue
            itself = " by itself" if tree.children(key) else ""
            remark = f"{self._schema.label(name.path).capitalize()} {key} is {tree.nodes[key].name}{itself}."
            value = replace(name, kind="value", value=key, synonym=False, partial=False)
            return Mark(Sort.NAME, column.start, number.end, names=(value,), remark=remark)
        return None

    def _columns(self, mark: Mark) -> tuple[Name, ...]:
        """The columns that the mark may refer to. A table's name refers to the column that names its rows."""
        columns: list[Name] = []
        for name in mark.columns:
            if name.kind == "column":
                columns.append(name)
            elif naming := self._schema.naming_column(self._schema.tables[name.table]):
                columns.append(Name("column", name.table, naming.name))
        return tuple(dict.fromkeys(columns))

    def _one(self, marks: list[Mark], at: int) -> Mark:
        mark = marks[at]
        before = _last(marks[:at])
        entity = any(m.is_ask(*_ENTITY_BEFORE) for m in before)
        if mark.columns and (entity or not mark.values or not mark.values[0].partial):
            return self._column(mark)
        return self._value(mark, marks)

    def _column(self, mark: Mark) -> Mark:
        names = mark.columns
        if all(n.kind == "table" for n in names):  # 'fx rate' can be both a table's name and a synonym for its column
            also = self._lexicon.also(self._words[mark.start : mark.end])
            names += tuple(n for n in also if n.kind == "column" and n.table == names[0].table)
        facts = tuple(n for n in names if n.kind == "table" and self._schema.is_fact(n.table))
        own = tuple(n for n in names if n.kind == "column" and not n.synonym) or tuple(
            n for n in names if n.kind == "column"
        )
        if facts and not own:
            return replace(mark, names=facts)
        columns = own or self._columns(mark)
        if not columns and names:
            return replace(mark, names=names[:1])
        if len({n.column for n in columns}) > 1:
            labels = [self._schema.label(n.path) for n in columns]
            raise NotUnderstood(
                f"'{self.said(mark)}' could mean several columns: {', '.join(labels)}.",
                tuple(self.swap(mark, label) for label in labels),
            )
        if len(columns) == 1 and columns[0].partial:
            label = self._schema.label(columns[0].path)
            return replace(mark, names=columns, remark=f"'{self.said(mark)}' was read as {label}.")
        return replace(mark, names=columns)

    def _value(self, mark: Mark, marks: list[Mark]) -> Mark:
        values = mark.values
        value, *others = values
        if others:
            self._several(mark, values)
        if value.partial:
            return self._partly(mark, value)
        if value.synonym and mark.length == 1:
            self._too_short(mark, value)
        self._twice(mark, value, marks)
        return replace(mark, names=(value,))

    def _several(self, mark: Mark, values: tuple[Name, ...]) -> None:
        listed = list(dict.fromkeys(n.value for n in values))
        what = ", ".join(listed[:_MOST_CHOICES]) + (" and others" if len(listed) > _MOST_CHOICES else "")
        same_word = len(listed) == 1
        if same_word:
            what = " and ".join(f"{self._schema.label(n.path)} {n.value}" for n in values)
        raise NotUnderstood(
            f"'{self.said(mark)}' has more than one meaning: {what}.",
            tuple(self.swap(mark, self._spelled(n)) for n in values[: 2 * _MOST_CHOICES]),
            decide=same_word and not values[0].partial,
        )

    def _spelled(self, name: Name) -> str:
        """The value in unambiguous words: preceded by its column's name if another column also contains the value."""
        everywhere = [
            f"{t.name}.{c.name}"
            for t in self._schema.tables.values()
            for c in t.columns
            if name.value in (c.values or ())
        ]
        return name.value if len(everywhere) < 2 else f"{self._schema.label(name.path)} {name.value}"

    def _partly(self, mark: Mark, value: Name) -> Mark:
        words = self._words[mark.start : mark.end]
        missing = self._lexicon.left_over(value, words)
        label = self._schema.label(value.path)
        if missing > 1 or missing > len(words):
            raise NotUnderstood(
                f"There is no '{self.said(mark)}'; the nearest name is {label} {value.value}.",
                (self.swap(mark, self._spelled(value)),),
            )
        remark = f"'{self.said(mark)}' was read as the {label} '{value.value}'."
        return replace(mark, names=(value,), remark=remark)

    def _too_short(self, mark: Mark, value: Name) -> None:
        """Asks for clarification of a one-word synonym that is also in the names of several other values: 'dollar'."""
        others = [
            n
            for n in self._lexicon.containing(self._words[mark.start : mark.end])
            if n.value != value.value and n.path == value.path
        ]
        if len(others) > 1:
            self._several(mark, (value, *others))

    def _twice(self, mark: Mark, value: Name, marks: list[Mark]) -> None:
        """Refuses a name that several rows of its table share, unless the question tells them apart."""
        table, column = self._schema.column(value.path)
        rows = (column.values or {}).get(value.value, 0)
        if rows < 2 or not self._schema.names_rows(table, column):
            return
        others = [n for m in marks for n in m.names if n.kind == "value" and n.table == table.name]
        if any(n.column != value.column for n in others):
            return
        apart = [
            c
            for c in table.columns
            if c.values and not c.is_key and not self._schema.names_rows(table, c) and len(c.values) <= _MOST_CHOICES
        ]
        swaps = tuple(
            self.swap(mark, f"{value.value} of {self._schema.label(f'{table.name}.{c.name}')} {v}")
            for c in apart[:1]
            for v in c.values or ()
        )
        label = self._schema.label(value.path)
        raise NotUnderstood(f"{rows} {label}s are called '{value.value}'.", swaps)


def _last(marks: list[Mark]) -> list[Mark]:
    """The last mark that is not a filler or a number, as a list with at most one element."""
    said = [m for m in marks if m.sort not in (Sort.FILLER, Sort.NUMBER)]
    return said[-1:]
