"""Prints replies, rows and errors, either as text for people or as one JSON document."""

import json
from collections.abc import Sequence
from typing import Any

import typer

from cfo_kernel import Dataset, FinishedRun, Workspace
from cfo_kernel.data.tables import Table
from cfo_kernel.display import grid, printable, reply_text
from cfo_kernel.events import Usage

_NUMERIC_COLUMNS = ("rows", "columns")
_SENTENCES = 10


def print_rows(rows: list[dict[str, Any]], columns: list[str], as_json: bool, if_empty: str) -> None:
    """Prints the rows as a grid with these columns, or `if_empty` if there are none. As JSON, prints all fields."""
    if as_json:
        typer.echo(json.dumps(rows, indent=2, default=str))
    elif rows:
        cells = [[str(row[c] if row[c] is not None else "") for c in columns] for row in rows]
        typer.echo(grid(columns, cells, [c in _NUMERIC_COLUMNS for c in columns]))
    else:
        typer.echo(if_empty)


def print_error(code: str, message: str, as_json: bool) -> None:
    """Prints the error to standard error, or as JSON to standard output."""
    if as_json:
        typer.echo(json.dumps({"error": {"code": code, "message": message}}, indent=2))
    else:
        typer.echo(printable(f"{message} ({code})"), err=True)


def print_run(finished: FinishedRun, as_json: bool) -> None:
    """Prints a run's reply or error. The thread and the usage go to standard error, to keep them out of the output."""
    if as_json:
        typer.echo(finished.model_dump_json(indent=2, by_alias=True))
    elif finished.reply is not None:
        typer.echo(reply_text(finished.reply))
        typer.echo(f"\nThread {finished.thread_id}", err=True)
        if finished.usage.input_tokens:
            typer.echo(usage_line(finished.usage), err=True)
    elif finished.error is not None:
        print_error(finished.error.code, finished.error.message, as_json)


def usage_line(usage: Usage) -> str:
    """Formats the tokens on one line, with the cost if it is known."""
    cached = f" ({usage.cached_tokens:,} cached)" if usage.cached_tokens else ""
    cost = "" if usage.cost is None else f", {usage.cost:,.4f} USD"
    return f"{usage.input_tokens:,} tokens in{cached}, {usage.output_tokens:,} out{cost}"


def print_workspaces(workspaces: Sequence[Workspace], as_json: bool) -> None:
    rows: list[dict[str, Any]] = [{"id": w.id, "name": w.name} for w in workspaces]
    for row, workspace in zip(rows, workspaces, strict=True):
        if folder := getattr(workspace, "workspace_dir", None):  # workspaces on a server have no path
            row["workspace_dir"] = str(folder)
    print_rows(
        rows, ["id", "name"], as_json, "There are no workspaces yet. Create one with: cfo workspaces create NAME"
    )


def print_datasets(datasets: Sequence[Dataset], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([d.model_dump(mode="json") for d in datasets], indent=2))
        return
    rows = [
        {
            "file": d.file,
            "table": t.name,
            "rows": f"{t.row_count:,}",
            "columns": len(t.columns),
        }
        for d in datasets
        for t in d.tables
    ]
    rows += [{"file": d.file, "table": "", "rows": "", "columns": ""} for d in datasets if not d.tables]
    print_rows(rows, ["file", "table", "rows", "columns"], False, "There is no data yet. Add files with: cfo upload")
    # Sentences come after the grid, which would truncate them.
    for dataset in datasets:
        for note in filter(None, (dataset.problem, dataset.about_reading(), dataset.about_document(), *dataset.notes)):
            typer.echo(printable(f"{dataset.file}: {note}"))
        for table in dataset.tables:
            _print_reading(dataset, table)


def _print_reading(dataset: Dataset, table: Table) -> None:
    """Prints how a table was read: one line for each kind of decision, followed by any further sentences."""
    if summary := table.reading_summary():
        name = dataset.file if len(dataset.tables) == 1 else f"{dataset.file}, table {table.name}"
        typer.echo(printable(f"\n{name} was read as follows:"))
    for kind in summary:
        typer.echo(printable(f"  {'Check: ' if kind.needs_check else ''}{kind.label}: {kind.line}"))
        if len(kind.texts) > 1:
            for text in kind.texts[:_SENTENCES]:
                typer.echo(printable(f"    - {text}"))
            if (more := len(kind.texts) - _SENTENCES) > 0:
                typer.echo(f"    - {more} more; cfo datasets --json lists all")
