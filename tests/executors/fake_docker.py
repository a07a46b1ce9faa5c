"""A replacement for the `docker` command that works without containers, to test how the engine uses the command.

`run` starts the engine's runner as a process, with the container's paths replaced by real ones. `kill` ends it by name.
"""

import json
import os
import signal
import sys
import tempfile
from pathlib import Path

from cfo_kernel.executors import framing


def main(arguments: list[str]) -> None:
    verb, *rest = arguments
    if verb == "image":
        sys.exit(0 if rest[-1] == "cfo-python" else "Error: No such image")
    if verb == "kill":
        os.kill(int(pid_file(rest[0]).read_text()), signal.SIGKILL)
        return
    pid_file(next(option for option in rest if option.startswith("--name=")).removeprefix("--name=")).write_text(
        str(os.getpid())
    )
    mounts = [option.removeprefix("--mount=").split(",") for option in rest if option.startswith("--mount")]
    places = {mount[2].removeprefix("dst="): mount[1].removeprefix("src=") for mount in mounts}
    places["/engine"] = str(Path(places.pop("/engine/cfo_kernel")).parent)
    request = json.dumps(framing.read(sys.stdin.buffer))
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


def pid_file(name: str) -> Path:
    return Path(__file__).parent / name


if __name__ == "__main__":
    main(sys.argv[1:])
