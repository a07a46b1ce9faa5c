"""A plan that is ready to run: its SQL, the queries that check it against the data, and the notes on its result."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cfo_kernel.data.additivity import NOT_KNOWN, AdditivityProbe, additivity_probes
from cfo_kernel.data.closing_dates import ClosingDates, closing_dates
from cfo_kernel.data.compiler import Compiler
from cfo_kernel.data.glossary import GlossaryFile
from cfo_kernel.data.glossary_guards import NONE_LOST, LostGuards, check_lost_guards
from cfo_kernel.data.hierarchies import Trees
from cfo_kernel.data.join_checks import JoinProbe, join_probe
from cfo_kernel.data.missing_entities import MissingEntities, missing_entities
from cfo_kernel.data.nested_counts import NestedCounts, nested_counts
from cfo_kernel.data.period_gaps import PeriodGaps, YearsBefore, period_gaps
from cfo_kernel.data.plan import QueryPlan, aggregates_in
from cfo_kernel.data.plan_hints import plan_hints
from cfo_kernel.data.reading_notes import notes_on_plan
from cfo_kernel.data.relative_periods import RelativePeriods, relative_periods
from cfo_kernel.data.rollups import NodeSelection
from cfo_kernel.data.semantics.meaning import Meaning
from cfo_kernel.data.tables import Tables
from cfo_kernel.data.undefined_percentages import UndefinedPercentages, undefined_percentages

Probe = (
    AdditivityProbe
    | JoinProbe
    | PeriodGaps
    | YearsBefore
    | RelativePeriods
    | NestedCounts
    | MissingEntities
    | UndefinedPercentages
)


@dataclass(frozen=True)
class PreparedPlan:
    """A plan's SQL, and the queries to run before and after it.

    - `probes` refuse the plan, or add notes to its result.
    - `closing_dates` adds notes on the dates that are read.
    - `notes` follow from the plan alone.
    - `count_sql` counts the rows that the result would have without the plan's limit.
    """

    sql: str
    probes: tuple[Probe, ...]
    closing_dates: ClosingDates | None
    notes: tuple[str, ...]
    count_sql: str

    @property
    def probe_sql(self) -> str | None:
        """A single query that runs all probes and returns one row, or None if there are no probes."""
        # One query instead of several: each round trip to a worker takes time.
        if not self.probes:
            return None
        rows: list[str] = []
        for i, probe in enumerate(self.probes):
            columns = ", ".join(f"p{i}_{j}" for j in range(probe.width))
            rows.append(f"(\n{probe.sql}\n) AS p{i}({columns})")
        return "SELECT * FROM " + ", ".join(rows)  # noqa: S608 - compiled

    def evaluate(self, row: Sequence[Any]) -> list[str]:
        """Returns notes from the row of `probe_sql`. Raises `PlanInvalid` if the plan must not be run."""
        notes: list[str] = []
        at = 0
        for probe in self.probes:
            notes += probe.evaluate(row[at : at + probe.width])
            at += probe.width
        return notes


def prepare(
    plan: QueryPlan,
    tables: Tables,
    glossary: GlossaryFile,
    trees: Trees,
    lost: LostGuards = NONE_LOST,
    meaning: Meaning = NOT_KNOWN,
) -> PreparedPlan:
    """Compiles the plan and its checks. Raises `UnknownTable`, `UnknownColumn` or `PlanInvalid` if it does not fit."""
    compiler = Compiler(plan, tables, trees)
    sql = compiler.sql()
    check_lost_guards(plan, compiler, lost)
    others = [
        join_probe(plan, compiler),
        *period_gaps(compiler),
        *nested_counts(plan, compiler),
        *relative_periods(plan, compiler),
        missing_entities(plan, compiler, trees),
        undefined_percentages(plan, tables, trees),
    ]
    checked = (*additivity_probes(plan, compiler, tables, trees, glossary, meaning), *(one for one in others if one))
    notes = (*_notes(plan, compiler), *plan_hints(plan, compiler, trees), *notes_on_plan(plan, compiler, sql))
    return PreparedPlan(
        sql, checked, closing_dates(plan, compiler, trees), tuple(dict.fromkeys(notes)), compiler.count_sql()
    )


def _notes(plan: QueryPlan, compiler: Compiler) -> Iterator[str]:
    nodes = [node for measure in plan.select for node in aggregates_in(measure.expression)]
    for node in (None, *nodes):
        for wanted, selection in compiler.rollups.parent_selections(node):
            if wanted.op in ("!=", "not in"):
                yield _left_out(selection)
            else:
                yield from _rolled(selection)


def _rolled(selection: NodeSelection) -> Iterator[str]:
    """A note for each parent named by the filter: how many rows it rolls up."""
    for node in selection.nodes:
        leaves = [k for k in selection.tree.weights(node.key) if not selection.tree.children(k)]
        if leaves == [node.key]:  # a row without children is not a roll-up
            continue
        if not leaves:
            yield f"{node.name} includes only its own rows: everything below it is excluded (~)."
            continue
        weights = selection.tree.weights(node.key)
        subtracted = sum(weights[key] < 0 for key in leaves)
        how = f" ({len(leaves) - subtracted} added, {subtracted} subtracted)" if subtracted else ""
        many = "" if len(leaves) == 1 else "s"
        own = (
            f" and its own rows; filter by {selection.tree.table}.{selection.tree.key} to get only those"
            if node.booked
            else ""
        )
        yield f"{node.name} is the roll-up of {len(leaves)} {selection.tree.noun}{many}{how}{own}."


def _left_out(selection: NodeSelection) -> str:
    names = " and ".join(str(node.name) for node in selection.nodes)
    leaves = sum(not selection.tree.children(key) for key in selection.weights)
    verb = "is" if len(selection.nodes) == 1 else "are"
    below = f"{leaves} {selection.tree.noun}{'' if leaves == 1 else 's'}"
    return f"{names} {verb} left out, along with the {below} below."
