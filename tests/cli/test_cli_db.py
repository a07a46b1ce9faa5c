"""The commands of `cfo db`: their output, what they refuse, and which root they use."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from cfo_kernel.cli import app
from cfo_kernel.runs.owner_locks import OwnerLocks
from cfo_kernel.store.schemas import CATALOG, JOURNAL, LEDGER
from tests.store.old_stores import Database

Cli = Callable[..., "Done"]


class Done:
    """The outcome of a command: its exit code and its output."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def states(self) -> list[tuple[str, str | None]]:
        return [(row["state"], row["revision"]) for row in self.json]

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder for a root's databases, which does not exist yet."""
    return tmp_path / "some root" / ".cfo"


@pytest.fixture
def cli(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.setenv("CFO_ROOT", str(folder.parent))

    def run(*arguments: str) -> Done:
        result = CliRunner().invoke(app, ["db", *arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Done(result.exit_code, result.stdout, result.stderr)

    return run


def test_status_of_a_root_without_stores_creates_nothing(cli: Cli, folder: Path) -> None:
    done = cli("status", "--json")
    assert (done.code, done.states) == (0, [("missing", None)] * 3)
    assert [row["location"] for row in done.json] == [str(folder / f"{n}.db") for n in ("catalog", "ledger", "journal")]
    assert not folder.parent.exists()


def test_status_tells_what_is_behind_and_what_is_newer(cli: Cli, folder: Path) -> None:
    folder.mkdir(parents=True)
    Database(CATALOG, folder).load("catalog-1")
    Database(JOURNAL, folder).load("journal-2")
    assert cli("status", "--json").states == [("behind", "0001"), ("missing", None), ("current", "0002")]
    assert "To do it now, run: cfo db upgrade" in cli("status").out
    assert cli("upgrade").code == 0
    with closing(sqlite3.connect(folder / "journal.db")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '0007'")
    done = cli("status")
    assert [line.split()[:4] for line in done.out.splitlines()[2:5]] == [
        ["catalog", "current", "0002", "0002"],
        ["ledger", "current", "0001", "0001"],
        ["journal", "newer", "0007", "0002"],
    ]
    assert "Update cfo_kernel, or run `cfo db downgrade`" in done.out
    [copy] = (folder / "copies").iterdir()
    assert str(copy) in done.out
    done = cli("upgrade", "journal")
    assert (done.code, "has revision 0007" in done.err) == (1, True)


def test_upgrade_creates_and_upgrades_and_says_so(cli: Cli, folder: Path) -> None:
    folder.mkdir(parents=True)
    Database(CATALOG, folder).load("catalog-1")
    done = cli("upgrade")
    [copy] = (folder / "copies").iterdir()
    assert done.out.splitlines() == [
        f"catalog: from revision 0001 to 0002, after copying it to {copy}",
        "ledger: created at revision 0001",
        "journal: created at revision 0002",
    ]
    assert cli("upgrade", "ledger").out == "ledger: already at revision 0001\n"
    assert cli("upgrade", "--json").json[0] == {
        "store": "catalog", "before": "0002", "after": "0002", "copied_to": None,
    }  # fmt: skip


def test_downgrade_reverts_and_says_what_to_do_next(cli: Cli, folder: Path) -> None:
    cli("upgrade")
    done = cli("downgrade", "journal", "0001")
    assert done.out.startswith(
        f"journal: from revision 0002 to 0001, after copying it to {folder}/copies/journal-0002-"
    )
    assert done.err.startswith("Install the older version")
    assert cli("status", "--json").states[2] == ("behind", "0001")
    done = cli("upgrade", "journal", "--json")
    assert [(row["store"], row["before"], row["after"]) for row in done.json] == [("journal", "0001", "0002")]
    assert done.err == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("upgrade", "ladger"), "There is no store 'ladger'. The stores are: catalog, ledger, journal."),
        (("downgrade", "catalog", "base"), "Without any revision the catalog would have no tables."),
        (("downgrade", "catalog", "0009"), "The catalog has no revision 0009. Its revisions are: 0001, 0002."),
        (("upgrade", "catalog", "0001"), "Run: cfo db downgrade catalog 0001"),
    ],
)
def test_what_cannot_be_done_is_refused(cli: Cli, arguments: tuple[str, ...], message: str) -> None:
    cli("upgrade")
    done = cli(*arguments)
    assert (done.code, done.out, message in done.err) == (1, "", True)
    done = cli(*arguments, "--json")
    assert (done.code, done.json["error"]["code"]) == (1, "invalid_input")


def test_a_store_that_is_missing_is_not_downgraded(cli: Cli, folder: Path) -> None:
    done = cli("downgrade", "catalog", "0001")
    assert (done.code, "The catalog does not exist" in done.err) == (1, True)
    assert not folder.exists()


def test_a_root_in_use_is_left_alone(cli: Cli, folder: Path) -> None:
    cli("upgrade")
    owners = OwnerLocks(folder / "owners")
    done = cli("downgrade", "catalog", "0001")
    assert (done.code, "Stop them, then try again" in done.err) == (1, True)
    assert cli("upgrade").code == 0
    owners.close()
    assert cli("downgrade", "catalog", "0001").code == 0


def test_a_file_that_is_no_database_is_named(cli: Cli, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "ledger.db").write_text("text" * 1000)
    for command in ("status", "upgrade"):
        done = cli(command, "--json")
        assert (done.code, done.json["error"]["code"]) == (1, "storage_failed")
        assert f"{folder / 'ledger.db'} cannot be used (file is not a database)" in done.json["error"]["message"]


def test_a_server_has_its_databases_elsewhere(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CFO_URL", "http://127.0.0.1:9")
    done = cli("status")
    assert (done.code, "Unset CFO_URL" in done.err) == (1, True)


def test_the_stores_in_postgres(cli: Cli, folder: Path, postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CFO_DATABASE_URL", postgres)
    assert cli("status", "--json").states == [("missing", None)] * 3
    with psycopg.connect(postgres) as connection:
        assert not connection.execute("SELECT 1 FROM pg_namespace WHERE nspname ~ '^cfo_'").fetchall()
    Database(LEDGER, postgres).load("ledger")
    assert cli("status", "--json").states[1] == ("current", "0001")
    assert cli("upgrade").out.splitlines()[2] == "journal: created at revision 0002"
    assert cli("downgrade", "catalog", "0001").out == "catalog: from revision 0002 to 0001\n"
    done = cli("status", "--json")
    assert done.states == [("behind", "0001"), ("current", "0001"), ("current", "0002")]
    assert done.json[0]["location"] == "PostgreSQL, schema cfo_catalog"
    assert not folder.exists()


def test_a_server_of_postgres_that_is_away(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CFO_DATABASE_URL", "postgresql://cfo:secret-word@/x?host=/nowhere")
    for command in ("status", "upgrade"):
        done = cli(command)
        assert (done.code, "The database cannot be opened" in done.err) == (1, True)
        assert "secret-word" not in done.err
