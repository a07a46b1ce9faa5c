"""The zygote: a process with pandas already imported that forks a confined process for each program.

Run as `python -m cfo_kernel.executors.python_zygote`, with a socket to the engine as standard input. Importing pandas
takes a second or two, but a fork takes only a few milliseconds. Because each program gets a new process, it leaves
nothing behind for the next program.

For each program, the engine sends one descriptor: the socket for that call. Over it, the zygote sends the process id
with a pidfd, and at the end the exit status. The child itself reads the request and reports whether it is confined. The
zygote never reads a request, because every later child would inherit it in memory. It has only one thread, because a
fork copies only the calling thread, and a lock held by another thread would stay locked. It never runs code that it was
sent.
"""

import contextlib
import gc
import os
import select
import socket
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cfo_kernel.executors import confine, framing, import_paths

if TYPE_CHECKING:
    from cfo_kernel.executors.seccomp import SeccompFilter

PID_MESSAGE = struct.Struct(">i")
STATUS_MESSAGE = struct.Struct(">i")
CONFINED = b"C"
"""The message that a child sends when it is confined, before it closes its socket and runs the program.

Any other message is the reason why it could not be confined.
"""


def main() -> None:
    """Serves until the engine closes its end. The children are killed with their parent."""
    control = socket.socket(fileno=os.dup(0))
    unsupported = confine.unsupported_reason()
    control.sendall(f"{unsupported or ''}\n".encode())  # the first line tells the engine that the zygote is ready
    if unsupported:
        return
    from cfo_kernel.executors import seccomp

    calls = seccomp.SeccompFilter()
    _preload()
    if sum(1 for _ in Path("/proc/self/task").iterdir()) != 1:
        raise RuntimeError("the zygote has threads: a fork of it would not be safe")
    # Freezing keeps a child's garbage collector from writing to the objects, which would copy their memory pages.
    gc.collect()
    gc.freeze()
    _serve(control, calls)


def _preload() -> None:
    """Imports the packages that programs use, and runs common operations, so that no child has to load them again."""
    import openpyxl  # noqa: F401  # pyright: ignore[reportUnusedImport]
    import pandas as pd

    from cfo_kernel.executors import python_runner  # noqa: F401  # pyright: ignore[reportUnusedImport]

    import_paths.package_places()
    frame = pd.DataFrame({"a": ["x", "y", "x"], "b": [1, 2, 3]})
    frame.groupby("a")["b"].sum().reset_index().merge(frame, on="a").to_string()


def _serve(control: socket.socket, calls: "SeccompFilter") -> None:
    """Forks on request, and reaps children that ended, until the engine closes its end."""
    children: dict[int, tuple[int, socket.socket]] = {}
    poll = select.poll()
    poll.register(control, select.POLLIN)
    while True:
        for descriptor, _ in poll.poll():
            if descriptor in children:  # a pidfd becomes readable when its process ends
                _reap(*children.pop(descriptor))
                poll.unregister(descriptor)
                os.close(descriptor)
                continue
            _, received, _, _ = socket.recv_fds(control, 1, 1)
            if not received:
                return
            call = socket.socket(fileno=received[0])
            pid = os.fork()
            if pid == 0:
                _run_child(call, calls)
            pidfd = os.pidfd_open(pid)
            children[pidfd] = pid, call
            poll.register(pidfd, select.POLLIN)
            _send(call, PID_MESSAGE.pack(pid), pidfd)


def _reap(pid: int, call: socket.socket) -> None:
    """Reads the exit status of a child that has ended, and sends it to the engine."""
    _, status = os.waitpid(pid, 0)
    _send(call, STATUS_MESSAGE.pack(os.waitstatus_to_exitcode(status)))
    call.close()


def _send(call: socket.socket, message: bytes, *descriptors: int) -> None:
    """Sends a message to the engine, which may have abandoned the call in the meantime."""
    with contextlib.suppress(OSError):
        socket.send_fds(call, [message], descriptors)


def _run_child(call: socket.socket, calls: "SeccompFilter") -> None:
    """The child's work: reads its request, confines itself, reports success or the reason, and runs the program."""
    status = 1
    try:
        with call.makefile("rb") as stream:
            request = framing.read(stream)
        if request is not None:
            engine = _detach(call)
            try:
                _confine(request, calls)
            except BaseException as error:
                os.write(engine, f"{type(error).__name__}: {error}"[:500].encode())
                raise
            os.write(engine, CONFINED)
            os.close(engine)  # the program must have no way to communicate with the engine
            from cfo_kernel.executors import python_runner

            python_runner.run(request["program"], Path(request["answer"]))
            status = 0
    finally:
        os._exit(status)  # this process belongs to the program now: it must not return into the zygote's loop


def _detach(call: socket.socket) -> int:
    """Leaves the zygote's session, and closes all descriptors except the one to the engine, which it returns."""
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    engine = call.detach()
    for descriptor in [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]:
        if descriptor > 2 and descriptor != engine:
            with contextlib.suppress(OSError):  # the listing's own descriptor is closed already
                os.close(descriptor)
    return engine


def _confine(request: dict[str, Any], calls: "SeccompFilter") -> None:
    scratch = Path(request["scratch"])
    os.chdir(scratch)
    tables = [Path(path) for path in request["program"]["tables"].values()]
    confine.confine(confine.ProcessLimits(**request["limits"]), tables, scratch, calls)


if __name__ == "__main__":
    main()
