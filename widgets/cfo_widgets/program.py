"""The program of the page as one file.

Voila's own is split in a hundred, each asked for when another turns out to need it, in waves. A first visit needs those
of `program.txt`; together, packed once, they come in one answer that browsers keep. Any that are missing here, with
another version of Voila, are fetched by the program itself as before.
"""

import gzip
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import voila
from jupyter_core.paths import jupyter_path
from tornado.web import RequestHandler

_LIST = Path(__file__).parent / "program.txt"
_ENTRY = "templates/base/static/voila.js"


class Program(NamedTuple):
    plain: bytes
    packed: bytes
    name: str
    """Says which version it is, so that it may be kept for ever."""


@cache
def program() -> Program:
    """What a first visit loads, and last what starts it."""
    # Each in a function, for one that is strict must not make the next ones so. The last declares a global.
    parts = [f"(()=>{{{path.read_text()}\n}})();" for pattern in _patterns() for path in _found(pattern)]
    plain = "\n".join([*parts, _found(_ENTRY)[0].read_text()]).encode()
    return Program(plain, gzip.compress(plain, 6, mtime=0), f"{hashlib.sha256(plain).hexdigest()[:20]}.js")


class ProgramFile(RequestHandler):
    """Nothing in it is of anybody: it is open, as Voila's own files are."""

    def get(self, name: str) -> None:
        file = program()
        self.set_header("Content-Type", "text/javascript; charset=utf-8")
        # A page from before an update asks for the old one: it gets what there is, and does not keep it.
        self.set_header("Cache-Control", "public, max-age=31536000, immutable" if name == file.name else "no-store")
        if "gzip" in self.request.headers.get("Accept-Encoding", ""):
            self.set_header("Content-Encoding", "gzip")
            self.finish(file.packed)
        else:
            self.finish(file.plain)


def _patterns() -> Iterator[str]:
    for line in _LIST.read_text().splitlines():
        if line and not line.startswith("#"):
            yield line


def _found(pattern: str) -> list[Path]:
    """The files in the first place that has any, as Voila looks for them."""
    roots = [*map(Path, jupyter_path("voila")), *map(Path, jupyter_path()), Path(voila.__file__).parent]
    return next((found for root in roots if (found := sorted(root.glob(pattern)))), [])
