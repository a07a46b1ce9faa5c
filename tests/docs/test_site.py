"""Builds the site without a warning. Its pages request nothing from other hosts."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from docs.builder import other_hosts

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(600)
def test_the_site_is_built_without_a_warning_and_asks_no_other_host(tmp_path: Path) -> None:
    """`--strict` fails for a missing link, page or anchor (but not with `--quiet`, which drops the warnings it counts).

    The build itself searches for requests to other hosts.
    """
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    site = tmp_path / "site"
    assert other_hosts.requests_elsewhere(site) == []
    assert (site / "index.html").exists()
    codes = (site / "troubleshooting.html").read_text()
    assert 'id="nothing_to_continue"' in codes
    assert "nothing_to_continue" in (site / "search" / "search_index.js").read_text()
    assert not list(site.rglob("*.py"))


REQUESTS = {
    "script.html": '<script src="https://cdn.example/x.js"></script>',
    "style.html": '<link rel="stylesheet" href="//fonts.example/css?family=Inter">',
    "picture.html": '<p><img alt="" src="https://pictures.example/x.png"></p>',
    "set.html": '<img alt="" src="x.png" srcset="https://pictures.example/x.png 2x">',
    "frame.html": '<iframe src="https://video.example/1"></iframe>',
    "inline.html": '<script>fetch("https://api.example/stars")</script>',
    "attribute.html": "<div style=\"background: url('https://pictures.example/x.png')\"></div>",
    "sheet.html": "<style>@import 'https://fonts.example/x.css';</style>",
    "drawing.svg": '<svg xmlns="http://www.w3.org/2000/svg"><image href="https://pictures.example/x.png"/></svg>',
    "fonts.css": "@font-face { src: url(https://fonts.example/x.woff2) }",
    "import.css": '@import "//fonts.example/x.css";',
    "loader.js": 'const at = "https://cdn.example/mermaid.js";',
    "socket.js": 'new WebSocket("wss://news.example/")',
}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_to_another_host_is_found(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(REQUESTS[name])
    found = other_hosts.requests_elsewhere(tmp_path)
    assert len(found) == 1
    assert found[0].startswith(f"{name}: ")


def test_links_that_a_person_clicks_and_names_of_namespaces_are_no_requests(tmp_path: Path) -> None:
    page = '<a href="https://duckdb.org/docs">DuckDB</a> <svg xmlns="http://www.w3.org/2000/svg"></svg>'
    (tmp_path / "page.html").write_text(f'<link rel="canonical" href="https://docs.example/"> {page}')
    (tmp_path / "theme.js").write_text('/* https://licence.example */ x.createElementNS("http://www.w3.org/2000/svg")')
    (tmp_path / "theme.css").write_text("/* https://licence.example */ a { background: url(data:image/png;base64,AA) }")
    assert other_hosts.requests_elsewhere(tmp_path) == []
