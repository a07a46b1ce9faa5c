"""Descriptions of tables for a model: the profile of the files with the words of the glossary."""

from typing import Any

from cfo_kernel.data.hierarchies import Tree
from cfo_kernel.data.tables import Column, Table
from cfo_kernel.data.workspace_data import SchemaContext

_VALUES = 60
_PARENTS = 60
_ROLL_UP = (
    "In a query plan that joins this table, a filter (= or in) on the label column with a parent's name means the "
    "roll-up of everything below it, with the operators' signs; group_by with within gives its children. SQL has no "
    "roll-ups."
)


def listed_tables(schema: SchemaContext) -> dict[str, Any]:
    """A short description of every table."""
    listed: list[dict[str, Any]] = []
    for dataset in schema.index.datasets:
        if dataset.problem:
            listed.append({"dataset": dataset.id, "file": dataset.file, "problem": dataset.problem})
        if dataset.notes:
            listed.append({"dataset": dataset.id, "file": dataset.file, "notes": list(dataset.notes)})
        for table in dataset.tables:
            notes = schema.glossary.table(table.name)
            row = {"dataset": dataset.id, "table": table.name, "rows": table.row_count}
            row |= {"columns": [c.name for c in table.columns], "description": notes.description}
            listed.append(_filled(row | {"questions": list(notes.questions)}))
    return _filled({"company": schema.glossary.company, "datasets": listed})


def described_table(table: Table, schema: SchemaContext, sample: list[list[Any]]) -> dict[str, Any]:
    """The full description of one table."""
    notes = schema.glossary.table(table.name)
    joins = [
        f"{table.name}.{r.column} = {r.to_table}.{r.to_column}"
        for r in schema.tables.relations
        if r.table == table.name
    ]
    return _filled(
        {
            "table": table.name,
            "name": notes.name,
            "description": notes.description,
            "row_count": table.row_count,
            "columns": [_column(table, column, schema) for column in table.columns],
            "sample_rows": sample,
            "joins": joins,
            "hierarchy": _hierarchy(schema.trees[table.name.lower()]) if table.name.lower() in schema.trees else None,
            "date_column": notes.date,
            "defaults_to_filter_by": notes.defaults,
            "balances_never_summed_over_time": notes.balances,
            "balances_are_read_with": "last_of, and a group of the same grain" if notes.balances else None,
            "never_added_across": list(notes.kept_apart),
            "ingest_notes": list(table.notes),
            "questions": list(notes.questions),
        }
    )


def _hierarchy(tree: Tree) -> dict[str, Any]:
    """A hierarchy: its top two levels, and the names that a query plan rolls up."""
    top = {str(root.name): [child.name for child in tree.children(root.key)] for root in tree.roots}
    parents = [node.name for node in tree.parents]
    described: dict[str, Any] = {"key": tree.key, "label": tree.label, "top": dict(list(top.items())[:_PARENTS])}
    described |= {"parents": parents[:_PARENTS], "more_parents": max(0, len(parents) - _PARENTS) or None}
    described["own_rows"] = [node.name for node in tree.parents if node.booked][:_PARENTS]
    return _filled(described | {"use": _ROLL_UP})


def _column(table: Table, column: Column, schema: SchemaContext) -> dict[str, Any]:
    notes = schema.glossary.column(table.name, column.name)
    described: dict[str, Any] = {"name": column.name, "type": column.type, "nulls": column.nulls or None}
    described |= {"means": notes.name, "description": notes.description, "note": notes.note}
    if column.values is not None:
        described["values"] = list(column.values)[:_VALUES]
        described["more_values"] = max(0, len(column.values) - _VALUES) or None
    elif not column.is_key:
        described |= {"min": column.minimum, "max": column.maximum}
    if notes.unit:
        described["unit_depends_on"] = notes.unit.source
    return _filled(described)


def _filled(value: dict[str, Any]) -> dict[str, Any]:
    """The value without its empty entries, because every token costs money. A zero is not empty."""
    return {k: v for k, v in value.items() if v not in (None, "", [], {}, ())}
