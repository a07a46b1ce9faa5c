"""Runs a module as a program that, on SIGUSR1, prints every asyncio task and the stack of every thread.

`python -m tests.stress.watched MODULE [ARGUMENT ...]`. The output goes to standard error.
"""

import asyncio
import faulthandler
import gc
import os
import runpy
import signal
import sys
from types import FrameType
from typing import Any, TextIO


def print_tasks(signum: int = 0, frame: FrameType | None = None, *, file: TextIO | None = None) -> None:
    """Prints the tasks of all event loops, each with the coroutines that it is waiting in, outermost first."""
    out = file or sys.stderr
    # Not `isinstance`, which would make lazy proxies import the objects that they stand for.
    tasks: list[asyncio.Task[Any]] = [one for one in gc.get_objects() if issubclass(type(one), asyncio.Task)]
    tasks = [one for one in tasks if not one.done()]
    print(f"--- process {os.getpid()}: {len(tasks)} tasks", file=out)
    for task in tasks:
        print(f"{task.get_name()} (cancelling: {task.cancelling()})", file=out)
        waiting: Any = task.get_coro()
        while waiting is not None:
            running = next((f for a in ("cr_frame", "gi_frame", "ag_frame") if (f := getattr(waiting, a, None))), None)
            where = f"{running.f_code.co_filename}:{running.f_lineno}" if running else repr(waiting)[:200]
            print(f"    {getattr(waiting, '__qualname__', type(waiting).__name__)} at {where}", file=out)
            awaited = ("cr_await", "gi_yieldfrom", "ag_await")
            waiting = next((w for a in awaited if (w := getattr(waiting, a, None)) is not None), None)
    out.flush()
    faulthandler.dump_traceback(file=out, all_threads=True)


if __name__ == "__main__":
    # Both, because Python's own handler does not run while the main thread is in a call that does not return.
    faulthandler.register(signal.SIGUSR2, all_threads=True)
    signal.signal(signal.SIGUSR1, print_tasks)
    module, *arguments = sys.argv[1:]
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
