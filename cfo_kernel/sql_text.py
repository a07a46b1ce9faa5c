"""Names and texts in SQL. DuckDB's only escape in them is the doubled quote."""


def quoted(name: str) -> str:
    """The name as a quoted identifier."""
    return '"' + name.replace('"', '""') + '"'


def text_literal(value: str) -> str:
    """The value as a literal of type VARCHAR."""
    return "'" + value.replace("'", "''") + "'"
