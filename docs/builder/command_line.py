"""Generates the reference of the `cfo` command from the command line's own definitions."""

from collections.abc import Iterator
from typing import Any

import typer

from cfo_kernel.cli import app


def commands() -> Iterator[tuple[str, Any]]:
    """Yields every command and its full name, in the order of `cfo --help`."""
    yield from _below(typer.main.get_command(app), "cfo")


def page() -> str:
    """Returns the page as Markdown: each command with its arguments and options."""
    intro = (
        "# Commands\n\nGenerated from the program; `cfo COMMAND --help` prints the same. How to use them: "
        "[The command line](../command_line.md).\n\nExit codes: 0 success, 1 an error, 2 an invalid command line. "
        "With `--json`, standard output contains one JSON document and nothing else.\n"
    )
    return "\n".join([intro, *(_section(name, command) for name, command in commands())])


def _below(group: Any, path: str) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        yield f"{path} {name}", command
        if hasattr(command, "commands"):
            yield from _below(command, f"{path} {name}")


def _section(name: str, command: Any) -> str:
    lines = [f"## `{name}`", "", command.help or "", ""]
    if command.params:
        lines += ["| option | default | meaning |", "| --- | --- | --- |", *map(_row, command.params), ""]
    return "\n".join(lines)


def _row(parameter: Any) -> str:
    is_option = parameter.opts[0].startswith("-")
    names = (
        [*parameter.opts, *parameter.secondary_opts] if is_option else [(parameter.metavar or parameter.name).upper()]
    )
    if parameter.required:
        default = "required"
    elif parameter.default is None or isinstance(parameter.default, bool):
        default = ""
    else:
        default = f"`{parameter.default}`"
    return f"| {', '.join(f'`{name}`' for name in names)} | {default} | {parameter.help or ''} |"
