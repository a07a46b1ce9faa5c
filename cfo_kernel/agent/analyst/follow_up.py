"""Completes follow-up questions that depend on the previous question: 'and in 2013?', 'what about Germany?'."""

from cfo_kernel.agent.analyst.marks import Mark, Sort, cut
from cfo_kernel.agent.analyst.phrases import Ask
from cfo_kernel.agent.analyst.question import Reader
from cfo_kernel.agent.analyst.reading import Reading
from cfo_kernel.agent.analyst.words import Word, split

_OPENINGS = (
    "and",
    "what about",
    "how about",
    "now",
    "same for",
    "the same for",
    "then",
    "same in",
    "the same in",
    "also",
)
_QUIET = (Ask.AND, Ask.IN, Ask.OF, Ask.WHICH, Ask.FROM)
_MOST_WORDS = 8
_MOST_STEPS = 10


def leans(question: str) -> bool:
    """Whether the question is short and begins like a follow-up to the previous question."""
    text = " ".join(w.norm for w in split(question[:200]))
    return len(text.split()) <= _MOST_WORDS and any(text == o or text.startswith(f"{o} ") for o in _OPENINGS)


def completed(question: str, earlier: tuple[str, ...], reader: Reader, steps: int = _MOST_STEPS) -> str | None:
    """The full question that a follow-up stands for, or None if it is uncertain."""
    if not earlier or not steps:
        return None
    before = earlier[-1]
    if leans(before):
        before = completed(before, earlier[:-1], reader, steps - 1)
    if before is None or not isinstance(reader.read(before), Reading):
        return None
    words = split(question[:200])
    said = _said(words, reader)
    for mark in said:
        old = [m for m in cut(split(before), reader.lexicon) if _same_sort(m, mark)]
        if len(old) != 1:
            return None
        text = question[words[mark.start].start : words[mark.end - 1].end]
        there = split(before)
        before = f"{before[: there[old[0].start].start]}{text}{before[there[old[0].end - 1].end :]}"
    return before if said and isinstance(reader.read(before), Reading) else None


def _said(words: tuple[Word, ...], reader: Reader) -> tuple[Mark, ...]:
    """The periods and values in a short question. Empty if the question contains anything else."""
    marks = cut(words, reader.lexicon)
    told = tuple(m for m in marks if m.sort is Sort.PERIOD or len(m.values) == 1)
    for mark in marks:
        text = " ".join(w.norm for w in words[mark.start : mark.end])
        quiet = mark.sort is Sort.FILLER or mark.is_ask(*_QUIET) or text in ("now", "then", "same", "about")
        if mark not in told and not quiet:
            return ()
    return () if any(m.remark for m in told) else told


def _same_sort(old: Mark, new: Mark) -> bool:
    if new.sort is Sort.PERIOD:
        return old.sort is Sort.PERIOD
    return len(old.values) == 1 and old.values[0].path == new.values[0].path
