"""Adds what a table means to its description for a model, in as few characters as possible."""

from collections.abc import Iterator
from typing import Any

from cfo_kernel.data.semantics.meaning import ColumnMeaning, JoinMeaning, Meaning, Role, TableMeaning

_SURE = 0.7
_MOST_JOINS = 40


def with_meaning(described: dict[str, Any], meaning: Meaning) -> dict[str, Any]:
    """The description of a table, with its kind and grain, the roles of its columns, and how it joins."""
    table = meaning.table(described["table"])
    if table is None:
        return described
    columns = [_with_role(one, table.column(one["name"])) for one in described.get("columns", ())]
    more: dict[str, Any] = {"kind": table.kind.value, "one_row_per": list(table.grain), "columns": columns}
    more |= {"date_column": described.get("date_column") or table.time_axis, "scenarios_in": table.scenario}
    more["inferred_joins"] = list(_joins(table, meaning, described.get("joins", [])))[:_MOST_JOINS]
    if any(c.role is Role.STOCK for c in table.columns):
        more["stocks"] = "never summed over time: use last_of, or filter to one date"
    return {**described, **{name: value for name, value in more.items() if value}}


def _with_role(described: dict[str, Any], column: ColumnMeaning | None) -> dict[str, Any]:
    if column is None:
        return described
    unsure = "?" if column.confidence < _SURE else ""
    more: dict[str, Any] = {
        "role": f"{column.role.value}{unsure}",
        "date_of": column.date.value if column.date else None,
    }
    more |= {
        "refers_to": column.refers_to,
        "unit": described.get("unit") or column.unit,
        "currency_in": column.unit_column,
    }
    more |= {"scale": column.scale, "period": column.period, "total_of": ", ".join(column.total_of)}
    if column.once_for:
        more["repeated_for_each" if column.is_repeated else "once_for_each"] = ", ".join(column.once_for)
    return {**described, **{name: value for name, value in more.items() if value}}


def _joins(table: TableMeaning, meaning: Meaning, known: list[str]) -> Iterator[str]:
    """The joins of the table as conditions, except those that are known."""
    for join in meaning.joins:
        text = _condition(join)
        if table.table in (join.table, join.to_table) and not any(one.startswith(text) for one in known):
            yield text


def _condition(join: JoinMeaning) -> str:
    conditions = [f"{join.table}.{own} = {join.to_table}.{other}" for own, other in join.equal]
    if join.column:
        name = join.column if "." in join.column else f"{join.table}.{join.column}"
        high = f"{join.to_table}.{join.high}" if join.high else "the next row"
        conditions.append(f"{name} between {join.to_table}.{join.low} and {high}")
    return " and ".join(conditions)
