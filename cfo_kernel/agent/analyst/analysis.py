"""Answers one question in four steps: survey, verdict, plan, reply.

The steps form a generator that yields the plans to run, receives their results and returns the reply. A run can
therefore be replayed from its messages.
"""

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any

from cfo_kernel.agent.analyst import asides, latecomers
from cfo_kernel.agent.analyst.answer import Answer
from cfo_kernel.agent.analyst.balances import check_closes
from cfo_kernel.agent.analyst.choices import answerable, counts, with_rows
from cfo_kernel.agent.analyst.coverage import Survey, closes, divided, months
from cfo_kernel.agent.analyst.evidence import Verdict
from cfo_kernel.agent.analyst.judge import Judge, NoRows
from cfo_kernel.agent.analyst.naming import Naming
from cfo_kernel.agent.analyst.parents import adds_all, children, same_leaves
from cfo_kernel.agent.analyst.planner import Planner
from cfo_kernel.agent.analyst.question import Reader
from cfo_kernel.agent.analyst.reading import NotUnderstood, Reading, Refusal, Shape, Variant
from cfo_kernel.data.plan import QueryPlan

_MOST_CHOICES = 6
_MOST_ROWS = 30
_COUNTED_AT_ONCE = 8
"""DuckDB allocates memory for all columns of the query once per filtered figure: 260 such figures need a gigabyte."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A call to an output tool."""

    tool: str
    args: dict[str, Any]


class ToolFailed(Exception):
    """Thrown into the generator when a query fails. `may_retry` says whether another question may succeed."""

    def __init__(self, message: str, *, may_retry: bool = True) -> None:
        super().__init__(message)
        self.may_retry = may_retry


Course = Generator[tuple[QueryPlan, ...], list[dict[str, Any]], Reply]


def ask(message: str, choices: tuple[str, ...] = ()) -> Reply:
    """A reply that asks the user for clarification."""
    return Reply("user_interaction", {"message": message, "choices": list(choices[:_MOST_CHOICES]) or None})


def done(message: str) -> Reply:
    return Reply("task_result", {"message": message})


