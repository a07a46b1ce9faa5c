"""A real, private PostgreSQL server, created once for each test process, with a new database for each test.

It listens only on a socket in a temporary folder, not on a port. If there is none and none can be installed, the tests
that need it are skipped with the reason.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest


def find_programs() -> Path | None:
    """The folder that contains `initdb`. Debian keeps it off the search path."""
    found = [Path(p).resolve() for p in [shutil.which("initdb")] if p]
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    return found[0].parent if found else None


class Server:
    """The server. If the tests run as root, it runs as another user, because it refuses to run as root."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self.folder = Path(tempfile.mkdtemp(prefix="cfopg", dir="/tmp"))  # a socket's path must be short
        self._as: dict[str, int | list[int]] = {}
        if os.geteuid() == 0:
            names = {user.pw_name: user for user in pwd.getpwall()}
            user = names.get("postgres") or names["nobody"]
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self._as = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        self._run("initdb", "-D", "data", "-U", "cfo", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C")
        self._options = (
            f"-c listen_addresses= -c unix_socket_directories={self.folder} -c fsync=off -c full_page_writes=off "
            "-c max_connections=300 -c shared_buffers=32MB"
        )
        self.start()

    def start(self) -> None:
        self._run("pg_ctl", "-D", "data", "-w", "-t", "60", "-l", "log", "-o", self._options, "start")

    def stop(self) -> None:
        """Stops the server without waiting for its clients, as a crash would."""
        self._run("pg_ctl", "-D", "data", "-w", "-t", "60", "-m", "immediate", "stop")

    def database(self) -> str:
        """Creates a new, empty database, and returns its URL."""
        import psycopg

        name = f"test_{uuid.uuid4().hex}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")  # pyright: ignore[reportArgumentType]
        return self.url(name)

    def url(self, database: str) -> str:
        return f"postgresql://cfo@/{database}?host={self.folder}"

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=(log := (self.folder / "out").open("wb")),
            stderr=subprocess.STDOUT,
            check=False,
            **self._as,  # pyright: ignore[reportArgumentType]
        )
        log.close()
        if done.returncode:
            raise RuntimeError(f"{program}: {(self.folder / 'out').read_text()}")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    programs = find_programs()
    if programs is None:
        reason = (
            "There is no PostgreSQL server here: install the Debian package postgresql, or run .ci/setup dev as root."
        )
        pytest.skip(reason)
    server = Server(programs)
    yield server
    server.remove()


@pytest.fixture
def postgres(postgres_server: Server) -> str:
    """The URL of a database for this test alone."""
    return postgres_server.database()
