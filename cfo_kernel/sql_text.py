"""Names and texts as they stand in SQL. DuckDB knows no other escape than the doubled quote."""


def quoted(name: str) -> str:
    """The name as a quoted identifier."""
    return '"' + name.replace('"', '""') + '"'


def text_literal(value: str) -> str:
    """The value as a literal of type VARCHAR."""
    return "'" + value.replace("'", "''") + "'"
