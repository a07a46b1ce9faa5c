"""Migrates each store up and down, from an empty database and from every older one, on SQLite and PostgreSQL."""

from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from cfo_kernel.errors import StorageFailed
from cfo_kernel.store.catalog import Catalog, ThreadRow
from cfo_kernel.store.migrations import runner
from cfo_kernel.store.schemas import CATALOG, STORES, StoreSchema, bring_up_to_date
from tests.store.old_stores import OLD_STORES, Database, OldStore, Rows

MakeDatabase = Callable[[StoreSchema, str], Database]
DIALECTS = pytest.mark.parametrize("dialect", ["sqlite", "postgres"])
EVERY_STORE = pytest.mark.parametrize("schema", STORES, ids=lambda schema: schema.name)
EVERY_OLD_STORE = pytest.mark.parametrize("old", OLD_STORES, ids=str)
NOT_MADE_IN_POSTGRES = {("catalog", "0001"), ("journal", "0001")}


@pytest.fixture
def make(request: pytest.FixtureRequest, tmp_path: Path) -> MakeDatabase:
    """Creates a place for a store: a folder, or a database in PostgreSQL."""

    def make(schema: StoreSchema, dialect: str) -> Database:
        return Database(schema, request.getfixturevalue("postgres") if dialect == "postgres" else tmp_path)

    return make


def revisions(schema: StoreSchema) -> list[str]:
    """The revisions of a store, oldest first."""
    [versions] = schema.versions
    script = ScriptDirectory(str(versions.parents[1]), version_locations=[str(versions)])
    return [found.revision for found in script.walk_revisions()][::-1]


def without_what_is_new(rows: Rows, old: Rows) -> Rows:
    """The rows, reduced to the tables and columns of the old schema."""
    columns = {table: set(old_rows[0]) if old_rows else set[str]() for table, old_rows in old.items()}
    kept = {t: [{c: v for c, v in row.items() if c in columns[t]} for row in rows[t]] for t in old}
    return {table: sorted(rows, key=repr) for table, rows in kept.items()}


@EVERY_STORE
def test_the_newest_revision_is_the_one_that_the_program_checks_for(schema: StoreSchema) -> None:
    found = revisions(schema)
    assert found[-1] == schema.head
    assert found == [f"{number:04d}" for number in range(1, len(found) + 1)]


@EVERY_STORE
@DIALECTS
def test_from_nothing_up_and_down_and_up_again(schema: StoreSchema, dialect: str, make: MakeDatabase) -> None:
    database = make(schema, dialect)
    engine = database.engine()
    structures = [database.structure()]
    for revision in revisions(schema):
        assert runner.upgrade(engine, schema, revision).after == revision
        structures.append(database.structure())
    assert structures[-1]["tables"]
    for revision, structure in zip([runner.BASE, *revisions(schema)][-2::-1], structures[-2::-1], strict=True):
        runner.downgrade(engine, schema, revision)
        if revision != runner.BASE:
            assert database.structure() == structure
    assert set(database.structure()["tables"]) == {"alembic_version"}
    bring_up_to_date(engine, schema)
    assert database.structure() == structures[-1]
    engine.dispose()


@EVERY_STORE
@DIALECTS
def test_the_declared_tables_are_those_of_the_newest_revision(
    schema: StoreSchema, dialect: str, make: MakeDatabase
) -> None:
    engine = make(schema, dialect).engine()
    bring_up_to_date(engine, schema)
    tables = import_module(f"cfo_kernel.store.migrations.{schema.name}.tables")
    with engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        declared = tables.metadata(connection.dialect.name)
        assert compare_metadata(context, declared) == []
        first = next(iter(declared.tables))
        connection.execute(text(f"ALTER TABLE {first} ADD COLUMN surprise INTEGER"))
        [(change, *_)] = compare_metadata(context, declared)
        assert change == "remove_column"
    engine.dispose()


