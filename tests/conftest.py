"""Fixtures for all tests: a tiny company, a scripted model server, and a workbench that uses it.

No test reads the environment of the person who runs it, and none reaches the network: model servers run on this
machine.
"""

import asyncio
import contextlib
import functools
import os
import shutil
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from cfo_kernel import Settings, Workbench, Workspace, connect
from cfo_kernel.data.workspace_data import WorkspaceData
from tests.ingested import copy_ingested
from tests.models.scripted_server import ScriptedServer
from tests.models.scripted_server import serve as serve
from tests.postgres import postgres as postgres
from tests.postgres import postgres_server as postgres_server

LEDGER = """account,department,posted_on,amount
Salaries,Sales,2012-01-31,1000.10
Salaries,Finance,2012-01-31,2000.20
Rent,Sales,2012-01-31,300.00
Salaries,Sales,2012-02-29,1000.20
Salaries,Finance,2012-02-29,2000.30
Rent,Finance,2012-02-29,400.05
"""
hypothesis.settings.register_profile("cfo", deadline=None)  # a busy machine is not a failure
hypothesis.settings.load_profile("cfo")
COMPANY = Path(__file__).parents[1] / "workspaces" / "adventure_works"
"""The sample company."""
KEY = "sk-very-secret-1234567890"
Opened = Callable[..., Awaitable[Workspace]]
_LONG = (
    "browser/test_visits.py",
    "browser/test_long_thread.py",
    "browser",
    "kernels",
    "questions",
    "scenarios",
    "chaos",
    "packaging",
    "cli",
    "remote",
    "executors",
    "api",
    "runs",
)
"""Folders and modules that take long. They come first, so that none is left when the other processes end."""
_FOLDER = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order = {_FOLDER / name: number for number, name in enumerate(_LONG)}

    @functools.cache
    def position(file: Path) -> int:
        return min((order[place] for place in (file, *file.parents) if place in order), default=len(order))

    items.sort(key=lambda item: position(item.path))


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Removes all settings from the environment, so that a test gets only those that it sets.

    No test trusts another machine. Reading this machine's certificates would take 15 ms for each client of a model.
    """
    for name in os.environ:
        if name.startswith(("CFO_", "OPENAI_", "ANTHROPIC_", "SSL_CERT_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def _sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace whose only file has been ingested and examined, once for all tests in a process."""
    folder = tmp_path_factory.mktemp("sample") / "tiny"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "ledger.csv").write_text(LEDGER)

    async def ingest() -> None:
        workspace_data = WorkspaceData(folder, query_timeout=30, ingest_timeout=60)
        assert [d.problem for d in (await workspace_data.index()).datasets] == [None]
        await workspace_data.meaning()
        await workspace_data.close()

    asyncio.run(ingest())
    return folder


@pytest.fixture(scope="session")
def _ingested_company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample company, whose files have been ingested and examined, once for all tests in a process."""
    folder = tmp_path_factory.mktemp("company") / COMPANY.name
    shutil.copytree(COMPANY / "data", folder / "data")

    async def ingest() -> None:
        workspace_data = WorkspaceData(folder, query_timeout=30, ingest_timeout=60)
        await workspace_data.index()
        await workspace_data.meaning()
        await workspace_data.close()

    asyncio.run(ingest())
    return folder


@pytest.fixture(scope="session")
def _stores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The databases of a new root, without a row, migrated once for all tests in a process."""
    root = tmp_path_factory.mktemp("stores")
    (root / "any" / "data").mkdir(parents=True)

    async def migrate() -> None:
        async with connect(settings=settings(root, "http://127.0.0.1:9/v1")) as workbench:
            await workbench.workspaces()

    asyncio.run(migrate())
    with contextlib.closing(sqlite3.connect(root / ".cfo" / "catalog.db")) as catalog, catalog:
        catalog.execute("DELETE FROM workspace")
    return root / ".cfo"


@pytest.fixture(scope="module")
def company_root(_ingested_company: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with the sample company. Its files are links, so that they count as already ingested."""
    root = tmp_path_factory.mktemp("root")
    copy_ingested(_ingested_company, root / COMPANY.name)
    return root


@pytest.fixture
def root(_sample: Path, _stores: Path, tmp_path: Path) -> Path:
    """A root with the workspace `tiny`. Its files are links, so that they count as already ingested."""
    shutil.copytree(_stores, tmp_path / "root" / ".cfo")
    copy_ingested(_sample, tmp_path / "root" / "tiny")
    return tmp_path / "root"


@pytest.fixture
async def make_workbench(root: Path) -> AsyncIterator[Callable[..., Workbench]]:
    """Creates workbenches over `root` that use the given model server, and closes them at the end of the test."""
    async with AsyncExitStack() as stack:

        def make(server: ScriptedServer | str = "http://127.0.0.1:9/v1", **options: Any) -> Workbench:
            made = connect(settings=settings(root, server, **options))
            stack.push_async_callback(made.close)
            return made

        yield make


@pytest.fixture
def opened(make_workbench: Callable[..., Workbench]) -> Opened:
    """The workspace `tiny` on a workbench that uses the given model server."""

    async def open_(*arguments: Any, **options: Any) -> Workspace:
        return await make_workbench(*arguments, **options).workspace("tiny")

    return open_


def settings(root: Path, server: ScriptedServer | str, **options: Any) -> Settings:
    url = server if isinstance(server, str) else server.base_url
    made: dict[str, Any] = {"root": root, "model": "openai:scripted", "base_url": url, "openai_api_key": KEY}
    return Settings(**{**made, "model_timeout": 10, **options})
