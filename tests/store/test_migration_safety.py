"""A migration keeps data safe: it makes a backup copy, runs in one transaction and one process, and may be refused."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from cfo_kernel import Settings, connect
from cfo_kernel.errors import InvalidInput, StorageFailed
from cfo_kernel.runs.owner_locks import OwnerLocks
from cfo_kernel.store.catalog import Catalog, WorkspaceRow
from cfo_kernel.store.database import sqlite_engine
from cfo_kernel.store.migrations import copies, runner
from cfo_kernel.store.migrations.copies import copies_of
from cfo_kernel.store.schemas import CATALOG, JOURNAL, LEDGER, STORES, StoreSchema, bring_up_to_date
from tests.store.old_stores import Database

REPOSITORY = Path(__file__).parents[2]
HANG = 100.0
MakeDatabase = Callable[[StoreSchema], Database]
REVISION = '''
"""A later revision."""
import pathlib, sys, time
import sqlalchemy as sa
from alembic import op
revision, down_revision = "{revision}", "{before}"
def upgrade():
    op.create_table("later_{revision}", sa.Column("id", sa.Integer, primary_key=True))
    op.execute("UPDATE workspace SET name = name || ' {revision}'")
    {more}
def downgrade():
    op.execute("UPDATE workspace SET name = replace(name, ' {revision}', '')")
    op.drop_table("later_{revision}")
'''
WAIT = """print("migrating", flush=True); sys.stdin.readline()"""
"""A revision that reports when most of its changes are made, and waits for a line before it continues."""
PROGRAM = """
import pathlib, sys
from dataclasses import replace
from cfo_kernel.store.migrations import runner
from cfo_kernel.store.schemas import CATALOG, bring_up_to_date
from tests.store.old_stores import Database
place, versions, head = sys.argv[1:]
schema = replace(CATALOG, head=head, more_versions=(pathlib.Path(versions),))
lock = runner.lock_for_migration
def reported(*arguments):
    print("locking", flush=True)
    lock(*arguments)
runner.lock_for_migration = reported
upgrade, changes = runner.upgrade, []
runner.upgrade = lambda *arguments: changes.append(upgrade(*arguments))
bring_up_to_date(Database(schema, place if "://" in place else pathlib.Path(place)).engine(), schema)
print(changes[0].before, changes[0].after)
"""
"""Opens the catalog as a later version of the program would, with its revisions in a folder."""


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    return request.getfixturevalue("postgres") if request.param == "postgres" else tmp_path


@pytest.fixture
def catalog(place: Path | str) -> Database:
    """A catalog with data, created by this version of the program."""
    database = Database(CATALOG, place)
    database.load("catalog-2")
    engine = database.engine()
    bring_up_to_date(engine, CATALOG)
    engine.dispose()
    return database


@pytest.fixture
def later(tmp_path: Path) -> Callable[..., StoreSchema]:
    """Adds revisions to the catalog's schema, as a later version would. Each string is the end of one `upgrade`."""

    def make(*more: str) -> StoreSchema:
        folder = tmp_path / "later"
        folder.mkdir(exist_ok=True)
        known = int(CATALOG.head)
        for number, code in enumerate(more, start=known + 1):
            revision = REVISION.format(revision=f"{number:04d}", before=f"{number - 1:04d}", more=code)
            (folder / f"{number:04d}_later.py").write_text(revision)
        return replace(CATALOG, head=f"{known + len(more):04d}", more_versions=(folder,))

    return make


def program(place: Path | str, schema: StoreSchema) -> "subprocess.Popen[str]":
    """Starts another process that opens the catalog with that schema."""
    command = [sys.executable, "-c", PROGRAM, str(place), str(schema.more_versions[0]), schema.head]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    return subprocess.Popen(command, stdin=-1, stdout=-1, text=True, env=environment)