@EVERY_OLD_STORE
def test_an_older_database_keeps_its_rows_and_gets_the_newest_schema(old: OldStore, make: MakeDatabase) -> None:
    database = make(old.schema, old.dialect)
    database.load(old.name)
    before = database.rows()
    assert all(before[table] for table in before if table != "owner")
    engine = database.engine()
    with engine.connect() as connection:
        assert runner.find_revision(connection, old.schema) == old.revision
    bring_up_to_date(engine, old.schema)
    assert without_what_is_new(database.rows(), before) == before
    engine.dispose()


@EVERY_OLD_STORE
def test_an_older_database_has_the_schema_of_a_new_one(
    old: OldStore, make: MakeDatabase, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    upgraded = make(old.schema, old.dialect)
    upgraded.load(old.name)
    (tmp_path / "new").mkdir()
    is_postgres = old.dialect == "postgres"
    new = Database(
        old.schema, request.getfixturevalue("postgres_server").database() if is_postgres else tmp_path / "new"
    )
    for database in (upgraded, new):
        engine = database.engine()
        bring_up_to_date(engine, old.schema)
        engine.dispose()
    assert upgraded.structure() == new.structure()


@EVERY_OLD_STORE
def test_an_older_database_is_downgraded_to_every_revision_and_upgraded_again(
    old: OldStore, make: MakeDatabase
) -> None:
    database = make(old.schema, old.dialect)
    database.load(old.name)
    engine = database.engine()
    bring_up_to_date(engine, old.schema)
    newest, structure = database.rows(), database.structure()
    for revision in revisions(old.schema)[-2::-1]:
        runner.downgrade(engine, old.schema, revision)
        kept = database.rows()
        if old.schema.name == "journal" and old.dialect == "sqlite":
            newest["run"] = [row for row in newest["run"] if row["parent_run_id"] is None]
        assert kept == without_what_is_new(newest, kept)
        bring_up_to_date(engine, old.schema)
        assert without_what_is_new(database.rows(), kept) == kept
        assert database.structure() == structure
    engine.dispose()


@EVERY_STORE
@DIALECTS
def test_every_released_revision_has_a_dump(schema: StoreSchema, dialect: str) -> None:
    dumped = {old.revision for old in OLD_STORES if (old.schema, old.dialect) == (schema, dialect)}
    never = {revision for store, revision in NOT_MADE_IN_POSTGRES if store == schema.name and dialect == "postgres"}
    assert set(revisions(schema)) - never <= dumped


def test_the_rows_of_the_first_catalog_are_those_of_its_models(make: MakeDatabase) -> None:
    database = make(CATALOG, "sqlite")
    database.load("catalog-1")
    catalog = Catalog(database.engine())
    assert [(w.id, w.name) for w in catalog.workspaces()] == [("acme", "Acme"), ("books", "Bücher & Söhne")]
    thread = catalog.thread("acme", "20260101-000000-aaaaaaaaaaaa")
    assert (thread.title, thread.thread_dir) == ("Costs", "acme/threads/20260101-000000-aaaaaaaaaaaa")
    assert thread.created_at.tzinfo == UTC
    assert thread.created_at < datetime.now(UTC)
    catalog.close()


@DIALECTS
def test_threads_that_the_older_catalog_cannot_hold_keep_it_from_a_downgrade(dialect: str, make: MakeDatabase) -> None:
    database = make(CATALOG, dialect)
    database.load("catalog-2")
    engine = database.engine()
    catalog = Catalog(engine)
    catalog.add_thread(
        ThreadRow(id="20260101-000000-aaaaaaaaaaaa", workspace_id="books", thread_dir="books/threads/copy")
    )
    rows, structure = database.rows(), database.structure()
    with pytest.raises(StorageFailed, match=r"same threads \(20260101-000000-aaaaaaaaaaaa\).*then downgrade"):
        runner.downgrade(engine, CATALOG, "0001")
    assert (database.rows(), database.structure()) == (rows, structure)
    catalog.close()
