"""The file worker: a confined process that reads uploaded files, and writes sheets and exports.

It can open only the files that it is given. For each request, the files that the request names are linked into the
process's folder, and its output is moved to its destination afterwards.
"""

import asyncio
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from cfo_kernel.cancellation import finish_in_thread
from cfo_kernel.data import read_limits
from cfo_kernel.errors import QueryTimeout, StorageFailed, WorkerLost
from cfo_kernel.executors import locked_temp_folders, worker_folder
from cfo_kernel.executors.worker_folder import WorkerFolder
from cfo_kernel.executors.worker_process import OnStage, WorkerProcess, workbench_closed

_MODULE = "cfo_kernel.data.file_process"
_READ = ("path", "source", "workbook")
_READ_TOGETHER = "parts"  # a list of files
_WRITTEN = ("folder", "to")
_MAX_ANSWER = 32 << 20  # the engine parses an answer while everything else waits

P = ParamSpec("P")
T = TypeVar("T")


class FileWorker:
    """A `Worker` for the requests that `ingest_worker` handles.

    It replaces the paths in a request with paths in the process's folder.
    """

    def __init__(self, parent: Path) -> None:
        """The process's folder is created in `parent`."""
        self._parent = parent
        self._current: tuple[WorkerFolder, WorkerProcess] | None = None
        self._starting = asyncio.Lock()
        self._is_closed = False

    async def ask(
        self,
        op: str,
        timeout: float,  # noqa: ASYNC109 - it kills
        *,
        on_stage: OnStage | None = None,
        **arguments: Any,
    ) -> dict[str, Any]:
        """See `Worker`.

        Raises `StorageFailed` if a file cannot be linked into the process's folder or moved out of it.
        """
        if self._is_closed:
            raise workbench_closed()
        folder, process = await self._running()
        key = uuid.uuid4().hex
        out = folder.outputs / key
        given = {name: value for name, value in arguments.items() if name in _READ}
        parts = {f"{_READ_TOGETHER}-{i}": part for i, part in enumerate(arguments.get(_READ_TOGETHER, ()))}
        made = {name: out / Path(value).name for name, value in arguments.items() if name in _WRITTEN}
        places = {path: Path(arguments[name]) for name, path in made.items()}
        try:
            links = await self._in_thread(_give, folder, key, given | parts)
            arguments |= {name: str(path) for name, path in {**links, **made}.items() if name not in parts}
            if parts:
                arguments[_READ_TOGETHER] = [str(links[name]) for name in parts]
            await _start(process)
            answer = await process.ask(op, timeout, on_stage=on_stage, **arguments)
            await self._in_thread(_take, folder, places)
            return answer
        finally:
            await finish_in_thread(worker_folder.remove, folder.inputs / key, out)

    async def close(self) -> None:
        """Ends the process, and removes its folder."""
        self._is_closed = True
        current, self._current = self._current, None
        if current is not None:
            folder, process = current
            await process.close()
            await finish_in_thread(folder.remove)

    async def _running(self) -> tuple[WorkerFolder, WorkerProcess]:
        """The process and its folder, which are both recreated if the folder was removed."""
        async with self._starting:
            if self._current is None or not self._current[0].inputs.is_dir():
                folder = await finish_in_thread(_new_folder, self._parent)
                if self._is_closed:
                    await finish_in_thread(folder.remove)
                    raise workbench_closed()
                process = WorkerProcess(
                    _MODULE,
                    str(folder.path),
                    setup={"op": "ready"},
                    max_answer=_MAX_ANSWER,
                    max_kept=read_limits.MEMORY // 2,
                )
                self._current = folder, process
            return self._current

    async def _in_thread(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs the work in a thread and waits for it even if the caller is cancelled, because it uses the folder."""
        try:
            return await finish_in_thread(work, *args, **kwargs)
        except StorageFailed as error:
            if self._is_closed:  # and the folder is gone
                raise workbench_closed() from error
            raise


def _new_folder(parent: Path) -> WorkerFolder:
    locked_temp_folders.remove_abandoned(parent)
    try:
        return WorkerFolder(parent)
    except OSError as error:
        problem = f"The folder for the file worker cannot be created ({error.strerror})"
        raise StorageFailed(f"{problem}. Check the disk and the folder.") from error


async def _start(process: WorkerProcess) -> None:
    """Starts the process unless it is running.

    If it dies during the start, the error does not blame the requested file.
    """
    try:
        await process.start()
    except (WorkerLost, QueryTimeout) as error:
        raise StorageFailed(error.message) from error


def _give(folder: WorkerFolder, key: str, files: dict[str, str]) -> dict[str, Path]:
    """Links the files into `in/`, each under its own name. A workbook that does not exist yet is skipped."""
    links: dict[str, Path] = {}
    for name, file in files.items():
        source = Path(file)
        try:
            (folder.outputs / key).mkdir(exist_ok=True)
            links[name] = folder.inputs / key / name / source.name
            if name != "workbook" or source.exists():
                folder.link(source, f"{key}/{name}/{source.name}")
        except OSError as error:
            reason = f"{source.name} cannot be opened ({error.strerror})"
            raise StorageFailed(f"{reason}. Check the file and its permissions, then try again.") from error
    return links


def _take(folder: WorkerFolder, made: dict[Path, Path]) -> None:
    """Moves the process's output to its destination: a file, or the files in a folder."""
    for path, target in made.items():
        try:
            if path.is_dir() and not path.is_symlink():
                target.mkdir(parents=True, exist_ok=True)
                for file in sorted(path.iterdir()):
                    folder.take(file, target / file.name)
            else:
                folder.take(path, target)
        except OSError as error:
            reason = f"{target.name} cannot be stored ({error.strerror or error})"
            raise StorageFailed(f"{reason}. Check the disk, then try again.") from error
