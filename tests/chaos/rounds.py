"""A round of chaos over a root of its own."""

import shutil
from contextlib import AsyncExitStack
from pathlib import Path

from cfo_kernel.data.workspace_data import WorkspaceData
from tests.chaos.body import Chaos, Report
from tests.chaos.invariants import check
from tests.chaos.journal import Look
from tests.chaos.model import Model
from tests.chaos.processes import Process, api, free_port
from tests.conftest import LEDGER


async def made_root(folder: Path) -> Path:
    """A root with the workspace `tiny`, its file ingested."""
    root = folder / "root"
    (root / "tiny" / "data").mkdir(parents=True)
    (root / "tiny" / "data" / "ledger.csv").write_text(LEDGER)
    workspace_data = WorkspaceData(root / "tiny", query_timeout=30, ingest_timeout=60)
    assert [d.problem for d in (await workspace_data.index()).datasets] == [None]
    await workspace_data.close()
    return root


async def one_round(folder: Path, seed: int, kills: int, people: int, *, postgres: str | None = None) -> Report:
    """Kills so often, then checks everything. What the processes said is in `<folder>/*.log`.

    With the URL of a PostgreSQL database, two workers beside the server answer too, and are killed like it.
    """
    root = await made_root(folder)
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
            chaos = Chaos(root, model, processes, f"http://127.0.0.1:{port}", Look(root, postgres), seed)
            try:
                report, crowd = await chaos.run(kills, people)
                await check(chaos, crowd)
            except BaseException as error:
                error.add_note(f"seed {seed}; what is left is in {shutil.copytree(folder, _kept(folder))}")
                raise
    # A worker of Procrastinate tells on its own where another took its job over, as one that is held up sees it.
    said = (folder / "api.log").read_text()
    assert postgres or "Traceback" not in said, said[-4000:]
    return report


def _kept(folder: Path) -> Path:
    """Where a round that failed is kept, to be looked at."""
    return folder.with_name(f"{folder.name}-failed")
