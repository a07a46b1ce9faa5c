"""A replacement for the `docker` command that works without containers, to test how the engine uses the command.

`run` starts the engine's runner as a process, with the container's paths replaced by real ones. `rm` ends it by name. A
container is a file with its process id, which `rm` renames. A container that is slow to create appears after its client
has been killed.
"""

import contextlib
import json
import os
import shlex
import signal
import sys
import tempfile
import time
from pathlib import Path

from cfo_kernel.executors import framing


def main(arguments: list[str]) -> None:
    verb, *rest = arguments
    if verb == "ps":
        return
    if verb == "image":
        sys.exit(0 if rest[-1] == "cfo-python" else "Error: No such image")
    if verb == "rm":
        file = pid_file(rest[-1])
        if not file.exists():
            print(f"Error response from daemon: No such container: {rest[-1]}", file=sys.stderr)
            return
        if pid := int(file.read_text()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        file.rename(file.with_name(f"removed-{file.name}"))
        return
    name = next(option for option in rest if option.startswith("--name=")).removeprefix("--name=")
    mounts = [option.removeprefix("--mount=").split(",") for option in rest if option.startswith("--mount")]
    places = {mount[2].removeprefix("dst="): mount[1].removeprefix("src=") for mount in mounts}
    places["/engine"] = str(Path(places.pop("/engine/cfo_kernel")).parent)
    request = json.dumps(framing.read(sys.stdin.buffer))
    if "slow to be created" in request:
        client = os.getpid()
        if os.fork():  # the client, which waits for the engine
            time.sleep(3600)
        while os.getppid() == client:
            time.sleep(0.01)
        pid_file(name).write_text("0")  # it was never started
        return
    pid_file(name).write_text(str(os.getpid()))
    if "no container" in request:
        print("no space left on device", file=sys.stderr)
        sys.exit(125)
    command = rest[rest.index("cfo-python") + 2 :]
    os.chdir(places["/scratch"])
    for inside, outside in places.items():
        request = request.replace(inside, outside)
        command = [word.replace(inside, outside) for word in command]
    with tempfile.TemporaryFile() as file:
        file.write(framing.pack(json.loads(request)))
        file.seek(0)
        os.dup2(file.fileno(), 0)
    os.execv(sys.executable, [sys.executable, *command])


def install(folder: Path) -> str:
    """Puts the command into the folder, where it also keeps its containers."""
    stub = folder / "fake_docker.py"
    stub.write_text(Path(__file__).read_text())
    command = folder / "docker"
    command.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, str(stub)])} "$@"\n')
    command.chmod(0o755)
    return str(command)


def pid_file(name: str) -> Path:
    return Path(__file__).parent / name


if __name__ == "__main__":
    main(sys.argv[1:])
