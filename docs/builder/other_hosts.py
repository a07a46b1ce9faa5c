"""Checks that no page of the built site requests anything from another host.

A link that a person clicks may lead anywhere. A script, a style sheet, a picture, a font or a frame may not; nor may an
address inside a script or a style sheet, because the code could fetch it.
"""

import re
from html.parser import HTMLParser
from pathlib import Path

_LOADING = {
    "audio": ("src",), "embed": ("src",), "iframe": ("src",), "img": ("src", "srcset"), "input": ("src",),
    "link": ("href",), "object": ("data",), "script": ("src",), "source": ("src", "srcset"), "track": ("src",),
    "use": ("href", "xlink:href"), "image": ("href", "xlink:href"), "video": ("src", "poster"), "form": ("action",),
}  # fmt: skip
"""The attributes that a browser loads or sends to, by element."""

_HOST = re.compile(r"(?:\b(?:https?|wss?):)?//[a-z0-9-]+(?:\.[a-z0-9-]+)+[^\s\"'`()<>\\]*", re.IGNORECASE)
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_STYLE = re.compile(r"(?:url\(|@import)\s*['\"]?((?:https?:)?//[^'\")\s]+)", re.IGNORECASE)
_NAMES = ("http://www.w3.org/",)
"""Namespaces, which are names in the form of an address and are never fetched."""

NEVER_USED = {
    "https://unpkg.com/resize-observer-polyfill": "for browsers older than 2020",
    "https://unpkg.com/mermaid@11/dist/mermaid.min.js": "for Mermaid diagrams, of which the pages have none",
    "https://api.github.com/": "for the number of stars of a repository, which is not shown",
    "https://bit.ly/2s3ChXG": "in the words of a message",
}
"""Addresses in the theme's scripts that these pages never need; the build cuts them out, with the reason why it may."""


def cut_out(script: str) -> str:
    """A script of the theme without the addresses of `NEVER_USED`."""
    for address in NEVER_USED:
        script = script.replace(address, "about:blank#")
    return script


def requests_elsewhere(site: Path) -> list[str]:
    """Every request to another host that a file of the site could make, as `file: address`."""
    found: list[str] = []
    for path in sorted(site.rglob("*")):
        if path.suffix in (".html", ".svg"):
            addresses = _in_page(path.read_text())
        elif path.suffix == ".css":
            addresses = _STYLE.findall(_COMMENT.sub("", path.read_text()))
        elif path.suffix == ".js" and path.name != "search_index.js":  # the text of the pages, which is not code
            addresses = _in_script(path.read_text())
        else:
            continue
        found += [f"{path.relative_to(site)}: {address}" for address in addresses]
    return found


def _in_script(text: str) -> list[str]:
    code = _COMMENT.sub("", text)
    return [address for address in _HOST.findall(code) if ":" in address and not address.startswith(_NAMES)]


def _in_page(text: str) -> list[str]:
    page = _Page()
    page.feed(text)
    return page.addresses


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag
        is_name = tag == "link" and dict(attrs).get("rel") == "canonical"
        for name, value in attrs:
            if name == "style" and value:
                self.addresses += _STYLE.findall(value)
            elif name in _LOADING.get(tag, ()) and value and not is_name:
                self.addresses += _HOST.findall(value)

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002 - the base class names it
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "style":
            self.addresses += _STYLE.findall(data)
        elif self._inside == "script":
            self.addresses += _in_script(data)
