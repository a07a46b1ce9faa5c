"""What the commands print: rows and errors, for people or as one JSON document."""

import json
from typing import Any

import typer

from cfo_kernel.display import grid, printable


def print_rows(rows: list[dict[str, Any]], columns: list[str], as_json: bool, none: str) -> None:
    """The rows as a grid of these columns, or `none` where there are no rows; as JSON, all that they hold."""
    if as_json:
        typer.echo(json.dumps(rows, indent=2, default=str))
    elif rows:
        cells = [[str(row[c] if row[c] is not None else "") for c in columns] for row in rows]
        typer.echo(grid(columns, cells, [c in ("rows", "columns") for c in columns]))
    else:
        typer.echo(none)


def print_error(code: str, message: str, as_json: bool) -> None:
    """The error on standard error; as JSON, on standard output."""
    if as_json:
        typer.echo(json.dumps({"error": {"code": code, "message": message}}, indent=2))
    else:
        typer.echo(printable(f"{message} ({code})"), err=True)
