"""Asks for clarification of words that no rule used, and offers possible meanings."""

from cfo_kernel.agent.analyst.marks import Mark, Sort
from cfo_kernel.agent.analyst.periods import as_date, holding, later
from cfo_kernel.agent.analyst.phrases import Ask
from cfo_kernel.agent.analyst.reading import NotUnderstood
from cfo_kernel.agent.analyst.rows import Rows


class Leftovers(Rows):
    """Asks for clarification of the unused words in a draft."""

    def _check_leftovers(self) -> None:
        draft = self.draft
        left = [i for i in range(len(draft.marks)) if i not in draft.used]
        if not left:
            return
        if any(draft.marks[i].is_ask(Ask.RELATIVE) for i in left):
            raise self._relative(left)
        texts: list[str] = []
        for i in left:
            if draft.marks[i].sort in (Sort.UNKNOWN, Sort.FILLER) and texts and i - 1 in left:
                texts[-1] = f"{texts[-1]} {self.settler.said(draft.marks[i])}"
            else:
                texts.append(self.settler.said(draft.marks[i]))
        best = [draft.marks[i] for i in left if draft.marks[i].is_ask(Ask.BEST)]
        if best:
            raise self._best(best[0])
        unknown = next((i for i in left if draft.marks[i].sort is Sort.UNKNOWN), left[0])
        what = " and ".join(f"'{t}'" for t in dict.fromkeys(texts))
        raise NotUnderstood(f"I do not know what {what} means here.", self._instead(unknown))

    def _relative(self, left: list[int]) -> NotUnderstood:
        """Offers the latest periods with data in place of 'last year', which depends on today's date."""
        mark = next(m for m in (self.draft.marks[i] for i in left) if m.is_ask(Ask.RELATIVE))
        said = self.settler.said(mark)
        months = 1 if "month" in said.lower() else 3 if "quarter" in said.lower() else 12
        labels: dict[str, None] = {}
        for fact in self.schema.facts():
            date = self.schema.date(fact.name)
            last = as_date(self.schema.column(date)[1].maximum) if date else None
            found = holding(last, months) if last else None
            labels |= {later(found, -steps * months, months).label: None for steps in range(3) if found}
        return NotUnderstood(
            f"I do not know which dates '{said}' means: I do not use today's date. Name the period.",
            tuple(self.settler.swap(mark, label) for label in labels),
        )

    def _best(self, mark: Mark) -> NotUnderstood:
        """Asks what 'best' means, because the tables do not say whether more is better."""
        said = self.settler.said(mark)
        return NotUnderstood(
            f"I do not know what '{said}' means: it may be the highest figure for income, but the lowest for costs.",
            tuple(self.settler.swap(mark, word) for word in ("highest", "lowest")),
        )

    def _instead(self, at: int) -> tuple[str, ...]:
        """Variants of the question with names like the unknown word or, after 'by', with all groupable columns."""
        mark = self.draft.marks[at]
        if at and self.draft.marks[at - 1].is_ask(Ask.BY, Ask.PER, Ask.WHICH):
            return tuple(self.settler.swap(mark, label) for label in self._groupable())
        near = self.settler.nearest(mark) if mark.sort is Sort.UNKNOWN else ()
        return tuple(self.settler.swap(mark, name.value or self.schema.label(name.path)) for name in near)

    def _groupable(self) -> tuple[str, ...]:
        labels = [
            self.schema.label(f"{t.name}.{naming.name}")
            for t in self.schema.tables.values()
            if (naming := self.schema.naming_column(t)) and t not in self.schema.facts()
        ]
        return (*labels, "month", "quarter")
