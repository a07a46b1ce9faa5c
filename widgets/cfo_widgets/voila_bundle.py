"""Voila's JavaScript as one file.

Voila ships about a hundred chunks, and a page requests them in waves, each when another turns out to need it.
`voila_bundle.txt` lists those that a first visit loads. They are joined, compressed once, and sent in one response that
browsers cache. A chunk that is missing here, for example after an update of Voila, is requested as usual.
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

_LIST = Path(__file__).parent / "voila_bundle.txt"
_ENTRY = "templates/base/static/voila.js"


class VoilaBundle(NamedTuple):
    plain: bytes
    compressed: bytes
    name: str
    """Contains a hash of the content, so that the file can be cached for good."""


@cache
def voila_bundle() -> VoilaBundle:
    """The chunks of a first visit, followed by the entry that starts them."""
    # Each chunk gets a function of its own, because "use strict" in one would apply to those after it. The entry does
    # not: it declares a global.
    parts = [f"(()=>{{{path.read_text()}\n}})();" for pattern in _patterns() for path in _find(pattern)]
    plain = "\n".join([*parts, _find(_ENTRY)[0].read_text()]).encode()
    return VoilaBundle(plain, gzip.compress(plain, 6, mtime=0), f"{hashlib.sha256(plain).hexdigest()[:20]}.js")


class VoilaBundleHandler(RequestHandler):
    """Serves the bundle without a login, as Voila does with its own files: it contains no data."""

    def get(self, name: str) -> None:
        bundle = voila_bundle()
        self.set_header("Content-Type", "text/javascript; charset=utf-8")
        # A page from before an update asks for the old name. It gets the current bundle, which must not be cached so.
        self.set_header("Cache-Control", "public, max-age=31536000, immutable" if name == bundle.name else "no-store")
        if "gzip" in self.request.headers.get("Accept-Encoding", ""):
            self.set_header("Content-Encoding", "gzip")
            self.finish(bundle.compressed)
        else:
            self.finish(bundle.plain)


def _patterns() -> Iterator[str]:
    for line in _LIST.read_text().splitlines():
        if line and not line.startswith("#"):
            yield line


def _find(pattern: str) -> list[Path]:
    """The files in the first folder that has any, in the order in which Voila searches."""
    roots = [*map(Path, jupyter_path("voila")), *map(Path, jupyter_path()), Path(voila.__file__).parent]
    return next((found for root in roots if (found := sorted(root.glob(pattern)))), [])
