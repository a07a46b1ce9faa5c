"""Runs one round of chaos in a new root."""

import shutil
from contextlib import AsyncExitStack
from pathlib import Path

from cfo_kernel.data.workspace_data import WorkspaceData
from tests.chaos.chaos import Chaos, Report
from tests.chaos.invariants import check
from tests.chaos.model import Model
from tests.chaos.processes import Process, api, free_port
from tests.chaos.snapshots import StoreReader
from tests.conftest import LEDGER


async def create_root(folder: Path) -> Path:
    """Creates a root with the workspace `tiny`, whose file is already ingested."""
    root = folder / "root"
    (root / "tiny" / "data").mkdir(parents=True)
    (root / "tiny" / "data" / "ledger.csv").write_text(LEDGER)
    workspace_data = WorkspaceData(root / "tiny", query_timeout=30, ingest_timeout=60)
    assert [d.problem for d in (await workspace_data.index()).datasets] == [None]
    await workspace_data.close()
    return root


async def one_round(folder: Path, seed: int, kills: int, users: int, *, postgres: str | None = None) -> Report:
    """Kills processes that many times, then checks the invariants. The logs are in `<folder>/*.log`.

    With the URL of a PostgreSQL database, two workers run alongside the server and are killed as well.
    """
    root = await create_root(folder)
    port = free_port()
    with Model() as model:
        more = {"CFO_BASE_URL": model.base_url} | ({"CFO_DATABASE_URL": postgres} if postgres else {})
        processes = [api(root, folder / "api.log", port, **more)]
        for number in range(2 if postgres else 0):
            worker = ("-c", "from cfo_kernel.cli import main; main()", "worker")
            processes.append(Process(*worker, root=root, log=folder / f"worker-{number}.log", **more))
        async with AsyncExitStack() as stack:
            for process in processes:
                stack.push_async_callback(process.kill)
            chaos = Chaos(root, model, processes, f"http://127.0.0.1:{port}", StoreReader(root, postgres), seed)
            try:
                report, crowd = await chaos.run(kills, users)
                await check(chaos, crowd)
            except BaseException as error:
                copied = shutil.copytree(folder, _saved(folder))
                error.add_note(f"seed {seed}; the folder of the round was copied to {copied}")
                raise
    # With PostgreSQL a traceback is normal: Procrastinate logs one when another worker has taken over its job.
    log = (folder / "api.log").read_text()
    assert postgres or "Traceback" not in log, log[-4000:]
    return report


def _saved(folder: Path) -> Path:
    """The folder in which a failed round is kept for inspection."""
    return folder.with_name(f"{folder.name}-failed")
