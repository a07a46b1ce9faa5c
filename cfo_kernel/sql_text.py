"""Quotes names and strings in SQL. DuckDB's only escape is the doubled quotation mark."""


def quoted(name: str) -> str:
    """Returns the name as a quoted identifier."""
    return '"' + name.replace('"', '""') + '"'


def text_literal(value: str) -> str:
    """Returns the value as a VARCHAR literal."""
    return "'" + value.replace("'", "''") + "'"
