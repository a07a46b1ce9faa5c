"""Random questions made from the words of a company's data and the words that the analyst knows."""

import random
from collections.abc import Iterator, Sequence

from cfo_kernel.agent.analyst.phrases import ADJECTIVES, ASKS, GRAINS
from cfo_kernel.data.tables import Kind, Tables

_TIMES = (
    "2012", "99999", "in 2023", "Q1 2012", "first quarter of 2024", "March 2012", "31.12.2012", "2012-02-30",
    "last month", "FY2024", "January to March", "2011 vs 2012", "Dezember", "year end 2012", "H1 2024", "0000",
)  # fmt: skip
_ODD = (
    "0", "-1", "1e9", "1,000.50", "50%", "€", "$ 5", "(", ")", "\"", "'", "?", "!", ",", ";", ":", "/", "&", "+", "=",
    "<>", "über", "Größe", "ÄÖÜ", "ß", "naïve", "数字", "🙂", "\u200b", "null", "None", "SELECT", "{x}", "*", "%", "_",
    "top", "top 0", "top 999999999999", "of of", "and and", "the", "a",
)  # fmt: skip
_FEW = 40
_FORMS = (
    "{measure} {time}",
    "{ask} {measure} by {group} {time}",
    "{ask} {measure} for {value} in {time}",
    "{measure} of {value} vs {value} by {grain}",
    "{value} in {time}",
    "{value} {time} by {group}",
    "{value} and {value} by {grain} {time}",
    "{ask} {value} for {value}",
    "top {number} {group} by {measure} in {time}",
    "share of {value} in {measure} {time}",
    "which {group} has the {ask} {measure}",
    "{measure} above {number} by {group} and {grain}",
    "{group} with {measure} below {number} {time}",
    "how many {group} without {value} {time}",
    "{value} as a percentage of {value} by {grain}",
    "change of {measure} from {time} to {time}",
    "{grain} {ask} {measure} of {value}",
    "{measure} excluding {value} {time}",
    "{ask} {value} {column} {value}",
    "list {column} where {column} is {value}",
    "chart of {measure} by {grain} since {time}",
    "{value} {value} {value}",
    "{part} in {time}",
    "{ask} {part} for {part}",
    "running total of {measure} by {grain}",
    "{measure} {time} vs {time} by {group}",
    "and in {time}",
    "what about {value}",
)


class RandomQuestions:
    """Makes questions about these tables. The same seed makes the same questions.

    `known` contains questions that can be answered. Some of the random questions are variants of these.
    """

    def __init__(self, tables: Tables, seed: int, known: Sequence[str] = ()) -> None:
        self._known = known
        self._random = random.Random(seed)
        columns = [column for table in tables.values() for column in table.columns]
        few = [column for column in columns if 1 < column.distinct <= _FEW and column.values]
        values = [str(value) for column in columns for value in list(column.values or ())[:200]]
        ends = [str(end) for column in columns for end in (column.minimum, column.maximum) if end is not None]
        days = [str(end) for column in columns if column.kind is Kind.TIME for end in (column.minimum, column.maximum)]
        names = [name for column in columns for name in (column.name, column.name.replace("_", " "))]
        self._words = {
            "measure": [c.name.replace("_", " ") for c in columns if c.kind is Kind.NUMBER and not c.is_key] or names,
            "group": [column.name.replace("_", " ") for column in few] or names,
            "column": names + [table.name.replace("_", " ") for table in tables.values()],
            "value": [str(value) for column in few for value in column.values or ()] or values or names,
            "part": [word for text in [*values, *names] for word in text.replace("_", " ").split()] or names,
            "ask": list(ASKS),
            "grain": [*GRAINS, *ADJECTIVES],
            "time": [*_TIMES, *ends, *[day[:4] for day in days] * 20, *[day[:7] for day in days] * 5],
            "number": ["1", "5", "100", "0.5", "-3", *ends],
            "odd": list(_ODD),
        }

    def __iter__(self) -> Iterator[str]:
        while True:
            chance = self._random.random()
            if self._known and chance < 0.4:
                yield self._altered(self._random.choice(self._known).split(), most=3)
            elif chance < 0.8:
                yield self._altered([self._filled(word) for word in self._random.choice(_FORMS).split()], most=2)
            else:
                yield " ".join(self._word() for _ in range(self._random.randint(1, 9)))

    def _altered(self, words: list[str], most: int) -> str:
        """The question with up to `most` words dropped, added, replaced, misspelled or in another case."""
        for _ in range(self._random.choice((0, *range(most + 1)))):
            at = self._random.randrange(len(words))
            change = self._random.randrange(5)
            if change == 0 and len(words) > 1:
                del words[at]
            elif change == 1:
                words.insert(at, self._word())
            elif change == 2:
                words[at] = self._word()
            elif change == 3 and len(words[at]) > 4:
                cut = self._random.randrange(1, len(words[at]))
                words[at] = words[at][:cut] + words[at][cut + 1 :]
            else:
                words[at] = self._random.choice((str.upper, str.title, str.lower))(words[at])
        return " ".join(words)

    def _word(self) -> str:
        return self._random.choice(self._words[self._random.choice(list(self._words))])

    def _filled(self, word: str) -> str:
        kind = word.strip("{}")
        return self._random.choice(self._words[kind]) if word.startswith("{") else word
