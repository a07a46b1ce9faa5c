"""Information from the system about running processes."""

import os
from pathlib import Path


def processes_of(pid: int | None) -> set[int]:
    """The ids of a process's descendants, or of all processes if `pid` is None. Zombies are excluded."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if state != "Z":
            parents[int(stat.parent.name)] = int(parent)
    if pid is None:
        return set(parents)
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


def is_at_work(pid: int) -> bool:
    """Whether the process is using the processor."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "R"
    except OSError:
        return False


def processor_time() -> float:
    """The seconds of processor time that the living descendants of this process have used."""
    return sum(seconds_used(pid) for pid in processes_of(os.getpid()))


def seconds_used(pid: int) -> float:
    """The seconds of processor time that the process has used, or 0 if it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
