"""Creates what a confined program must not reach, and checks that it did not reach it."""

import contextlib
import hashlib
import os
import resource
import socket
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

import duckdb

SECRET = "the-words-of-the-file-outside"
KEY = "sk-never-in-a-program"
_ROWS = {
    "ledger": """SELECT i AS id, 1 + i % 2 AS account, DATE '2024-01-31' + INTERVAL (i) MONTH AS posted,
                 CAST(i * 1.25 AS DECIMAL(18, 2)) AS amount, CASE WHEN i % 2 = 0 THEN i END AS gap,
                 'row ' || i AS memo FROM range(6) t(i)""",
    "accounts": "SELECT * FROM (VALUES (1, 'Salaries'), (2, 'Rent'), (3, 'Bank')) t(account, name)",
    "withheld": "SELECT 'a-row-that-was-withheld' AS memo",
    "other": "SELECT 'a-row-of-another-workspace' AS memo",
}
_FORBIDDEN = (
    SECRET,
    KEY,
    "a-row-that-was-withheld",
    "a-row-of-another-workspace",
    "a-name-beside-scratch",
    "root:x:0:",
)


@dataclass(frozen=True)
class Targets:
    """The targets: the program's workspace, another workspace, a folder with a secret, and sockets that record
    connections.
    """

    folder: Path
    tcp: socket.socket
    udp: socket.socket
    unix: socket.socket
    abstract: socket.socket
    before: list[object] = field(default_factory=list)

    @property
    def threads(self) -> Path:
        return self.folder / "company" / "threads"

    def table(self, name: str) -> Path:
        return self.folder / ("rival" if name == "other" else "company") / f"{name}.parquet"

    def tables(self) -> dict[str, Path]:
        return {name: self.table(name) for name in ("ledger", "accounts")}

    def filled(self, code: str) -> str:
        """The program with the names of its targets filled in."""
        return Template(code).substitute(
            secret=self.folder / "outside" / "secret.txt",
            outside=self.folder / "outside",
            parent=self.folder,
            other=self.table("other"),
            withheld=self.table("withheld"),
            table=self.table("ledger"),
            engine=os.getpid(),
            port=self.tcp.getsockname()[1],
            unix=self.folder / "unix.sock",
        )

    def state(self) -> list[object]:
        """Everything that a program could have changed outside its scratch folder."""
        files = [self._file_state(path) for path in sorted(self.folder.rglob("*")) if self.threads not in path.parents]
        engine = [resource.getrlimit(limit) for limit in range(16)]
        planted = [*Path("/tmp").glob("cfo-evil*"), *Path("/dev/shm").glob("cfo-evil*")]
        planted += [path for path in (Path(duckdb.__file__).parent.parent, Path(os.__file__).parent) if _has_evil(path)]
        return [
            files,
            engine,
            planted,
            os.sched_getaffinity(0),
            os.getpriority(os.PRIO_PROCESS, 0),
            socket.gethostname(),
        ]

    def contacted(self) -> list[str]:
        """The sockets that received a connection or data."""
        contacted: list[str] = []
        for name, listener in (("tcp", self.tcp), ("unix", self.unix), ("abstract", self.abstract)):
            with contextlib.suppress(BlockingIOError):
                listener.accept()[0].close()
                contacted.append(name)
        with contextlib.suppress(BlockingIOError):
            self.udp.recv(100)
            contacted.append("udp")
        return contacted

    def _file_state(self, path: Path) -> tuple[object, ...]:
        status = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        times = () if path == self.threads or path == self.threads.parent else (status.st_mtime_ns,)
        return (str(path), status.st_mode, status.st_uid, status.st_gid, content, *times)


def leaks(text: str) -> list[str]:
    """The secrets that the text contains."""
    shadow = Path("/etc/shadow")
    lines = shadow.read_text().splitlines() if os.access(shadow, os.R_OK) else []
    return [word for word in (*_FORBIDDEN, *lines) if word and word in text]


def make(folder: Path) -> Targets:
    """Creates the targets in an empty folder."""
    for inner in ("outside", "rival", "company/threads"):
        (folder / inner).mkdir(parents=True)
    (folder / "outside" / "secret.txt").write_text(SECRET)
    (folder / "outside" / "secret.py").write_text(f"print('{SECRET}')")
    (folder / "company" / "threads" / "a-name-beside-scratch").touch()
    tcp, udp = socket.create_server(("127.0.0.1", 0)), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(tcp.getsockname())
    unix, abstract = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
    unix.bind(str(folder / "unix.sock"))
    abstract.bind(f"\0cfo-{tcp.getsockname()[1]}")
    for listener in (tcp, udp, unix, abstract):
        listener.setblocking(False)
    unix.listen()
    abstract.listen()
    targets = Targets(folder, tcp, udp, unix, abstract)
    for name, sql in _ROWS.items():
        duckdb.sql(sql).write_parquet(str(targets.table(name)))
    targets.before.extend(targets.state())
    return targets


def close(targets: Targets) -> None:
    for listener in (targets.tcp, targets.udp, targets.unix, targets.abstract):
        listener.close()


def children(parent: int) -> list[int]:
    """The child processes of this parent, including ended ones that it has not reaped."""
    found: list[int] = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(stat.parent.name))
    return found


def _has_evil(folder: Path) -> bool:
    return any(path.exists() for path in (folder / "evil.py", folder / "pandas" / "evil.py"))
