"""Checks that no page of the built site requests anything from another host.

A link that users click may lead anywhere. Scripts, style sheets, images, fonts and frames must come from the site, and
scripts and style sheets must not contain foreign addresses, because their code could fetch them.
"""

import re
from html.parser import HTMLParser
from pathlib import Path

_LOADING = {
    "audio": ("src",), "embed": ("src",), "iframe": ("src",), "img": ("src", "srcset"), "input": ("src",),
    "link": ("href",), "object": ("data",), "script": ("src",), "source": ("src", "srcset"), "track": ("src",),
    "use": ("href", "xlink:href"), "image": ("href", "xlink:href"), "video": ("src", "poster"), "form": ("action",),
}  # fmt: skip
"""The attributes with addresses that a browser loads from or sends to, by element."""

_HOST = re.compile(r"(?:\b(?:https?|wss?):)?//[a-z0-9-]+(?:\.[a-z0-9-]+)+[^\s\"'`()<>\\]*", re.IGNORECASE)
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_STYLE = re.compile(r"(?:url\(|@import)\s*['\"]?((?:https?:)?//[^'\")\s]+)", re.IGNORECASE)
_NAMES = ("http://www.w3.org/",)
"""Namespaces, which are names that look like addresses and are never fetched."""

NEVER_USED = {
    "https://unpkg.com/resize-observer-polyfill": "for browsers older than 2020",
    "https://unpkg.com/mermaid@11/dist/mermaid.min.js": "for Mermaid diagrams, which no page contains",
    "https://api.github.com/": "for a repository's number of stars, which is not shown",
    "https://bit.ly/2s3ChXG": "in the text of a message",
}
"""Addresses in the theme's scripts that the pages never need, each with the reason. The build removes them."""


def cut_out(script: str) -> str:
    """Returns a script of the theme without the addresses in `NEVER_USED`."""
    for address in NEVER_USED:
        script = script.replace(address, "about:blank#")
    return script


def requests_elsewhere(site: Path) -> list[str]:
    """Returns every request to another host that the site's files could make, as `file: address`."""
    found: list[str] = []
    for path in sorted(site.rglob("*")):
        if path.suffix in (".html", ".svg"):
            addresses = _in_page(path.read_text())
        elif path.suffix == ".css":
            addresses = _STYLE.findall(_COMMENT.sub("", path.read_text()))
        elif path.suffix == ".js" and path.name != "search_index.js":  # the search index contains text, not code
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

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002 - named by the base class
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "style":
            self.addresses += _STYLE.findall(data)
        elif self._inside == "script":
            self.addresses += _in_script(data)
