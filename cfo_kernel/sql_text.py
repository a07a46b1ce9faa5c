"""Quotes names and strings in SQL. DuckDB's only escape is the doubled quotation mark."""


def quoted(name: str) -> str:
    """Returns the name as a quoted identifier."""
    return '"' + name.replace('"', '""') + '"'


def text_literal(value: str) -> str:
    """Returns the value as a VARCHAR literal."""
    return "'" + value.replace("'", "''") + "'"


def indented(lines: list[str]) -> list[str]:
    """The lines of a query, as a part of another query."""
    return [f"  {line}" for line in lines]
