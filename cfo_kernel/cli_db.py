"""`cfo db`, which shows and changes the schema revisions of the stores. Opening a root upgrades them automatically."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from cfo_kernel.cli_output import print_error, print_rows
from cfo_kernel.errors import CfoError, InvalidInput
from cfo_kernel.settings import load

if TYPE_CHECKING:  # loads SQLAlchemy and Alembic, which other commands need only when they open a root
    from cfo_kernel.store.migrations.commands import StoreChange, Stores

T = TypeVar("T")
_HINTS = {
    "behind": "The next program that opens this root upgrades outdated stores. To do it now, run: cfo db upgrade",
    "newer": "This version of cfo_kernel cannot open a newer store. Update cfo_kernel, or run `cfo db downgrade` with"
    " the newer version first.",
}
_AFTER_DOWNGRADE = (
    "Install the older version of cfo_kernel now. If this version opens the root again, it upgrades the store."
)
db = typer.Typer(no_args_is_help=True, help="Show, upgrade and downgrade the databases of a root.")

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@db.command()
def status(as_json: JsonOption = False) -> None:
    """Show the revision of each store, and the newest revision that this version supports. Changes nothing."""
    found = _run(lambda stores: stores.status(), as_json)
    rows = [one.model_dump(mode="json") for one in found]
    print_rows(rows, ["store", "state", "revision", "head", "location"], as_json, "")
    if as_json:
        return
    for state, hint in _HINTS.items():
        if any(one.state == state for one in found):
            typer.echo(f"\n{hint}")
    if copies := [copy for one in found for copy in one.copies]:
        typer.echo("\nBackup copies made before earlier changes:\n" + "\n".join(copies))


@db.command()
def upgrade(
    store: Annotated[str | None, typer.Argument(help="The store to upgrade. By default, all are upgraded.")] = None,
    revision: Annotated[str | None, typer.Argument(help="The revision to upgrade to. By default, the newest.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Upgrade the stores, and create missing ones. No other program may have the root open."""
    _print_changes(_run(lambda stores: stores.upgrade(store, revision), as_json), as_json)


@db.command()
def downgrade(
    store: Annotated[str, typer.Argument(help="The store.")],
    revision: Annotated[str, typer.Argument(help="The revision to downgrade to.")],
    as_json: JsonOption = False,
) -> None:
    """Downgrade a store so that an older version can open the root. No other program may have the root open."""
    changes = _run(lambda stores: stores.downgrade(store, revision), as_json)
    _print_changes(changes, as_json)
    if any(change.before != change.after for change in changes):
        typer.echo(_AFTER_DOWNGRADE, err=True)


def _run(work: "Callable[[Stores], T]", as_json: bool) -> T:
    try:
        settings = load()
        if settings.url:
            message = (
                "cfo db works on the databases of a root on this machine. Unset CFO_URL, or run cfo db on the server."
            )
            raise InvalidInput(message)
        from cfo_kernel.store.migrations.commands import Stores

        return work(Stores(settings))
    except CfoError as error:
        print_error(error.code, error.message, as_json)
        raise typer.Exit(1) from None


def _print_changes(changes: "list[StoreChange]", as_json: bool) -> None:
    rows = [change.model_dump(mode="json") for change in changes]
    if as_json:
        print_rows(rows, [], as_json, "")
        return
    for change in changes:
        if change.before == change.after:
            typer.echo(f"{change.store}: already at revision {change.after}")
        elif change.before is None:
            typer.echo(f"{change.store}: created at revision {change.after}")
        else:
            copied = f", after copying it to {change.copied_to}" if change.copied_to else ""
            typer.echo(f"{change.store}: from revision {change.before} to {change.after}{copied}")
