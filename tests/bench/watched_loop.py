"""Runs a module as a program, and measures how long each callback of its event loop keeps the others waiting.

`python -m tests.bench.watched_loop FILE MODULE [ARGUMENT ...]` appends a line of JSON to `FILE` for each callback that
takes longer than `_SHORTEST`. Only the time counts in which the loop's thread ran, or waited for a disk or a lock. On a
busy machine it also waits for a processor. That time says nothing about the program and is left out.
"""

import asyncio
import gc
import json
import runpy
import sys
import threading
import time
from pathlib import Path
from typing import Any, TextIO

_SHORTEST = 0.01


def watch(out: TextIO) -> None:
    """Measures the callbacks of the main thread's loops from now on."""
    run, waits = asyncio.Handle._run, Path(f"/proc/self/task/{threading.get_native_id()}/schedstat").open()  # noqa: SIM115
    main = threading.get_ident()

    def waited() -> float:
        waits.seek(0)
        return int(waits.read().split()[1]) / 1e9

    def measured(handle: Any) -> None:
        if threading.get_ident() != main:
            run(handle)
            return
        name, before = _name(handle), (time.monotonic(), waited(), time.thread_time())
        try:
            run(handle)
        finally:
            held = time.monotonic() - before[0] - (waited() - before[1])
            if held > _SHORTEST:
                line = {"held": held, "processor": time.thread_time() - before[2], "at": time.time(), "name": name}
                print(json.dumps(line), file=out, flush=True)

    collecting = 0.0

    def note(phase: str, info: dict[str, int]) -> None:
        nonlocal collecting
        if phase == "start":
            collecting = time.thread_time()
        elif (took := time.thread_time() - collecting) > _SHORTEST:
            print(json.dumps({"gc": took, "generation": info["generation"]}), file=sys.stderr, flush=True)

    gc.callbacks.append(note)
    asyncio.Handle._run = measured  # type: ignore[method-assign]


def _name(handle: Any) -> str:
    """The source location of the callback, or of the task that it continues."""
    task: Any = getattr(handle._callback, "__self__", None)
    if not isinstance(task, asyncio.Task):
        return repr(handle._callback)[:200]
    names: list[str] = []
    waiting: Any = task.get_coro()
    while waiting is not None and len(names) < 40:
        frame = next((f for a in ("cr_frame", "gi_frame", "ag_frame") if (f := getattr(waiting, a, None))), None)
        names.append(f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}" if frame else type(waiting).__name__)
        waiting = next((w for a in ("cr_await", "gi_yieldfrom", "ag_await") if (w := getattr(waiting, a, None))), None)
    return " < ".join(reversed(names[-6:]))


if __name__ == "__main__":
    file, module, *arguments = sys.argv[1:]
    watch(Path(file).open("a"))  # noqa: SIM115 - until the program ends
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
