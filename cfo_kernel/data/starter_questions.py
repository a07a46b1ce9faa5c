"""Questions to begin with, where nobody wrote any: simple ones, which the offline analyst answers."""

from cfo_kernel.data.tables import Column, Kind, Table, Tables

_FEW = 40


def starter_questions(tables: Tables) -> tuple[str, ...]:
    """Up to three questions; none where no table holds a figure or a date."""
    asked: list[str] = []
    for table in sorted(tables.values(), key=lambda table: -table.row_count):
        asked += _of_table(table)
        if len(asked) >= 3:
            break
    return tuple(asked[:3])


def _of_table(table: Table) -> list[str]:
    figure = next((c for c in table.columns if c.kind is Kind.NUMBER and not c.is_key), None)
    has_time = any(c.kind is Kind.TIME for c in table.columns)
    if table.row_count == 0 or (figure is None and not has_time):
        return []
    asked: list[str] = []
    if figure:
        by = next((c for c in table.columns if c.kind is Kind.TEXT and 1 < c.distinct <= _FEW), None)
        asked += [f"total {_said(figure)} in {table.name} by {_said(by)}"] * (by is not None)
        asked += [f"total {_said(figure)} in {table.name} by month"] * has_time
    return [*asked, f"how many rows are in {table.name}"]


def _said(column: Column | None) -> str:
    return column.name.replace("_", " ") if column else ""