class Analyst:
    """Answers questions about the tables of one workspace."""

    def __init__(self, reader: Reader) -> None:
        self.reader, self.schema = reader, reader.schema
        self.planner = Planner(reader.schema)

    def answer(self, question: str, remarks: tuple[str, ...] = ()) -> Course:
        """Answers one question, as the module's docstring describes."""
        try:
            found = self.reader.read(question)
            if isinstance(found, Refusal):
                decided = yield from self._decide(found)
                if isinstance(decided, Reply):
                    return decided
                found = decided
            found = replace(found, remarks=(*remarks, *found.remarks))
            try:
                return (yield from self._run(found))
            except NotUnderstood as problem:
                swaps = problem.swaps
                if isinstance(problem, NoRows):
                    swaps += yield from children(self.reader, question, problem.picks)
                variants = [v for text in dict.fromkeys(swaps) if (v := self.reader.variant(text))]
                kept, _ = yield from self._counted(tuple(variants))
                understood = self.reader.understood(question)
                return ask(_sentences(problem.message, understood), self._texts(kept))
        except ToolFailed as failure:
            advice = " Rephrase the question, or try again." if failure.may_retry else ""
            return ask(f"The query failed: {str(failure).rstrip('.')}.{advice}")

    def _decide(self, refusal: Refusal) -> Generator[tuple[QueryPlan, ...], list[dict[str, Any]], Reading | Reply]:
        """The only reading that the data supports, such as the only variant with rows, or a question for the user."""
        kept, filled = yield from self._counted(refusal.variants)
        alone = refusal.decide and len(filled) == 1 and filled == kept
        if alone and (yield from self._rolls_up_nothing(refusal.variants, filled[0])):
            taken = filled[0].reading
            names = "; ".join(f"{self.schema.label(p.column)} {' and '.join(p.values)}" for p in taken.said)
            return replace(taken, remarks=(*taken.remarks, f"{refusal.message} Only this reading has rows: {names}."))
        if refusal.decide and (same := (yield from self._same_rows(filled))):
            return same
        return ask(_sentences(refusal.message, refusal.understood), self._texts(kept))

    def _same_rows(
        self, filled: list[Variant]
    ) -> Generator[tuple[QueryPlan, ...], list[dict[str, Any]], Reading | None]:
        """The variant that names a parent, if it adds up exactly the rows of the only other variant, or else None."""
        if len(filled) != 2:
            return None
        for one, other in (filled, filled[::-1]):
            mine = [p for p in one.reading.said if p not in other.reading.said]
            others = [p for p in other.reading.said if p not in one.reading.said]
            alone = len(mine) == len(others) == 1 and adds_all(self.schema, mine[0])
            if alone and (yield from same_leaves(self.schema, mine[0], others[0])):
                return one.reading
        return None

    def _rolls_up_nothing(
        self, variants: tuple[Variant, ...], taken: Variant
    ) -> Generator[tuple[QueryPlan, ...], list[dict[str, Any]], bool]:
        """Whether each rejected name either has nothing below it or covers exactly the rows of the chosen name."""
        for variant in variants:
            mine = [p for p in variant.reading.said if p not in taken.reading.said]
            others = [p for p in taken.reading.said if p not in variant.reading.said]
            for pick, other in zip(mine, others, strict=False):
                if not (yield from same_leaves(self.schema, pick, other)):
                    return False
        return True

    def _texts(self, variants: list[Variant]) -> tuple[str, ...]:
        """The variants as questions, in plain words unless the analyst would understand those differently."""
        texts: list[str] = []
        for variant in variants:
            plain = Naming(self.schema, variant.reading).question()
            found = self.reader.variant(plain) if plain else None
            same = found is not None and found.reading.meaning == variant.reading.meaning
            texts.append(plain if plain and same else variant.text)
        return tuple(dict.fromkeys(texts))

    def _counted(
        self, variants: tuple[Variant, ...]
    ) -> Generator[tuple[QueryPlan, ...], list[dict[str, Any]], tuple[list[Variant], list[Variant]]]:
        """The variants that the data can answer, and the variants that have rows. Needs only a few plans per table."""
        tables = list(dict.fromkeys(v.reading.table for v in variants))
        if not tables:
            return [], []
        of_tables = [[v for v in variants if v.reading.table == t] for t in tables]
        groups = [g[i : i + _COUNTED_AT_ONCE] for g in of_tables for i in range(0, len(g), _COUNTED_AT_ONCE)]
        plans = tuple(counts(self.schema, tuple(v.reading for v in g)) for g in groups)
        results = yield plans
        kept: list[Variant] = []
        filled: list[Variant] = []
        for group, result in zip(groups, results, strict=True):
            good = answerable(result, tuple(v.reading for v in group))
            kept += [v for v, fine in zip(group, good, strict=True) if fine]
            filled += [v for v, some in zip(group, with_rows(result, len(group)), strict=True) if some]
        return [v for v in variants if v in kept], [v for v in variants if v in filled]

    def _run(self, reading: Reading) -> Course:
        verdict = Verdict()
        if reading.shape is not Shape.LIST:
            survey = Survey(self.schema, reading)
            plans = (survey.plan(), *((months(self.schema, reading, reading.per),) if reading.per else ()))
            results = yield plans
            survey.take(results[0])
            verdict = Judge(self.schema, reading, survey).verdict()
            if reading.per and (remark := divided(reading, results[1])):
                verdict = replace(verdict, remarks=(remark, *verdict.remarks))
            if picks := asides.excluded(reading):
                found = yield tuple(asides.blanks(self.schema, reading, p) for p in picks)
                told = [asides.told_blanks(self.schema, reading, p, r) for p, r in zip(picks, found, strict=True)]
                verdict = replace(verdict, urgent=(*(t for t in told if t), *verdict.urgent))
            if verdict.stock:
                (dates,) = yield (closes(self.schema, reading),)
                verdict = check_closes(reading, verdict, dates)
                told, late = yield from self._late(reading, dates)
                verdict = replace(verdict, urgent=(*told, *verdict.urgent), late=late)
        figures, _plan, result = yield from self._query(reading, stock=verdict.stock)
        if result["row_count"] == 0 and not reading.thresholds:
            raise NotUnderstood("The question was understood, but no rows match it.")
        answer = Answer(self.schema, reading, verdict, figures, result)
        if result["row_count"] <= _MOST_ROWS:
            return done(answer.message())
        return Reply("run_sql", {"sql": result["sql"], "purpose": answer.purpose(), "chart": None})

    def _late(
        self, reading: Reading, dates: dict[str, Any]
    ) -> Generator[tuple[QueryPlan, ...], list[dict[str, Any]], tuple[tuple[str, ...], str]]:
        """Notes on entities without rows at the balance dates, also as a single string if all dates were checked."""
        closings = latecomers.closes_of(reading, dates) if reading.functions == ("sum",) else ()
        who = latecomers.members(self.schema, reading)
        if not closings or not who.columns:
            return (), ""
        late = yield tuple(latecomers.plan(self.schema, reading, c, who.columns) for c in closings)
        found = [(c, rows) for c, rows in zip(closings, late, strict=True) if rows["rows"]]
        told: list[str | None] = []
        for close, rows in found:
            absent, held = yield (
                latecomers.plan(self.schema, reading, close, who.owners),
                latecomers.amounts(self.schema, reading, close, who.columns),
            )
            told.append(latecomers.Lateness(who, close, rows, absent, held).judge(reading))
        texts = tuple(t for t in told if t)
        return texts, " ".join(texts) if len(closings) < latecomers.MOST_PERIODS else ""

    def _query(self, reading: Reading, *, stock: bool) -> Generator[tuple[QueryPlan, ...], list[dict[str, Any]], Any]:
        """Runs the main plan, then again without percentages if a base is not positive."""
        figures = self.planner.figures(reading)
        plan = self.planner.plan(reading, stock=stock)
        tied: str | None = None
        if more := asides.wider(plan, reading):
            (result,) = yield (more,)
            tied = asides.ties(reading, figures, result)
        (result,) = yield (plan,)
        if tied:
            result = {**result, "urgent": [tied]}
        if figures.base and figures.percent and not _positive(result, figures.base):
            if any(t.on == "percent" for t in reading.thresholds):
                raise NotUnderstood(
                    "Some of the base figures are zero or negative, so a percentage of them is not meaningful."
                )
            figures = self.planner.figures(reading, percent=False)
            plan = self.planner.plan(reading, stock=stock, percent=False)
            (result,) = yield (plan,)
            notes = [
                *result.get("notes", ()),
                "Percentages are omitted where the base is zero or negative.",
            ]
            result = {**result, "notes": notes}
        return figures, plan, result


def _positive(result: dict[str, Any], base: str) -> bool:
    """Whether the result is complete and no row has a zero or negative base."""
    at = [c["name"] for c in result["columns"]].index(base)
    values = [row[at] for row in result["rows"]]
    return len(values) == result["row_count"] and not any(isinstance(v, int | float) and v <= 0 for v in values)


def _sentences(message: str, understood: tuple[str, ...]) -> str:
    """A refusal's message, followed by the parts of the question that the analyst understood."""
    return f"{message} I understood: {', '.join(understood)}." if understood else message
