"""The command line: each command calls one method of the workbench and prints what it gave.

With `--json`, standard output is one JSON document and nothing else. Exit code 0 is success, 2 a usage error, 1 any
other.
"""

import asyncio
import gc
import json
import os
import signal
import sys
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer

from cfo_kernel import CfoError, Dataset, FinishedRun, ResultTable, Run, Thread, Workspace, connect
from cfo_kernel.cli_db import db
from cfo_kernel.cli_output import print_error, print_rows
from cfo_kernel.display import printable, reply_text, table_text
from cfo_kernel.errors import InvalidInput, RunCancelled
from cfo_kernel.events import Usage, UsageTotals
from cfo_kernel.run_outcome import send_and_follow
from cfo_kernel.settings import load

T = TypeVar("T")
_USAGE = 2
_GARBAGE = 500_000
"""What a command loads, it keeps: it is done before so many objects are worth looking through for garbage."""
_USUAL = gc.get_threshold()
app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
spaces = typer.Typer(invoke_without_command=True, help="List the workspaces, or create one.")
app.add_typer(spaces, name="workspaces")
app.add_typer(db, name="db")

WorkspaceOption = Annotated[str | None, typer.Option("-w", "--workspace", help="A workspace by id or name.")]
NeededWorkspace = Annotated[str, typer.Option("-w", "--workspace", help="A workspace by id or name.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@app.callback()
def cfo() -> None:
    """Ask a company's files, and get figures you can defend."""


@app.command()
def ask(
    text: Annotated[str, typer.Argument(help="The question.")],
    workspace: WorkspaceOption = None,
    thread: Annotated[str | None, typer.Option("-t", "--thread", help="Go on in this thread.")] = None,
    continues: Annotated[
        int, typer.Option("--continue", min=0, help="Continue up to N replies that ask for review.")
    ] = 0,
    as_json: JsonOption = False,
) -> None:
    """Ask a question; ends at the first reply."""

    async def work() -> bool:
        async with connect() as wb:
            conversation = await (await wb.workspace(workspace)).thread(thread)
            watch = partial(_watched, quiet=as_json)
            finished = await send_and_follow(conversation.send(text), watch)
            for _ in range(continues):
                if finished.reply is None or not finished.reply.waits_for_review:
                    break
                if not as_json:
                    _print_run(finished, as_json)
                finished = await send_and_follow(conversation.send(in_reply_to=finished.run_id), watch)
            _print_run(finished, as_json)
            return finished.status == "succeeded"

    if not _run(work(), as_json):
        raise typer.Exit(1)


@app.command()
def sql(
    text: Annotated[str, typer.Argument(metavar="SQL", help="One SELECT.")],
    workspace: NeededWorkspace,
    as_json: JsonOption = False,
) -> None:
    """Run one read-only SELECT."""

    async def work() -> ResultTable:
        async with connect() as wb:
            return await (await wb.workspace(workspace)).sql(text)

    result = _run(work(), as_json)
    typer.echo(result.model_dump_json(indent=2) if as_json else table_text(result))


@spaces.callback()
def workspaces(context: typer.Context, as_json: JsonOption = False) -> None:
    """List the workspaces."""
    if context.invoked_subcommand:
        return

    async def work() -> Sequence[Workspace]:
        async with connect() as wb:
            return await wb.workspaces()

    _print_workspaces(_run(work(), as_json), as_json)


@spaces.command()
def create(name: str, as_json: JsonOption = False) -> None:
    """Create an empty workspace."""

    async def work() -> Workspace:
        async with connect() as wb:
            return await wb.create_workspace(name)

    _print_workspaces([_run(work(), as_json)], as_json)


@app.command()
def threads(workspace: NeededWorkspace, as_json: JsonOption = False) -> None:
    """List the threads of a workspace, the one last used first."""

    async def work() -> Sequence[Thread]:
        async with connect() as wb:
            return await (await wb.workspace(workspace)).threads()

    rows = [{"id": t.id, "title": t.title, "updated_at": t.updated_at} for t in _run(work(), as_json)]
    print_rows(rows, ["id", "title", "updated_at"], as_json, "No thread yet. Ask a question with: cfo ask")


@app.command()
def upload(
    files: Annotated[list[Path], typer.Argument(help="CSV, Excel or Parquet files.")],
    workspace: NeededWorkspace,
    as_json: JsonOption = False,
) -> None:
    """Put files into a workspace; stops at the first that is not a table."""

    async def work() -> Sequence[Dataset]:
        async with connect() as wb:
            place = await wb.workspace(workspace)
            return [await place.upload(file) for file in files]

    _print_datasets(_run(work(), as_json), as_json)


@app.command()
def datasets(workspace: NeededWorkspace, as_json: JsonOption = False) -> None:
    """List the files of a workspace with their tables."""

    async def work() -> Sequence[Dataset]:
        async with connect() as wb:
            return await (await wb.workspace(workspace)).datasets()

    _print_datasets(_run(work(), as_json), as_json)


@app.command()
def worker() -> None:
    """Work on runs until it is stopped: those that others left, and with CFO_DATABASE_URL those of all machines."""

    async def work() -> None:
        settings = load()
        if settings.url:
            raise InvalidInput("A worker works on folders of its own machine. Unset CFO_URL, and start it again.")
        stopped = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
        async with connect(settings=settings):
            gc.set_threshold(*_USUAL)  # from here on it lives long
            typer.echo(f"Working on the runs of {settings.resolved_root()}. Press Ctrl+C to stop.")
            await stopped.wait()

    _run(work(), as_json=False)


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port; 0 takes a free one.")] = 8765,
) -> None:
    """Serve the workbench over HTTP, until it is stopped."""
    if find_spec("fastapi") is None or find_spec("uvicorn") is None:
        print_error(InvalidInput.code, "The server is not installed. Run: pip install 'cfo-kernel[api]'", as_json=False)
        raise typer.Exit(1)
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-P", "-m", "cfo_api", "--host", host, "--port", str(port)])  # noqa: S606


@app.command()
def up(
    port: Annotated[
        int | None, typer.Option(help="The port of the page; 0 takes a free one. [default: 8866, or a free one]")
    ] = None,
    api_port: Annotated[int, typer.Option(help="The port of the API; 0 takes a free one.")] = 0,
    browser: Annotated[bool, typer.Option(help="Open the page in the browser.")] = True,
) -> None:
    """Open the workbench in the browser: the API and the page on this machine, until they are stopped."""
    from cfo_kernel.up import up  # only this command needs it

    async def work() -> None:
        await up(load(), port, api_port, opens_browser=browser, say=lambda text: print(text, flush=True))  # noqa: T201

    _run(work(), as_json=False)


@app.command()
def usage(
    workspace: NeededWorkspace,
    thread: Annotated[str | None, typer.Option("-t", "--thread", help="This thread alone.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Tell what the finished runs of a workspace, or of a thread, used together."""

    async def work() -> UsageTotals:
        async with connect() as wb:
            place = await wb.workspace(workspace)
            return await (await place.thread(thread)).usage() if thread else await place.usage()

    totals = _run(work(), as_json)
    if as_json:
        typer.echo(totals.model_dump_json(indent=2))
        return
    typer.echo(f"{totals.runs:,} runs, {totals.requests:,} model requests, {totals.tool_calls:,} tool calls")
    typer.echo(_used(totals))
    if totals.unpriced_runs:
        typer.echo(f"The cost of {totals.unpriced_runs:,} of these runs is not known and not in the sum.")


async def _watched(run: Run, *, quiet: bool) -> FinishedRun:
    """Waits for a run; a terminal sees on one line what the agent is doing."""
    if quiet or not sys.stderr.isatty():
        return await run.finished()
    from rich.console import Console  # heavy, and only a terminal needs it

    console = Console(stderr=True)
    with console.status("Thinking") as line:
        async for numbered in run.events():
            if numbered.event.type == "tool_call":
                line.update(f"{printable(numbered.event.name)} …")
            elif numbered.event.type == "action_started":
                line.update("Running what was asked for …")
    return await run.finished()


def _print_run(finished: FinishedRun, as_json: bool) -> None:
    if as_json:
        typer.echo(finished.model_dump_json(indent=2, by_alias=True))
    elif finished.reply is not None:
        typer.echo(reply_text(finished.reply))
        typer.echo(f"\nThread {finished.thread_id}", err=True)
        if finished.usage.input_tokens:
            typer.echo(_used(finished.usage), err=True)
    elif finished.error is not None:
        print_error(finished.error.code, finished.error.message, as_json)


def _used(usage: Usage) -> str:
    """The tokens on one line, with what they cost where that is known."""
    cached = f" ({usage.cached_tokens:,} cached)" if usage.cached_tokens else ""
    cost = "" if usage.cost is None else f", {usage.cost:,.4f} USD"
    return f"{usage.input_tokens:,} tokens in{cached}, {usage.output_tokens:,} out{cost}"


def _print_workspaces(found: Sequence[Workspace], as_json: bool) -> None:
    rows: list[dict[str, Any]] = [{"id": w.id, "name": w.name} for w in found]
    for row, workspace in zip(rows, found, strict=True):
        if folder := getattr(workspace, "workspace_dir", None):  # a server tells no folder of its own
            row["workspace_dir"] = str(folder)
    print_rows(rows, ["id", "name"], as_json, "No workspace yet. Create one with: cfo workspaces create NAME")


def _print_datasets(found: Sequence[Dataset], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([d.model_dump(mode="json") for d in found], indent=2))
        return
    rows = [
        {
            "file": d.file,
            "table": t.name,
            "rows": f"{t.row_count:,}",
            "columns": len(t.columns),
            "notes": " ".join(t.notes),
        }
        for d in found
        for t in d.tables
    ]
    rows += [{"file": d.file, "table": "", "rows": "", "columns": "", "notes": d.problem} for d in found if d.problem]
    print_rows(rows, ["file", "table", "rows", "columns", "notes"], False, "No data yet. Add files with: cfo upload")


def _run(work: Coroutine[Any, Any, T], as_json: bool) -> T:
    """Runs to the end; an error of ours becomes its message (or its JSON) and exit code 1."""
    try:
        return asyncio.run(work)
    except CfoError as error:
        print_error(error.code, error.message, as_json)
    except KeyboardInterrupt:
        print_error(RunCancelled.code, "Stopped. What was sent is in the thread.", as_json)
    raise typer.Exit(1)


def main() -> None:
    """The entry point `cfo`."""
    gc.set_threshold(_GARBAGE)
    try:
        app()
    except BrokenPipeError:
        _end(1)
    except SystemExit as end:
        if end.code == _USAGE and "--json" in sys.argv:  # what is wrong is on standard error already
            print_error(InvalidInput.code, "The command line is wrong. Run the command with --help.", as_json=True)
        _end(end.code)


def _end(code: str | int | None) -> NoReturn:
    """Ends the process at once: what a command opens, it has closed.

    The interpreter would free each object that was loaded, and look for garbage among them: a third of a second.
    """
    with suppress(BrokenPipeError):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else bool(code))
    os._exit(1)
