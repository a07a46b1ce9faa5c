"""Temporary files of a killed process are removed, but not those of a process that is alive."""

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from cfo_kernel import connect
from cfo_kernel.executors.locked_temp_folders import locked_temp_folder, remove_abandoned
from tests.conftest import Opened, settings
from tests.replies import Serve

REPOSITORY = Path(__file__).parents[2]
EXPORTING = """
import asyncio, sys
from pathlib import Path
from cfo_kernel import Settings, connect

async def main(root):
    async with connect(settings=Settings(root=root, model="offline")) as wb:
        thread = await (await wb.workspace("tiny")).thread()
        reply = await thread.ask("SQL: SELECT i, i::VARCHAR AS text FROM range(200000) t(i)")
        asyncio.create_task(thread.download(reply.result.file, "xlsx"))
        while not [*root.glob("tiny/.files/*/out/*/*")]:
            await asyncio.sleep(0.01)
        print("exporting", flush=True)
        await asyncio.sleep(60)

asyncio.run(main(Path(sys.argv[1])))
"""


async def test_the_remains_of_a_killed_export_are_removed_at_the_next_start(root: Path, serve: Serve) -> None:
    with locked_temp_folder(root / "tiny" / ".scratch") as living:
        (living / "half.xlsx").touch()
        command = [sys.executable, "-c", EXPORTING, str(root)]
        with subprocess.Popen(  # noqa: ASYNC220
            command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(REPOSITORY)}
        ) as process:
            assert process.stdout
            assert process.stdout.readline() == b"exporting\n"
            process.kill()
        assert len(list((root / "tiny" / ".scratch").iterdir())) == 2
        assert list((root / "tiny" / ".files").iterdir()) != []
        async with connect(settings=settings(root, serve())):
            assert [p.name for p in (root / "tiny" / ".scratch").iterdir()] == [living.parent.name]
            assert list((root / "tiny" / ".files").iterdir()) == []
        assert (living / "half.xlsx").exists()
    assert list((root / "tiny" / ".scratch").iterdir()) == []


def test_a_folder_that_is_just_being_locked_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / ".lock").touch()
    remove_abandoned(tmp_path)
    assert (tmp_path / "new").is_dir()


async def test_moving_to_a_trash_on_another_disk_blocks_no_one(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = await opened()
    thread = await workspace.thread()
    await thread.ask("SQL: SELECT 1 AS n")
    seen: list[bool] = []
    move = shutil.move

    def noted(*arguments: Any) -> Any:
        seen.append(threading.current_thread() is threading.main_thread())
        return move(*arguments)

    monkeypatch.setattr(shutil, "move", noted)
    await workspace.delete_file("ledger.csv")
    await thread.delete()
    await workspace.delete()
    assert seen == [False, False, False]
