"""Waits for files on the command line, and says on standard error how far they are."""

from collections.abc import Sequence

import typer

from cfo_kernel import Dataset, Workspace
from cfo_kernel.display import printable

_EVERY = 1.0


async def read_datasets(company: Workspace) -> Sequence[Dataset]:
    """The datasets, once all files are read. Without a server, the files are read only while this waits."""
    shown: set[str] = set()
    while True:
        found = await company.datasets(wait=_EVERY)
        states = {f"Reading {d.file}: {d.reading.words}" for d in found if d.reading}
        for state in sorted(states - shown):
            typer.echo(printable(state), err=True)
        if not states:
            return found
        shown = states
