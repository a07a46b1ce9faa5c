"""Reads a question: cuts it into marks, resolves names, and drafts and shapes a reading, or refuses with a reason."""

from cfo_kernel.agent.analyst import grammar, intent
from cfo_kernel.agent.analyst.lexicon import Lexicon
from cfo_kernel.agent.analyst.marks import Sort, cut
from cfo_kernel.agent.analyst.reading import NotUnderstood, Reading, Refusal, Variant
from cfo_kernel.agent.analyst.schema import Schema
from cfo_kernel.agent.analyst.settle import Settler
from cfo_kernel.agent.analyst.words import split

_MOST_CHARACTERS = 1000
_MOST_WORDS = 60
_MOST_VARIANTS = 24


class Reader:
    """Reads questions about the tables of one workspace."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.lexicon = Lexicon(schema)

    def read(self, question: str) -> Reading | Refusal:
        """The reading of the question, or a refusal that gives the reason and suggests other questions."""
        try:
            return self._read(question)
        except NotUnderstood as problem:
            variants: list[Variant] = []
            for text in dict.fromkeys(problem.swaps[:_MOST_VARIANTS]):
                if found := self.variant(text):
                    variants.append(found)
            return Refusal(
                problem.message, tuple(variants), decide=problem.decide, understood=self.understood(question)
            )

    def variant(self, text: str) -> Variant | None:
        """The reading of a suggested question, or None if it is not understood."""
        try:
            return Variant(text, self._read(text))
        except NotUnderstood:
            return None

    def _read(self, question: str) -> Reading:
        if len(question) > _MOST_CHARACTERS:
            raise NotUnderstood("The question is too long. Ask it in one sentence.")
        words = split(question)
        if len(words) > _MOST_WORDS:
            raise NotUnderstood("The question is too long. Ask it in one sentence.")
        if not words:
            raise NotUnderstood("The message has no readable words.")
        settler = Settler(question, words, self.schema, self.lexicon)
        marks = settler.settle(cut(words, self.lexicon))
        return intent.reading(question, grammar.read(words, marks, self.schema), settler)

    def understood(self, question: str) -> tuple[str, ...]:
        """The names and periods in the question that have only one meaning."""
        words = split(question[:_MOST_CHARACTERS])[:_MOST_WORDS]
        understood: list[str] = []
        for mark in cut(words, self.lexicon):
            if mark.remark:
                continue
            if mark.sort is Sort.NAME and len(mark.names) == 1 and not mark.names[0].partial:
                name = mark.names[0]
                label = self.schema.table_label(name.table) if name.kind == "table" else self.schema.label(name.path)
                understood.append(f"{label} {name.value}" if name.value else label)
            elif mark.sort is Sort.PERIOD and mark.period:
                understood.append(question[words[mark.start].start : words[mark.end - 1].end])
        return tuple(dict.fromkeys(understood))
