"""The zygote: a process with pandas already imported, that forks a confined process for each program.

Run as `python -m cfo_kernel.executors.python_zygote`, with a socket to the engine as its standard input. For each
program the engine sends one descriptor, the socket of that call; the zygote sends a pidfd back over it, and at the end
the exit status. It never reads a request itself: what it had in memory, every later child would have too. It has one
thread, and runs nothing that it was sent.
"""

import contextlib
import gc
import os
import select
import socket
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cfo_kernel.executors import confine, framing

if TYPE_CHECKING:
    from cfo_kernel.executors.seccomp import SeccompFilter

PID_MESSAGE = struct.Struct(">i")
STATUS_MESSAGE = struct.Struct(">i")
CONFINED = b"C"
"""What a child says when it is confined, before it closes its socket and runs the program."""


def main() -> None:
    """Serves until the engine closes its end; the children are killed with their parent."""
    control = socket.socket(fileno=os.dup(0))
    lacks = confine.unsupported_reason()
    control.sendall(f"{lacks or ''}\n".encode())
    if lacks:
        return
    from cfo_kernel.executors import seccomp

    calls = seccomp.SeccompFilter()
    _warm()
    if sum(1 for _ in Path("/proc/self/task").iterdir()) != 1:
        raise RuntimeError("the zygote has threads: a fork of it would not be safe")
    gc.collect()
    gc.freeze()
    _serve(control, calls)


def _warm() -> None:
    """Imports what programs use, and has pandas do what nearly all do, so that no child has to load it again."""
    import openpyxl  # noqa: F401  # pyright: ignore[reportUnusedImport]
    import pandas as pd

    from cfo_kernel.executors import python_runner  # noqa: F401  # pyright: ignore[reportUnusedImport]

    frame = pd.DataFrame({"a": ["x", "y", "x"], "b": [1, 2, 3]})
    frame.groupby("a")["b"].sum().reset_index().merge(frame, on="a").to_string()


def _serve(control: socket.socket, calls: "SeccompFilter") -> None:
    """Forks on request and buries the dead, until the engine closes its end."""
    children: dict[int, tuple[int, socket.socket]] = {}
    poll = select.poll()
    poll.register(control, select.POLLIN)
    while True:
        for descriptor, _ in poll.poll():
            if descriptor in children:
                _bury(*children.pop(descriptor))
                poll.unregister(descriptor)
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
            _send(call, PID_MESSAGE.pack(pid), pidfd)


def _bury(pid: int, call: socket.socket) -> None:
    _, status = os.waitpid(pid, 0)
    _send(call, STATUS_MESSAGE.pack(os.waitstatus_to_exitcode(status)))
    call.close()


def _send(call: socket.socket, message: bytes, *descriptors: int) -> None:
    """Sends to an engine that may have given the call up."""
    with contextlib.suppress(OSError):
        socket.send_fds(call, [message], descriptors)


def _live(call: socket.socket, calls: "SeccompFilter") -> None:
    """The child: reads its request, confines itself, says so or why not, runs the program, and ends here."""
    status = 1
    try:
        with call.makefile("rb") as stream:
            request = framing.read(stream)
        if request is not None:
            engine = _alone(call)
            try:
                _enter(request, calls)
            except BaseException as error:
                os.write(engine, f"{type(error).__name__}: {error}"[:500].encode())
                raise
            os.write(engine, CONFINED)
            os.close(engine)
            from cfo_kernel.executors import python_runner

            python_runner.run(request["program"], Path(request["answer"]))
            status = 0
    finally:
        os._exit(status)  # nothing may return into the zygote's own code


def _alone(call: socket.socket) -> int:
    """Leaves the zygote's session and closes all descriptors but the one to the engine, which is returned."""
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    engine = call.detach()
    for descriptor in [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]:
        if descriptor > 2 and descriptor != engine:
            with contextlib.suppress(OSError):  # that of the listing itself
                os.close(descriptor)
    return engine


def _enter(request: dict[str, Any], calls: "SeccompFilter") -> None:
    scratch = Path(request["scratch"])
    os.chdir(scratch)
    tables = [Path(path) for path in request["program"]["tables"].values()]
    confine.confine(confine.ProcessLimits(**request["bounds"]), tables, scratch, calls)


if __name__ == "__main__":
    main()
