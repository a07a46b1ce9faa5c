"""The command line. Each command calls a method of the workbench and prints the result.

With `--json`, standard output is one JSON document and nothing else. The exit code is 0 after success, 2 after a usage
error, and 1 after any other error.
"""

import asyncio
import gc
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
from cfo_kernel.cli_meaning import meaning
from cfo_kernel.cli_output import print_datasets, print_error, print_rows, print_run, print_workspaces, usage_line
from cfo_kernel.cli_reading import read_datasets
from cfo_kernel.display import printable, table_text
from cfo_kernel.errors import InvalidInput, RunCancelled, TooManyStreams
from cfo_kernel.events import UsageTotals
from cfo_kernel.run_outcome import send_and_follow
from cfo_kernel.run_progress import RunProgress
from cfo_kernel.service_log import log_to_stderr
from cfo_kernel.settings import load

T = TypeVar("T")
_USAGE_ERROR = 2
_GC_THRESHOLD = 500_000
"""The number of allocations between garbage collections.

It is high because commands mostly load modules, which are never garbage.
"""
_DEFAULT_GC_THRESHOLD = gc.get_threshold()
app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
workspaces_app = typer.Typer(invoke_without_command=True, help="List the workspaces, or create one.")
app.add_typer(workspaces_app, name="workspaces")
app.add_typer(meaning, name="meaning")
app.add_typer(db, name="db")

