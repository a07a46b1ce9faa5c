"""Every name that a question may use: tables, columns and their values, with synonyms."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from rapidfuzz import process
from rapidfuzz.distance import OSA

from cfo_kernel.agent.analyst.schema import Schema
from cfo_kernel.agent.analyst.words import Word, key, split, stem, words_in
from cfo_kernel.data.tables import Column, Kind, Table

_CALENDAR = words_in(
    "january february march april may june july august september october november december monday tuesday "
    "wednesday thursday friday saturday sunday"
)
_SHORTEST = 3
_MINOR = words_in("of and the for in on to or a an")


@dataclass(frozen=True, slots=True)
class Name:
    """A table, column or value. `synonym` means that it was found by a synonym, `partial` by a part of its name."""

    kind: Literal["table", "column", "value"]
    table: str
    column: str = ""
    value: str = ""
    synonym: bool = False
    partial: bool = False

    @property
    def path(self) -> str:
        return f"{self.table}.{self.column}"

    def same(self, other: "Name") -> bool:
        mine = (self.kind, self.table, self.column, self.value)
        return mine == (other.kind, other.table, other.column, other.value)


class Lexicon:
    """Looks up names by the stems of their words, in whole or in part."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._whole: dict[str, list[Name]] = defaultdict(list)
        self._lengths: dict[tuple[str, Name], set[int]] = defaultdict(set)
        self._parts: dict[str, list[Name]] = defaultdict(list)
        self._column_parts: dict[str, list[Name]] = defaultdict(list)
        self._content: dict[Name, list[frozenset[str]]] = defaultdict(list)
        self.longest = 1
        for table in schema.tables.values():
            for text, name in self._of(table):
                self._add(text, name)
        self.vocabulary = sorted({*self._whole, *self._parts})

    def whole(self, words: tuple[Word, ...]) -> tuple[Name, ...]:
        """Everything with exactly this name, or else everything that has it as a synonym."""
        names = self.also(words)
        return tuple(n for n in names if not n.synonym) or names

    def also(self, words: tuple[Word, ...]) -> tuple[Name, ...]:
        """Everything with exactly this name, including synonyms."""
        names = self._whole.get(key(words), ())
        if all(len(w.norm) >= _SHORTEST for w in words):
            return tuple(names)
        # 'in R&D' is not the currency INR: short words match only names with the same number of words
        return tuple(n for n in names if len(words) in self._lengths[key(words), n])

    def containing(self, words: tuple[Word, ...]) -> tuple[Name, ...]:
        """The values whose names contain all these words."""
        stems = [w.stem for w in words if w.norm not in _MINOR]
        if not stems:
            return ()
        found = self._parts.get(stems[0], [])
        return tuple(n for n in found if any(content.issuperset(stems) for content in self._content[n]))

    def columns_containing(self, word: Word) -> tuple[Name, ...]:
        """The columns whose names contain this word: 'type' finds account type."""
        return tuple(self._column_parts.get(word.stem, ()))

    def left_over(self, name: Name, words: tuple[Word, ...]) -> int:
        """How many words of the value's name the question omits. A misspelled word counts as the one it stands for."""
        said = {w.stem for w in words} | {form for w in words if (form := self.correction(w))}
        contents = self._content[name]
        return min(len(content - said) for content in [c for c in contents if c & said] or contents)

    def correction(self, word: Word) -> str | None:
        """The word in a known name that this word misspells, if there is a single best match."""
        slips = _slips(word)
        if not slips:
            return None
        scored = process.extract(word.stem, self.vocabulary, scorer=OSA.distance, score_cutoff=slips, limit=3)
        if not scored or (len(scored) > 1 and scored[0][1] == scored[1][1]):
            return None
        best = scored[0][0]
        return best if len(best) >= 5 and best[0] == word.stem[0] else None

    def misspelled(self, words: tuple[Word, ...]) -> tuple[Name, ...]:
        """The values whose names match these words except for typing errors."""
        near = {n for w in words for n in self._parts.get(w.stem, ())}
        names = [replace(n, partial=False) for n in near if _alike(words, split(n.value))]
        return tuple(sorted(names, key=lambda n: (n.path, n.value)))

    def is_part(self, word: Word) -> bool:
        """Whether the word may be part of a value's name."""
        return word.norm in _MINOR or word.stem in self._parts

    def nearest(self, text: str, limit: int = 12) -> tuple[Name, ...]:
        """Values and columns whose names resemble this text."""
        wanted = "".join(stem(w.norm) for w in split(text))
        if len(wanted) < 3:
            return ()
        scored = process.extract(
            wanted, self.vocabulary, scorer=OSA.normalized_similarity, score_cutoff=0.7, limit=limit
        )
        close = [n for form, _, _ in scored for n in (*self._whole.get(form, ()), *self._parts.get(form, ()))]
        roots = [n for form in self._parts if form[:4] == wanted[:4] and len(wanted) > 3 for n in self._parts[form]]
        unique: list[Name] = []
        for name in [*close, *roots]:
            if name.kind != "table" and not any(name.same(u) for u in unique):
                unique.append(name)
        return tuple(unique[:limit])

    def _add(self, text: str, name: Name) -> None:
        words = split(text)
        if not any(c.isalpha() for c in text) or not words:
            return
        if not any(name.same(known) for known in self._whole[key(words)]):
            self._whole[key(words)].append(name)
        self._lengths[key(words), next(n for n in self._whole[key(words)] if name.same(n))].add(len(words))
        self.longest = max(self.longest, min(len(words), 12))
        if name.kind == "table":
            return
        part_of = Name(name.kind, name.table, name.column, name.value, partial=True)
        content = frozenset(w.stem for w in words if w.norm not in _MINOR)
        self._content[part_of].append(content)
        parts = self._parts if name.kind == "value" else self._column_parts
        for part in content:
            if part_of not in parts[part]:
                parts[part].append(part_of)

    def _of(self, table: Table) -> Iterator[tuple[str, Name]]:
        notes = self._schema.notes(table.name)
        own = Name("table", table.name)
        yield table.name.replace("_", " "), own
        for text in (*((notes.name,) if notes.name else ()), *notes.synonyms):
            yield text, Name("table", table.name, synonym=True)
        for column in table.columns:
            yield from self._of_column(table, column)

    def _of_column(self, table: Table, column: Column) -> Iterator[tuple[str, Name]]:
        notes = self._schema.glossary.column(table.name, column.name)
        yield column.name.replace("_", " "), Name("column", table.name, column.name)
        yield self._schema.label(f"{table.name}.{column.name}"), Name("column", table.name, column.name)
        for text in notes.synonyms:
            yield text, Name("column", table.name, column.name, synonym=True)
        for value in column.values or () if column.kind is Kind.TEXT else ():
            if value.lower() in _CALENDAR:
                continue  # the name of a month is a period, not a value in the calendar table
            yield value, Name("value", table.name, column.name, value)
        for value, texts in notes.values.items():
            for text in texts:
                yield text, Name("value", table.name, column.name, value, synonym=True)


def _alike(typed: tuple[Word, ...], meant: tuple[Word, ...]) -> bool:
    return len(typed) == len(meant) and all(
        a.stem == b.stem or (a.norm[0] == b.norm[0] and OSA.distance(a.stem, b.stem) <= _slips(a))
        for a, b in zip(typed, meant, strict=True)
    )


def _slips(word: Word) -> int:
    """How many typing errors a word of this length may have."""
    if len(word.norm) < 5 or not word.norm.isalpha():
        return 0
    return 1 if len(word.norm) < 10 else 2
