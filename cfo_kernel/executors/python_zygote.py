"""The zygote: a process with pandas already imported, that forks a confined process for each program.

Run as `python -m cfo_kernel.executors.python_zygote`, with a socket to the engine as its standard input. For each
program the engine sends one descriptor, the socket of that call; the zygote sends a pidfd back over it, and at the end
the exit status. It never reads a request itself: what it had in memory, every later child would have too. It has one
thread, and runs nothing that it was sent.
"""

import gc
import json
import os
import select
import socket
import struct
import sys
import threading
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cfo_kernel.executors import confine, wire
from cfo_kernel.executors.base import ANSWER

if TYPE_CHECKING:
    from cfo_kernel.executors.seccomp import Filter

STATUS = struct.Struct(">i")
UNCONFINED = 97
"""The exit status of a child that could not be confined, and therefore ran nothing."""


def main() -> None:
    """Serves until the engine closes its end; the children are killed with their parent."""
    control = socket.socket(fileno=os.dup(0))
    lacks = confine.missing()
    control.sendall(wire.pack({"missing": lacks}))
    if lacks:
        return
    from cfo_kernel.executors import python_guest, seccomp

    calls = seccomp.Filter()
    _warm(python_guest)
    if len(os.listdir("/proc/self/task")) != 1 or threading.active_count() != 1:
        raise RuntimeError("the zygote has threads: a fork of it would not be safe")
    gc.collect()
    gc.freeze()
    _serve(control, calls)


def _warm(_: object) -> None:
    """Has pandas do what nearly every program does, so that no child has to import for it."""
    import openpyxl  # noqa: F401  # pyright: ignore[reportUnusedImport]
    import pandas as pd

    frame = pd.DataFrame({"a": ["x", "y", "x"], "b": [1, 2, 3]})
    frame.groupby("a")["b"].sum().reset_index().merge(frame, on="a").to_string()


def _serve(control: socket.socket, calls: "Filter") -> None:
    children: dict[int, tuple[int, socket.socket]] = {}
    poll = select.poll()
    poll.register(control, select.POLLIN)
    while True:
        for descriptor, _ in poll.poll():
            if descriptor in children:
                pid, call = children.pop(descriptor)
                poll.unregister(descriptor)
                _bury(pid, call)
                os.close(descriptor)
                continue
            _, received, _, _ = socket.recv_fds(control, 1, 1)
            if not received:
                return
            call = socket.socket(fileno=received[0])
            pid = os.fork()
            if pid == 0:
                _live(call, calls)
            pidfd = os.pidfd_open(pid)
            children[pidfd] = pid, call
            poll.register(pidfd, select.POLLIN)
            _send(call, b"\0", pidfd)


def _send(call: socket.socket, message: bytes, *descriptors: int) -> None:
    """Sends to an engine that may have given the call up."""
    try:
        socket.send_fds(call, [message], descriptors)
    except OSError:
        return


def _bury(pid: int, call: socket.socket) -> None:
    _, status = os.waitpid(pid, 0)
    _send(call, STATUS.pack(os.waitstatus_to_exitcode(status)))
    call.close()


def _live(call: socket.socket, calls: "Filter") -> None:
    """The child: reads its request, confines itself, runs the program, and ends here."""
    status = UNCONFINED
    try:
        os.setsid()
        with call.makefile("rb") as stream:
            request = wire.read(stream)
        if request is None:
            os._exit(0)
        null = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(null, standard)
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        _run(request, calls)
        status = 0
    except BaseException:  # noqa: BLE001 - nothing may return into the zygote's own code
        traceback.print_exc()
    finally:
        os._exit(status)


def _run(request: dict[str, Any], calls: "Filter") -> None:
    from cfo_kernel.executors import python_guest

    scratch = Path(request["scratch"])
    os.chdir(scratch)
    bounds = confine.Bounds(**request["bounds"])
    confine.confine(bounds, [Path(p) for p in request["tables"].values()], scratch, calls)
    python_guest.run(request["program"], scratch / ANSWER)


if __name__ == "__main__":
    main()
