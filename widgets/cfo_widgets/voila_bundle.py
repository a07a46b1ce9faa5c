"""Serves Voila's JavaScript as a single file.

Voila ships about a hundred chunks, and a page requests each chunk only when another chunk needs it. `voila_bundle.txt`
lists the chunks that are loaded on a first visit. They are concatenated, compressed once, and sent in one response that
browsers cache. A chunk that is missing here, for example after a Voila update, is requested as usual.
"""

import gzip
import hashlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import voila
from jupyter_core.paths import jupyter_path
from tornado.web import RequestHandler

_LIST = Path(__file__).parent / "voila_bundle.txt"
_ENTRY = "templates/base/static/voila.js"
_MODEL_WAIT = re.compile(r"(for\(;Date\.now\(\)-\w+<)2e3(;\))")
"""How long a page of ipywidgets 8.1.9 waits for the model of an output: two seconds, in its minified text."""


class VoilaBundle(NamedTuple):
    plain: bytes
    compressed: bytes
    name: str
    """Contains a hash of the content, so that the file can be cached indefinitely."""


@cache
def voila_bundle() -> VoilaBundle:
    """Returns the chunks needed on a first visit, followed by the entry that starts them."""
    # Each chunk is wrapped in its own function, because "use strict" in one would apply to those after it. The entry is
    # not wrapped, because it declares a global.
    parts = [f"(()=>{{{path.read_text()}\n}})();" for pattern in _patterns() for path in _find(pattern)]
    text = "\n".join([*parts, _find(_ENTRY)[0].read_text()])
    # A busy browser can let the two seconds pass without looking whether the model has arrived, and then shows an empty
    # page (ipywidgets issue 4026). The page of a kernel without the model is reloaded before 30 s have passed.
    plain = _MODEL_WAIT.sub(r"\g<1>3e4\2", text).encode()
    return VoilaBundle(plain, gzip.compress(plain, 6, mtime=0), f"{hashlib.sha256(plain).hexdigest()[:20]}.js")


class VoilaBundleHandler(RequestHandler):
    """Serves the bundle to a page that has the token."""

    def get(self, name: str) -> None:
        bundle = voila_bundle()
        self.set_header("Content-Type", "text/javascript; charset=utf-8")
        # A page from before an update requests the old name. It gets the current bundle, which must not be cached under
        # that name.
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
    """Returns the matching files in the first folder that has any, in Voila's search order."""
    roots = [*map(Path, jupyter_path("voila")), *map(Path, jupyter_path()), Path(voila.__file__).parent]
    return next((found for root in roots if (found := sorted(root.glob(pattern)))), [])
