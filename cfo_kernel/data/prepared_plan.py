"""A plan made ready to run: its SQL, what must be asked of the data before, and what its answer must say."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cfo_kernel.data.additivity import AdditivityProbe, additivity_probes
from cfo_kernel.data.closing_dates import ClosingDates, closing_dates
from cfo_kernel.data.compiler import Compiler
from cfo_kernel.data.glossary import GlossaryFile
from cfo_kernel.data.hierarchies import Trees
from cfo_kernel.data.join_checks import JoinProbe, join_probe
from cfo_kernel.data.missing_entities import MissingEntities, missing_entities
from cfo_kernel.data.period_gaps import PeriodGaps, period_gaps
from cfo_kernel.data.plan import QueryPlan, aggregates
from cfo_kernel.data.plan_hints import plan_hints
from cfo_kernel.data.rollups import NodeSelection
from cfo_kernel.data.tables import Tables
from cfo_kernel.data.undefined_percentages import UndefinedPercentages, undefined_percentages


@dataclass(frozen=True)
class PreparedPlan:
    """`probes` may refuse the plan or add notes, `closing_dates` adds notes to its result, `notes` are there already.

    `count_sql` is the SQL of the number of rows that the result had without the plan's limit.
    """

    sql: str
    probes: tuple[AdditivityProbe | JoinProbe | PeriodGaps | MissingEntities | UndefinedPercentages, ...]
    closing_dates: ClosingDates | None
    notes: tuple[str, ...]
    count_sql: str

    @property
    def probe_sql(self) -> str | None:
        """One query whose one row holds what all probes ask of the data: each journey to a worker takes its time."""
        if not self.probes:
            return None
        rows: list[str] = []
        for i, probe in enumerate(self.probes):
            columns = ", ".join(f"p{i}_{j}" for j in range(probe.width))
            rows.append(f"(\n{probe.sql}\n) AS p{i}({columns})")
        return "SELECT * FROM " + ", ".join(rows)  # noqa: S608 - compiled

    def evaluate(self, row: Sequence[Any]) -> list[str]:
        """Notes from the row of `probe_sql`; raises `PlanInvalid` where the plan must not be run."""
        notes: list[str] = []
        at = 0
        for probe in self.probes:
            notes += probe.evaluate(row[at : at + probe.width])
            at += probe.width
        return notes


def prepare(plan: QueryPlan, tables: Tables, glossary: GlossaryFile, trees: Trees) -> PreparedPlan:
    """Raises `UnknownTable`, `UnknownColumn` or `PlanInvalid` where the plan does not fit the tables."""
    compiler = Compiler(plan, tables, trees)
    sql = compiler.sql()
    looked = [
        join_probe(plan, compiler),
        *period_gaps(compiler),
        missing_entities(plan, compiler, trees),
        undefined_percentages(plan, tables, trees),
    ]
    checked = (*additivity_probes(plan, compiler, tables, trees, glossary), *(one for one in looked if one))
    notes = dict.fromkeys((*_notes(plan, compiler), *plan_hints(plan, compiler, trees)))
    return PreparedPlan(sql, checked, closing_dates(plan, compiler, trees), tuple(notes), compiler.count_sql())


def _notes(plan: QueryPlan, compiler: Compiler) -> Iterator[str]:
    nodes = [node for measure in plan.select for node in aggregates(measure.expression)]
    for node in (None, *nodes):
        for wanted, named in compiler.rollups.parent_selections(node):
            if wanted.op in ("!=", "not in"):
                yield _left_out(named)
            else:
                yield from _rolled(named)


def _rolled(named: NodeSelection) -> Iterator[str]:
    """What each name of a parent stands for."""
    for node in named.nodes:
        leaves = [k for k in named.tree.weights(node.key) if not named.tree.children(k)]
        if leaves == [node.key]:
            continue
        weights = named.tree.weights(node.key)
        subtracted = sum(weights[key] < 0 for key in leaves)
        how = f" ({len(leaves) - subtracted} added, {subtracted} subtracted)" if subtracted else ""
        many = "" if len(leaves) == 1 else "s"
        own = f" and its own rows; filter {named.tree.table}.{named.tree.key} for these alone" if node.booked else ""
        yield f"{node.name} is the roll-up of {len(leaves)} {named.tree.noun}{many}{how}{own}."


def _left_out(named: NodeSelection) -> str:
    names = " and ".join(str(node.name) for node in named.nodes)
    leaves = sum(not named.tree.children(key) for key in named.weights)
    return f"{names} left out, with the {leaves} {named.tree.noun}s below."
