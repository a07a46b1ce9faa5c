"""First questions to suggest for a workspace whose glossary has none. The offline analyst can answer them."""

from cfo_kernel.data.tables import Column, Kind, Table, Tables

_MOST_GROUPS = 40


def starter_questions(tables: Tables) -> tuple[str, ...]:
    """Up to three questions, or none if no table has a figure or a date."""
    questions: list[str] = []
    for table in sorted(tables.values(), key=lambda table: -table.row_count):
        questions += _of_table(table)
        if len(questions) >= 3:
            break
    return tuple(questions[:3])


def _of_table(table: Table) -> list[str]:
    figure = next((c for c in table.columns if c.kind is Kind.NUMBER and not c.is_key), None)
    has_time = any(c.kind is Kind.TIME for c in table.columns)
    if table.row_count == 0 or (figure is None and not has_time):
        return []
    questions: list[str] = []
    if figure:
        by = next((c for c in table.columns if c.kind is Kind.TEXT and 1 < c.distinct <= _MOST_GROUPS), None)
        questions += [f"total {_words(figure)} in {table.name} by {_words(by)}"] * (by is not None)
        questions += [f"total {_words(figure)} in {table.name} by month"] * has_time
    return [*questions, f"how many rows are in {table.name}"]


def _words(column: Column | None) -> str:
    return column.name.replace("_", " ") if column else ""
