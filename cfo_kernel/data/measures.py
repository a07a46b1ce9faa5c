"""The measures that a glossary states: figures that people ask for by name, resolved to the expressions of query plans.

A name in an expression is another measure or a column. A column on its own stands for its sum, while `avg(price)` is
another aggregate. Measures that refer to each other in a circle are meaningless, so they are all left out.
"""

from collections.abc import Iterator, Sequence
from typing import NoReturn

from cfo_kernel.data.aggregates import AGGREGATES
from cfo_kernel.data.glossary import GlossaryFile, MeasureNotes
from cfo_kernel.data.measure_expressions import Call, ExpressionInvalid, Name, Node, Number, Operation, parse
from cfo_kernel.data.plan import Aggregate, Arithmetic, Constant, Expression, Filter, PercentChange, Ratio, Scalar
from cfo_kernel.data.semantics.meaning import MeasureMeaning
from cfo_kernel.data.tables import Kind, Tables
from cfo_kernel.similar_names import similar

_MOST_NODES = 300
_MOST_STEPS = 30
_OF_TWO = ("ratio", "percent_change")
_FUNCTIONS = (*AGGREGATES, *_OF_TWO)
_LIKENESS = 0.6
MeasureKey = tuple[str, str]
"""The table and the name of a measure, in lower case."""


class MeasureInvalid(ValueError):
    """Raised if a measure cannot be computed. `in_circle` says whether it refers to itself."""

    def __init__(self, problem: str, *, in_circle: bool = False) -> None:
        super().__init__(problem)
        self.in_circle = in_circle


def stated_measures(glossary: GlossaryFile, tables: Tables) -> tuple[MeasureMeaning, ...]:
    """The measures of a glossary that has no faults."""
    book = _Book(glossary, tables)
    return tuple(
        MeasureMeaning(
            table=tables[table].name,
            name=name,
            expression=book.expression((table.lower(), name.lower())),
            text=notes.expression,
            description=notes.description,
            synonyms=notes.synonyms,
            unit=notes.unit,
            better=notes.better,
        )
        for table, name, notes in _all(glossary)
        if table in tables
    )


def wrong_measures(glossary: GlossaryFile, tables: Tables) -> Iterator[tuple[str, str, MeasureInvalid]]:
    """The measures that cannot be computed, each with its table, its name and the problem."""
    book = _Book(glossary, tables)
    for table, name, _ in _all(glossary):
        if table in tables:
            try:
                book.expression((table.lower(), name.lower()))
            except MeasureInvalid as error:
                yield table, name, error


def _all(glossary: GlossaryFile) -> Iterator[tuple[str, str, MeasureNotes]]:
    for table, notes in glossary.tables.items():
        for name, measure in notes.measures.items():
            yield table, name, measure


