"""`cfo meaning`, which shows what the tables of a workspace mean, and changes its glossary."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, TypeVar

import typer

from cfo_kernel import CfoError, Workspace, connect
from cfo_kernel.cli_output import print_error
from cfo_kernel.data.semantics.stated_meaning import LISTED, StatedMeaning
from cfo_kernel.display import grid, printable
from cfo_kernel.errors import UnknownTable

T = TypeVar("T")
_SHOWN = ("column", "role", "details", "by", "evidence")
meaning = typer.Typer(no_args_is_help=True, help="Show what the tables mean, and change the glossary.")

NeededWorkspace = Annotated[str, typer.Option("-w", "--workspace", help="The id or name of the workspace.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@meaning.command()
def show(
    table: Annotated[str | None, typer.Argument(help="Only this table.")] = None,
    *,
    workspace: NeededWorkspace,
    as_json: JsonOption = False,
) -> None:
    """Show what tables and columns mean, who says so, and the evidence."""
    found = _run(workspace, lambda company: company.meaning(), as_json)
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
        return
    tables = [each for each in found.meaning.tables if table is None or each.table.lower() == table.lower()]
    if table is not None and not tables:
        known = ", ".join(each.table for each in found.meaning.tables)
        print_error(UnknownTable.code, f"There is no table {table!r}. Available: {known}.", as_json)
        raise typer.Exit(1)
    rows = [dict(zip(LISTED, row, strict=True)) for row in found.rows()]
    for each in tables:
        about, *columns = [row for row in rows if row["table"] == each.table]
        details = f", {about['details']}" if about["details"] else ""
        typer.echo(printable(f"{each.table}: {about['role']}{details} ({about['by']})"))
        cells = [[row[name] for name in _SHOWN] for row in columns]
        typer.echo(grid(_SHOWN, cells, [False] * len(_SHOWN)) + "\n")
    for line in found.lines() if table is None else ():
        typer.echo(printable(line))


@meaning.command("set", context_settings={"ignore_unknown_options": True})
def set_(
    entries: Annotated[
        list[str],
        typer.Argument(
            metavar="[TABLE[.COLUMN]] ENTRY=VALUE...",
            help="A table or column, then entries of the glossary with values in YAML. Without a value: removes it.",
        ),
    ],
    workspace: NeededWorkspace,
    version: Annotated[str | None, typer.Option(help="Change only this version of the glossary.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Change entries of the glossary, for example: cfo meaning set ledger.amount role=balance unit=EUR."""
    changes = _changes(entries)

    async def change(company: Workspace) -> StatedMeaning:
        return await company.set_meaning(changes, version=version or (await company.meaning()).version)

    _print_saved(_run(workspace, change, as_json), as_json)


@meaning.command()
def undo(workspace: NeededWorkspace, as_json: JsonOption = False) -> None:
    """Undo the last change of the glossary that is not undone yet."""

    async def change(company: Workspace) -> StatedMeaning:
        return await company.undo_meaning(version=(await company.meaning()).version)

    _print_saved(_run(workspace, change, as_json), as_json)


@meaning.command()
def history(workspace: NeededWorkspace, as_json: JsonOption = False) -> None:
    """List the versions of the glossary that are kept, newest first, each with what it changed."""
    versions = _run(workspace, lambda company: company.meaning_history(), as_json)
    if as_json:
        typer.echo(json.dumps([each.model_dump(mode="json") for each in versions], indent=2))
        return
    for each in versions:
        typer.echo(printable(f"{each.at:%Y-%m-%d %H:%M:%S}  {each.origin:4}  {each.version}"))
        for line in each.difference.splitlines():
            typer.echo(printable(f"    {line}"))
    if not versions:
        typer.echo("No changes yet. Change the glossary with: cfo meaning set")


@meaning.command()
def draft(workspace: NeededWorkspace, as_json: JsonOption = False) -> None:
    """Print the glossary with everything that is inferred stated too. Saves nothing."""
    text = _run(workspace, _drafted, as_json)
    typer.echo(json.dumps({"text": text}, indent=2) if as_json else text.rstrip("\n"))


@meaning.command()
def check(workspace: NeededWorkspace, as_json: JsonOption = False) -> None:
    """List the faults of the glossary. The exit code is 1 if there are any."""
    problems = _run(workspace, lambda company: company.meaning(), as_json).problems
    if as_json:
        typer.echo(json.dumps({"problems": problems}, indent=2))
    else:
        for problem in problems or ("The glossary has no faults.",):
            typer.echo(printable(problem))
    if problems:
        raise typer.Exit(1)


async def _drafted(company: Workspace) -> str:
    return (await company.meaning()).draft()


def _changes(entries: Sequence[str]) -> dict[str, Any]:
    """The changes of a command line, as a merge patch of the glossary."""
    target, fields = ("", entries) if "=" in entries[0] else (entries[0], entries[1:])
    found: dict[str, Any] = {}
    for entry in fields:
        name, sign, value = entry.partition("=")
        if not sign or not name.strip():
            raise typer.BadParameter(f"Write {entry!r} as ENTRY=VALUE, for example role=balance.")
        found[name.strip()] = _value(value)
    if not found:
        raise typer.BadParameter("Name the entries to change as ENTRY=VALUE, for example role=balance.")
    table, dot, column = target.partition(".")
    if dot:
        found = {"columns": {column: found}}
    return {"tables": {table: found}} if table else found


def _value(text: str) -> Any:
    """A value in YAML. Text that is no YAML, such as an expression with a colon, is taken as it is."""
    from cfo_kernel.data.glossary_reader import read_text  # loads a parser that other commands do not need

    if not text.strip():
        return None
    written = read_text(f"value: {text}")
    return text if written.faults or written.value.keys() != {"value"} else written.value["value"]


def _print_saved(found: StatedMeaning, as_json: bool) -> None:
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
        return
    typer.echo(f"The glossary is now version {found.version}.")
    for problem in found.problems:
        typer.echo(printable(problem))


def _run(workspace: str, work: Callable[[Workspace], Awaitable[T]], as_json: bool) -> T:
    """Opens a workspace and returns the result of `work`. Prints a `CfoError` and exits with code 1."""

    async def opened() -> T:
        async with connect() as wb:
            return await work(await wb.workspace(workspace))

    try:
        return asyncio.run(opened())
    except CfoError as error:
        print_error(error.code, error.message, as_json)
    raise typer.Exit(1)
