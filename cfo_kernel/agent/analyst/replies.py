"""Completes the previous question with a short reply to a clarifying question: 'Travel Lodging', '2012'."""

from cfo_kernel.agent.analyst.marks import Mark, Sort, cut
from cfo_kernel.agent.analyst.periods import Part
from cfo_kernel.agent.analyst.phrases import Ask
from cfo_kernel.agent.analyst.question import Reader
from cfo_kernel.agent.analyst.reading import Reading
from cfo_kernel.agent.analyst.words import Word, split

_QUIET = (Ask.IN, Ask.OF, Ask.ALL)
_RANKS = (Ask.HIGH, Ask.LOW, Ask.ALL)
_MOST_WORDS = 10


def is_short(text: str, reader: Reader) -> bool:
    """Whether the message is just names and periods, or just a rank such as 'top 3'."""
    words = split(text[:200])
    marks = [m for m in cut(words, reader.lexicon) if m.sort is not Sort.FILLER and not m.is_ask(*_QUIET)]
    told = all(m.sort is Sort.PERIOD or m.sort is Sort.NAME for m in marks)
    return bool(marks) and len(words) <= _MOST_WORDS and (told or _only_ranks(marks))


def _only_ranks(marks: list[Mark]) -> bool:
    return all(m.is_ask(*_RANKS) or m.sort in (Sort.NUMBER, Sort.PERIOD) for m in marks)


def is_whole(text: str, reader: Reader) -> bool:
    """Whether the short message has both a value and a period, which makes it a complete question."""
    marks = cut(split(text[:200]), reader.lexicon)
    return any(m.values for m in marks) and any(m.sort is Sort.PERIOD for m in marks)


def completed(text: str, before: str, choices: tuple[str, ...], reader: Reader) -> str | None:
    """The previous question, or one of its choices, completed by the reply. None if the reply is ambiguous."""
    words = split(text[:200])
    said = [m for m in cut(words, reader.lexicon) if m.sort is Sort.PERIOD or m.values]
    if not said or any(m.remark or len(m.values) > 1 for m in said):
        return None
    fitting = [c for c in choices if _holds(c, said, reader)]
    if len(fitting) == 1:
        return fitting[0]
    if isinstance(reader.read(before), Reading):
        return None
    whole: str | None = before
    for mark in said:
        whole = _put(mark, text[words[mark.start].start : words[mark.end - 1].end], whole, reader) if whole else None
    return whole if whole and isinstance(reader.read(whole), Reading) else None


def _holds(choice: str, said: list[Mark], reader: Reader) -> bool:
    """Whether an offered question contains every name and period in the reply."""
    variant = reader.variant(choice)
    if variant is None:
        return False
    values = {(p.column, v) for p in variant.reading.said for v in p.values if not p.negated}
    periods = {p.label for p in variant.reading.periods}
    return all(
        getattr(m.period, "label", None) in periods if m.sort is Sort.PERIOD else _named(m, values) for m in said
    )


def _named(mark: Mark, values: set[tuple[str, str]]) -> bool:
    return (mark.values[0].path, mark.values[0].value) in values


def _put(mark: Mark, said: str, before: str, reader: Reader) -> str | None:
    """The previous question with its unclear word replaced, or with the missing period added."""
    words = split(before)
    marks = cut(words, reader.lexicon)
    if mark.sort is Sort.PERIOD:
        old = [m for m in marks if m.sort is Sort.PERIOD]
        if not old:
            return f"{before.rstrip(' ?.!')} in {said}"
        part = len(old) == 1 and isinstance(old[0].period, Part) and not isinstance(mark.period, Part)
        return _swap(before, words, old[0], f"{_text(before, words, old[0])} {said}") if part else None
    unclear = [m for m in marks if m.sort is Sort.UNKNOWN or len(m.values) > 1 or any(n.partial for n in m.names)]
    return _swap(before, words, unclear[0], said) if len(unclear) == 1 else None


def _text(text: str, words: tuple[Word, ...], mark: Mark) -> str:
    return text[words[mark.start].start : words[mark.end - 1].end]


def _swap(text: str, words: tuple[Word, ...], mark: Mark, said: str) -> str:
    return f"{text[: words[mark.start].start]}{said}{text[words[mark.end - 1].end :]}"