WorkspaceOption = Annotated[str | None, typer.Option("-w", "--workspace", help="The id or name of the workspace.")]
NeededWorkspace = Annotated[str, typer.Option("-w", "--workspace", help="The id or name of the workspace.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        from cfo_kernel import __version__

        typer.echo(f"cfo_kernel {__version__}")
        raise typer.Exit


@app.callback()
def cfo(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Ask questions of a company's files, and get figures you can defend."""


@app.command()
def ask(
    text: Annotated[str, typer.Argument(help="The question.")],
    workspace: WorkspaceOption = None,
    thread: Annotated[str | None, typer.Option("-t", "--thread", help="Continue this thread.")] = None,
    continues: Annotated[
        int, typer.Option("--continue", min=0, help="Continue up to N replies that ask for review.")
    ] = 0,
    as_json: JsonOption = False,
) -> None:
    """Ask a question and print the first reply."""

    async def work() -> bool:
        async with connect() as wb:
            conversation = await (await wb.workspace(workspace)).thread(thread)
            follow = partial(_follow, quiet=as_json)
            finished = await send_and_follow(conversation.send(text), follow)
            for _ in range(continues):
                if finished.reply is None or not finished.reply.waits_for_review:
                    break
                if not as_json:
                    print_run(finished, as_json)
                finished = await send_and_follow(conversation.send(in_reply_to=finished.run_id), follow)
            print_run(finished, as_json)
            return finished.status == "succeeded"

    if not _run(work(), as_json):
        raise typer.Exit(1)


@app.command(context_settings={"ignore_unknown_options": True})  # for example, SQL that begins with a comment
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


@workspaces_app.callback()
def workspaces(context: typer.Context, as_json: JsonOption = False) -> None:
    """List the workspaces."""
    if context.invoked_subcommand:
        return

    async def work() -> Sequence[Workspace]:
        async with connect() as wb:
            return await wb.workspaces()

    print_workspaces(_run(work(), as_json), as_json)


@workspaces_app.command()
def create(name: str, as_json: JsonOption = False) -> None:
    """Create an empty workspace."""

    async def work() -> Workspace:
        async with connect() as wb:
            return await wb.create_workspace(name)

    print_workspaces([_run(work(), as_json)], as_json)


@app.command()
def threads(workspace: NeededWorkspace, as_json: JsonOption = False) -> None:
    """List the threads of a workspace, most recently used first."""

    async def work() -> Sequence[Thread]:
        async with connect() as wb:
            return await (await wb.workspace(workspace)).threads()

    rows = [{"id": t.id, "title": t.title, "updated_at": t.updated_at} for t in _run(work(), as_json)]
    print_rows(rows, ["id", "title", "updated_at"], as_json, "There are no threads yet. Ask a question with: cfo ask")


@app.command()
def upload(
    files: Annotated[list[Path], typer.Argument(help="CSV, Excel, JSON or Parquet files.")],
    workspace: NeededWorkspace,
    as_json: JsonOption = False,
) -> None:
    """Upload files to a workspace. Stops at the first file that is not a table."""

    async def work() -> Sequence[Dataset]:
        async with connect() as wb:
            company = await wb.workspace(workspace)
            return [await company.upload(file) for file in files]

    print_datasets(_run(work(), as_json), as_json)


@app.command()
def datasets(workspace: NeededWorkspace, as_json: JsonOption = False) -> None:
    """List the files of a workspace with their tables, once all of them are read."""

    async def work() -> tuple[Sequence[Dataset], Sequence[str]]:
        async with connect() as wb:
            company = await wb.workspace(workspace)
            return await read_datasets(company), () if as_json else (await company.glossary()).problems

    found, problems = _run(work(), as_json)
    print_datasets(found, as_json)
    for problem in problems:
        typer.echo(printable(problem))


@app.command()
def stop_reading(file: str, workspace: NeededWorkspace, as_json: JsonOption = False) -> None:
    """Stop reading a file. It is kept, but has no tables until it is read again."""

    async def work() -> Sequence[Dataset]:
        async with connect() as wb:
            company = await wb.workspace(workspace)
            await company.stop_reading(file)
            return [d for d in await company.datasets(wait=0) if d.file == file]

    print_datasets(_run(work(), as_json), as_json)


@app.command()
def read_again(file: str, workspace: NeededWorkspace, as_json: JsonOption = False) -> None:
    """Read a file again whose reading was stopped or failed."""

    async def work() -> Sequence[Dataset]:
        async with connect() as wb:
            company = await wb.workspace(workspace)
            await company.read_again(file)
            return [d for d in await read_datasets(company) if d.file == file]

    print_datasets(_run(work(), as_json), as_json)


@app.command()
def union(
    name: Annotated[str, typer.Argument(help="The name of the table.")],
    files: Annotated[list[str] | None, typer.Argument(help="The files that form it.")] = None,
    *,
    workspace: NeededWorkspace,
    apart: Annotated[bool, typer.Option("--apart", help="Keep the files that would form it separate.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Combine files with the same layout into one table, such as one file for each year."""
    if apart == bool(files):
        raise typer.BadParameter("Name the files to combine, or use --apart.")

    async def work() -> Sequence[Dataset]:
        async with connect() as wb:
            company = await wb.workspace(workspace)
            await company.unite(name, files or [])
            return await read_datasets(company)

    print_datasets(_run(work(), as_json), as_json)


@app.command()
def worker() -> None:
    """Execute runs until stopped: those of ended processes and, with CFO_DATABASE_URL, those from all machines."""

    async def work() -> None:
        settings = load()
        if settings.url:
            raise InvalidInput("A worker can only use folders on this machine. Unset CFO_URL and start it again.")
        log_to_stderr(settings)
        stopped = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
        async with connect(settings=settings) as wb:
            await wb.check()  # opens the root even if it is still empty
            gc.set_threshold(*_DEFAULT_GC_THRESHOLD)  # a worker runs for a long time
            typer.echo(f"Executing the runs in {settings.resolved_root()}. Press Ctrl+C to stop.")
            await stopped.wait()

    _run(work(), as_json=False)


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port, or 0 for any free port.")] = 8765,
) -> None:
    """Serve the workbench over HTTP until it is stopped."""
    if find_spec("fastapi") is None or find_spec("uvicorn") is None:
        print_error(InvalidInput.code, "The server is not installed. Run: pip install 'cfo-kernel[api]'", as_json=False)
        raise typer.Exit(1)
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-P", "-m", "cfo_api", "--host", host, "--port", str(port)])  # noqa: S606


@app.command()
def up(
    port: Annotated[
        int | None, typer.Option(help="The port of the page, or 0 for any free port. [default: 8866 if it is free]")
    ] = None,
    api_port: Annotated[int, typer.Option(help="The port of the API, or 0 for any free port.")] = 0,
    browser: Annotated[bool, typer.Option(help="Open the page in the browser.")] = True,
) -> None:
    """Run the API and the page on this machine, and open the workbench in the browser."""
    from cfo_kernel.up import up  # only this command needs it

    async def work() -> None:
        def print_line(text: str) -> None:
            print(text, flush=True)  # noqa: T201

        await up(load(), port, api_port, opens_browser=browser, print_line=print_line)

    _run(work(), as_json=False)


@app.command()
def usage(
    workspace: NeededWorkspace,
    thread: Annotated[str | None, typer.Option("-t", "--thread", help="Only this thread.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Print the total usage of the finished runs in a workspace or thread."""

    async def work() -> UsageTotals:
        async with connect() as wb:
            company = await wb.workspace(workspace)
            return await (await company.thread(thread)).usage() if thread else await company.usage()

    totals = _run(work(), as_json)
    if as_json:
        typer.echo(totals.model_dump_json(indent=2))
        return
    typer.echo(f"{totals.runs:,} runs, {totals.requests:,} model requests, {totals.tool_calls:,} tool calls")
    typer.echo(usage_line(totals))
    if totals.unpriced_runs:
        typer.echo(f"The cost of {totals.unpriced_runs:,} of these runs is unknown and not included.")


async def _follow(run: Run, *, quiet: bool) -> FinishedRun:
    """Waits for a run and returns its outcome. In a terminal, shows the agent's current step on one line."""
    if quiet or not sys.stderr.isatty():
        return await run.finished()
    from rich.console import Console  # slow to load and needed only in a terminal
    from rich.text import Text

    console = Console(stderr=True)
    # If the server has too many open streams, there is no progress to show, but the reply still arrives.
    with console.status("Thinking …") as line, suppress(TooManyStreams):
        shown = RunProgress()
        async for numbered in run.events():
            if (changed := shown.after(numbered)) is not shown:
                shown = changed
                line.update(Text(printable(shown.activity)))  # not a string, which could contain rich's markup
    return await run.finished()


def _run(work: Coroutine[Any, Any, T], as_json: bool) -> T:
    """Runs a command and returns its result. For a `CfoError`, prints the message (or JSON) and exits with code 1."""
    try:
        return asyncio.run(work)
    except CfoError as error:
        print_error(error.code, error.message, as_json)
    except KeyboardInterrupt:
        print_error(RunCancelled.code, "Stopped. If the message was sent, it is in its thread.", as_json)
    raise typer.Exit(1)


def main() -> None:
    """The entry point of `cfo` and `python -m cfo_kernel`."""
    gc.set_threshold(_GC_THRESHOLD)
    try:
        app()
    except BrokenPipeError:
        _exit(1)
    except SystemExit as end:
        if end.code == _USAGE_ERROR and "--json" in sys.argv:  # the details are already on standard error
            print_error(InvalidInput.code, "The command line is not valid. Run the command with --help.", as_json=True)
        _exit(end.code)


def _exit(code: str | int | None) -> NoReturn:
    """Ends the process without the interpreter's cleanup, which takes a third of a second to free all modules.

    By now, every command has closed its files and stopped its workers.
    """
    with suppress(BrokenPipeError):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else bool(code))
    os._exit(1)