def line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def names(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM workspace ORDER BY id")]


def test_a_revision_that_fails_leaves_nothing_behind(catalog: Database, later: Callable[..., StoreSchema]) -> None:
    rows, structure = catalog.rows(), catalog.structure()
    engine = catalog.engine()
    with pytest.raises(StorageFailed, match=r"from revision 0002 to 0004 \(no such luck\). Nothing was changed"):
        bring_up_to_date(engine, later("pass", "raise RuntimeError('no such luck')"))
    assert (catalog.rows(), catalog.structure()) == (rows, structure)
    with pytest.raises(StorageFailed, match="nothing_like_it"):
        bring_up_to_date(engine, later("op.execute('SELECT * FROM nothing_like_it')"))
    assert (catalog.rows(), catalog.structure()) == (rows, structure)
    bring_up_to_date(engine, CATALOG)
    engine.dispose()


def test_rows_that_lose_what_they_refer_to_undo_the_upgrade(
    catalog: Database, later: Callable[..., StoreSchema]
) -> None:
    rows = catalog.rows()
    engine = catalog.engine()
    with pytest.raises(StorageFailed, match=r"do not exist|foreign key"):
        bring_up_to_date(engine, later("""op.execute("DELETE FROM workspace WHERE id = 'acme'")"""))
    assert catalog.rows() == rows
    engine.dispose()


def test_a_table_that_others_refer_to_can_be_rebuilt(catalog: Database, later: Callable[..., StoreSchema]) -> None:
    """In SQLite, dropping the old table would delete rows that refer to it, or fail, if foreign keys were enforced."""
    threads, engine = catalog.rows()["thread"], catalog.engine()
    rebuild = """with op.batch_alter_table("workspace", recreate="always") as table:
        table.alter_column("name", nullable=True)"""
    bring_up_to_date(engine, later(rebuild if engine.dialect.name == "sqlite" else "pass"))
    assert len(threads) == 3
    assert catalog.rows()["thread"] == threads
    engine.dispose()


@pytest.mark.parametrize("found", ["nothing", "catalog from before Alembic", "catalog"])
def test_of_two_processes_one_migrates_and_the_other_finds_it_done(
    place: Path | str, later: Callable[..., StoreSchema], found: str
) -> None:
    schema, catalog = later(WAIT), Database(CATALOG, place)
    before = None if found == "nothing" else "0002"
    if before:
        catalog.load("catalog-2")
    if found == "catalog":
        bring_up_to_date(engine := catalog.engine(), CATALOG)
        engine.dispose()
    with program(place, schema) as first:
        assert (line(first), line(first)) == ("locking", "migrating")
        with program(place, schema) as second:
            assert line(second) == "locking"
            assert first.communicate("go on\n", timeout=HANG)[0] == f"{before} 0003\n"
            assert second.communicate("", timeout=HANG)[0] == "0003 0003\n"
    if before:
        assert [row["name"] for row in catalog.rows()["workspace"]] == ["Acme 0003", "Bücher & Söhne 0003"]


def test_threads_of_one_process_migrate_different_stores_at_once(place: Path | str) -> None:
    databases = [Database(schema, place) for schema in STORES]
    engines = [database.engine() for database in databases]
    with ThreadPoolExecutor(len(STORES)) as threads:
        list(threads.map(bring_up_to_date, engines, STORES))
    for database, engine in zip(databases, engines, strict=True):
        assert set(database.structure()["tables"]) > {"alembic_version"}
        engine.dispose()


async def test_an_old_root_is_opened_as_usual(tmp_path: Path) -> None:
    """The process that opens the root does not count as another program that has it open."""
    (tmp_path / "acme" / "data").mkdir(parents=True)
    (tmp_path / ".cfo").mkdir()
    for schema, name in ((CATALOG, "catalog-1"), (JOURNAL, "journal-1"), (LEDGER, "ledger")):
        Database(schema, tmp_path / ".cfo").load(name)
    async with connect(settings=Settings(root=tmp_path, model="offline")) as workbench:
        assert [w.id for w in await workbench.workspaces()] == ["acme"]
    made = {copy.name.rpartition("-2")[0][:12] for copy in (tmp_path / ".cfo" / "copies").iterdir()}
    assert made == {"catalog-0001", "journal-0001"}


def test_a_process_that_is_killed_while_it_migrates_loses_nothing(
    catalog: Database, place: Path | str, later: Callable[..., StoreSchema]
) -> None:
    rows, structure = catalog.rows(), catalog.structure()
    with program(place, later("pass", WAIT)) as killed:
        assert (line(killed), line(killed)) == ("locking", "migrating")
        killed.send_signal(signal.SIGKILL)
    assert (catalog.rows(), catalog.structure()) == (rows, structure)
    engine = catalog.engine()
    bring_up_to_date(engine, later("pass", "pass"))
    assert [row["name"] for row in catalog.rows()["workspace"]] == ["Acme 0003 0004", "Bücher & Söhne 0003 0004"]
    engine.dispose()


def test_a_newer_store_is_refused_and_goes_down_with_the_newer_version(
    catalog: Database, later: Callable[..., StoreSchema]
) -> None:
    rows, structure, schema = catalog.rows(), catalog.structure(), later("pass", "pass")
    engine = catalog.engine()
    bring_up_to_date(engine, schema)
    newer = catalog.structure()
    with pytest.raises(
        StorageFailed, match=r"has revision 0004, .* \(0002\).*`cfo db downgrade catalog 0002` with the newer"
    ):
        Catalog(engine)
    with pytest.raises(StorageFailed, match="has revision 0004"):
        runner.downgrade(engine, CATALOG, "0001")
    assert catalog.structure() == newer
    runner.downgrade(engine, schema, "0002")
    assert (catalog.rows(), catalog.structure()) == (rows, structure)
    Catalog(engine).close()


def test_a_store_that_other_programs_have_open_is_not_changed(
    catalog: Database, place: Path | str, later: Callable[..., StoreSchema]
) -> None:
    rows, schema, engine = catalog.rows(), later("pass"), catalog.engine()
    owners = None
    if isinstance(place, Path):
        owners = OwnerLocks(place / "owners")
        held_by = str(os.getpid())
    else:
        journal = Database(JOURNAL, place)
        bring_up_to_date(journal.engine(), JOURNAL)
        with psycopg.connect(place, autocommit=True) as connection:
            connection.execute("INSERT INTO cfo_journal.owner VALUES ('here-77-abc', now() + interval '1 hour')")
            connection.execute("INSERT INTO cfo_journal.owner VALUES ('dead-78-abc', now() - interval '5 s')")
        held_by = "here-77"
    with pytest.raises(StorageFailed, match=rf"0002 to 0003 while other.*\(processes {held_by}\). Stop them"):
        bring_up_to_date(engine, schema)
    with pytest.raises(StorageFailed, match="Stop them"):
        runner.downgrade(engine, CATALOG, "0001")
    bring_up_to_date(engine, CATALOG)  # without a change, any number of processes may have it open
    assert catalog.rows() == rows
    if isinstance(place, Path):
        assert owners is not None
        owners.close()
        assert not copies_of(place / CATALOG.file_name)
    else:
        with psycopg.connect(place, autocommit=True) as connection:
            connection.execute("DELETE FROM cfo_journal.owner WHERE name = 'here-77-abc'")
    bring_up_to_date(engine, schema)
    engine.dispose()


def test_a_database_from_before_alembic_with_the_newest_schema_is_only_stamped(place: Path | str) -> None:
    """It does not disturb a running program of the previous version, and no copy is needed."""
    database = Database(CATALOG, place)
    database.load("catalog-2")
    owners = OwnerLocks(place / "owners") if isinstance(place, Path) else None
    engine = database.engine()
    bring_up_to_date(engine, CATALOG)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == "0002"
    engine.dispose()
    if isinstance(place, Path):
        assert owners is not None
        owners.close()
        assert not copies_of(place / CATALOG.file_name)


@pytest.mark.parametrize("count", [3, 99])
def test_a_database_with_an_unknown_count_is_refused(tmp_path: Path, count: int) -> None:
    for schema in STORES:
        engine = sqlite_engine(tmp_path / schema.file_name)
        with engine.begin() as connection:
            connection.execute(text(f"PRAGMA user_version = {count}"))
        with pytest.raises(StorageFailed, match=f"The {schema.name} has a schema that this version"):
            bring_up_to_date(engine, schema)
        engine.dispose()


def test_a_copy_is_made_before_a_change_and_holds_what_is_in_the_log_still(
    tmp_path: Path, later: Callable[..., StoreSchema]
) -> None:
    file = tmp_path / CATALOG.file_name
    catalog = Catalog(sqlite_engine(file))
    assert not copies_of(file), "a new store has nothing to copy"
    catalog.add_workspace(WorkspaceRow(id="w", name="W", workspace_dir="w"))
    engine = sqlite_engine(file)
    with engine.connect() as reader:  # keeps the last commits in the write-ahead log
        reader.execute(text("SELECT 1 FROM workspace")).all()
        assert Path(f"{file}-wal").stat().st_size > 0
        change = runner.upgrade(sqlite_engine(file), later("pass"))
    assert change.copy is not None
    assert change.copy.parent == tmp_path / "copies"
    assert change.copy.name.startswith("catalog-0002-2")
    assert (names(file), names(change.copy)) == (["W 0003"], ["W"])
    assert {path.suffix for path in change.copy.parent.iterdir()} == {".db"}, "a copy is one file"
    down = runner.downgrade(engine, later("pass"), "0002")
    assert down.copy is not None
    assert down.copy.name.startswith("catalog-0003-2")
    assert (names(file), names(down.copy)) == (["W"], ["W 0003"])
    engine.dispose()
    catalog.close()
    for beside in tmp_path.glob("catalog.db-*"):
        beside.unlink()
    down.copy.rename(file)  # restores a copy as described in the documentation
    with pytest.raises(StorageFailed, match="has revision 0003"):
        Catalog(engine)
    runner.downgrade(engine, later("pass"), "0002")
    catalog = Catalog(engine)
    assert [w.name for w in catalog.workspaces()] == ["W"]
    catalog.close()
    engine.dispose()


def test_a_few_copies_are_kept_and_a_failure_displaces_none(tmp_path: Path, later: Callable[..., StoreSchema]) -> None:
    file = tmp_path / CATALOG.file_name
    engine = sqlite_engine(file)
    bring_up_to_date(engine, CATALOG)
    bring_up_to_date(ledger := sqlite_engine(tmp_path / LEDGER.file_name), LEDGER)
    made: list[Path | None] = []
    for _ in range(3):
        made.append(runner.upgrade(engine, later("pass")).copy)
        made.append(runner.downgrade(engine, later("pass"), "0002").copy)
    assert copies_of(file) == made[-copies.KEPT :]
    (tmp_path / "copies" / "catalog-0002-20260101-000000-000000.part").write_text("of a process that was killed")
    for _ in range(5):
        with pytest.raises(StorageFailed):
            bring_up_to_date(engine, later("raise ValueError"))
    assert sorted((tmp_path / "copies").iterdir()) == sorted(copies_of(file))
    assert copies_of(file) == made[-copies.KEPT :]
    for closed in (engine, ledger):
        closed.dispose()


def test_without_a_copy_there_is_no_upgrade(tmp_path: Path, later: Callable[..., StoreSchema]) -> None:
    file = tmp_path / CATALOG.file_name
    engine = sqlite_engine(file)
    bring_up_to_date(engine, CATALOG)
    (tmp_path / "copies").write_text("a file in the way")
    with pytest.raises(StorageFailed, match=r"catalog.db was not changed, because no backup copy could be made"):
        bring_up_to_date(engine, later("pass"))
    bring_up_to_date(engine, CATALOG)
    engine.dispose()


def test_a_locked_store_is_waited_for_only_so_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "LOCK_TIMEOUT", 50)
    engine = sqlite_engine(tmp_path / "c.db")
    with closing(sqlite3.connect(tmp_path / "c.db", isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageFailed, match=r"is locked by another program \(database is locked\)"):
            bring_up_to_date(engine, CATALOG)
    bring_up_to_date(engine, CATALOG)
    engine.dispose()


def test_revisions_that_do_not_lead_there_are_refused(tmp_path: Path) -> None:
    engine = sqlite_engine(tmp_path / "c.db")
    with pytest.raises(InvalidInput, match=r"no revision 0009. Its revisions are: 0001, 0002"):
        runner.upgrade(engine, CATALOG, "0009")
    with pytest.raises(InvalidInput, match=r"does not exist yet. Run: cfo db upgrade catalog 0001"):
        runner.downgrade(engine, CATALOG, "0001")
    runner.upgrade(engine, CATALOG, "0001")
    with pytest.raises(InvalidInput, match=r"is at revision 0001. Run: cfo db upgrade catalog 0002"):
        runner.downgrade(engine, CATALOG, "0002")
    runner.upgrade(engine, CATALOG)
    with pytest.raises(InvalidInput, match=r"is at revision 0002. Run: cfo db downgrade catalog 0001"):
        runner.upgrade(engine, CATALOG, "0001")
    engine.dispose()


def test_programs_from_before_alembic_refuse_a_later_schema(tmp_path: Path, later: Callable[..., StoreSchema]) -> None:
    engine = sqlite_engine(tmp_path / "c.db")
    runner.upgrade(engine, later("pass"))
    with closing(sqlite3.connect(tmp_path / "c.db")) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (3,)
    engine.dispose()


def test_a_root_that_is_up_to_date_is_opened_without_alembic(tmp_path: Path) -> None:
    code = (
        "import asyncio, pathlib, sys; from cfo_kernel import Settings, connect\n"
        "async def main():\n"
        "    async with connect(settings=Settings(root=pathlib.Path(sys.argv[1]), model='offline')) as wb:\n"
        "        if not await wb.workspaces():\n"
        "            await wb.create_workspace('tiny')\n"
        "asyncio.run(main()); print([name for name in ('sqlalchemy', 'alembic', 'mako') if name in sys.modules])"
    )
    loaded = [
        subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert loaded == ["['sqlalchemy', 'alembic', 'mako']\n", "['sqlalchemy']\n"]