class _Book:
    """All measures of a glossary, with the expressions that have been resolved so far."""

    def __init__(self, glossary: GlossaryFile, tables: Tables) -> None:
        self._tables = tables
        self._notes = {(t.lower(), name.lower()): notes for t, name, notes in _all(glossary)}
        self._names = {(t.lower(), name.lower()): name for t, name, _ in _all(glossary)}
        self._reached = {
            (table.lower(), join.to.lower()) for table, notes in glossary.tables.items() for join in notes.joins
        }
        self._found: dict[MeasureKey, tuple[Expression, int]] = {}
        self._open: list[MeasureKey] = []

    def expression(self, key: MeasureKey) -> Expression:
        """The expression of a measure, with other measures replaced by their expressions. Raises `MeasureInvalid`."""
        return self._sized(key)[0]

    def _sized(self, key: MeasureKey) -> tuple[Expression, int]:
        """The expression, and the number of its parts."""
        if key in self._open:
            circle = " → ".join(self._names[each] for each in (*self._open[self._open.index(key) :], key))
            raise MeasureInvalid(f"the measure {self._names[key]} refers to itself: {circle}", in_circle=True)
        if len(self._open) > _MOST_STEPS:
            raise MeasureInvalid(f"{self._names[self._open[0]]} uses measures through more than {_MOST_STEPS} others")
        if key not in self._found:
            self._check_name(key)
            self._open.append(key)
            try:
                node = parse(self._notes[key].expression)
                self._found[key] = self._resolved(node, key)
            except ExpressionInvalid as error:
                raise MeasureInvalid(f"the expression of {self._names[key]} cannot be read: {error}") from error
            finally:
                self._open.pop()
        return self._found[key]

    def _check_name(self, key: MeasureKey) -> None:
        if self._tables[key[0]].column(self._names[key]) is not None:
            problem = f"{key[0]} has a column {self._names[key]}; give the measure another name"
            raise MeasureInvalid(problem)

    def _resolved(self, node: Node, key: MeasureKey) -> tuple[Expression, int]:
        match node:
            case Number():
                found: tuple[Expression, int] = Constant(constant=node.value), 1
            case Name():
                found = self._of_name(node, key)
            case Call() if node.function in _OF_TWO:
                found = self._of_two(node, key)
            case Call():
                found = self._aggregate(node, key), 1
            case Operation():
                (left, size), (right, more) = self._resolved(node.left, key), self._resolved(node.right, key)
                found = Arithmetic(op=node.op, left=left, right=right), size + more + 1
        if found[1] > _MOST_NODES:
            raise MeasureInvalid(f"{self._names[key]} has more than {_MOST_NODES} parts with the measures that it uses")
        return found

    def _of_name(self, node: Name, key: MeasureKey) -> tuple[Expression, int]:
        """The expression of another measure, or the sum of a column."""
        other = ((node.table or key[0]).lower(), node.name.lower())
        if other in self._notes and other[0] in self._tables:
            return self._sized(other)
        return self._of_column("sum", node, key), 1

    def _of_two(self, node: Call, key: MeasureKey) -> tuple[Expression, int]:
        if len(node.arguments) != 2:
            raise MeasureInvalid(f"{node.function} needs two arguments: {node.function}(figure, base)")
        (figure, size), (base, more) = (self._resolved(argument, key) for argument in node.arguments)
        of_two = Ratio(ratio=figure, base=base) if node.function == "ratio" else None
        return of_two or PercentChange(percent_change=figure, base=base), size + more + 1

    def _aggregate(self, node: Call, key: MeasureKey) -> Aggregate:
        if node.function not in AGGREGATES:
            close = similar(node.function, _FUNCTIONS, 1, _LIKENESS)
            known = f"the most similar is {close[0]}" if close else f"there are {', '.join(_FUNCTIONS)}"
            raise MeasureInvalid(f"there is no function {node.function}; {known}")
        match node.arguments:
            case () if node.function == "count":
                return Aggregate(fn="count", where=self._where(key))
            case (Name() as name,):
                if ((name.table or key[0]).lower(), name.name.lower()) in self._notes:
                    raise MeasureInvalid(f"{node.function}({name}) needs a column, but {name} is a measure")
                return self._of_column(node.function, name, key)
            case _:
                raise MeasureInvalid(f"{node.function} needs one column, as in {node.function}(amount)")

    def _of_column(self, function: str, node: Name, key: MeasureKey) -> Aggregate:
        table = self._tables.get(node.table or key[0])
        if table is None:
            raise MeasureInvalid(f"there is no column {node}, because there is no table {node.table}")
        column = table.column(node.name)
        if column is None:
            self._unknown(node, table.name, [c.name for c in table.columns], key)
        if table.name.lower() != key[0] and not self._joins(key[0], table.name):
            raise MeasureInvalid(f"{node} is not a column of {key[0]}, and {key[0]} has no join to {table.name}")
        if function == "sum" and column.kind is not Kind.NUMBER:
            raise MeasureInvalid(f"{table.name}.{column.name} is {column.type}, and only numbers have a sum")
        return Aggregate(fn=function, column=f"{table.name}.{column.name}", where=self._where(key))

    def _joins(self, table: str, other: str) -> bool:
        return self._tables.path(table, other) is not None or (table, other.lower()) in self._reached

    def _unknown(self, node: Name, table: str, columns: Sequence[str], key: MeasureKey) -> NoReturn:
        measures = [self._names[each] for each in self._notes if each[0] == table.lower() and each != key]
        close = similar(node.name, [*columns, *measures], 1, _LIKENESS)
        advice = f"; the most similar is {close[0]}" if close else ""
        raise MeasureInvalid(f"{table} has no column or measure {node.name}{advice}")

    def _where(self, key: MeasureKey) -> tuple[Filter, ...]:
        return tuple(
            Filter(column=column, op="in", value=list[Scalar](value))
            if isinstance(value, list)
            else Filter(column=column, value=value)
            for column, value in self._notes[key].where.items()
        )
