"""Generates the tutorials from the notebooks, with their saved outputs."""

import json
import re
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


def pages() -> Iterator[tuple[str, str]]:
    """Yields the address of each tutorial in the site, and its Markdown."""
    for path in sorted(NOTEBOOKS.glob("0*.ipynb")):
        yield f"tutorials/{path.stem}.md", page(path)


def page(path: Path) -> str:
    """Returns a notebook as Markdown, with a link to the notebook's file below the title."""
    cells = json.loads(path.read_text())["cells"]
    parts = [part for cell in cells for part in _cell(cell)]
    source = f"*This page is the notebook `notebooks/{path.name}`. `make lab` opens it in JupyterLab.*"
    return "\n\n".join([_titled(parts[0], source), *parts[1:]])


def _titled(first: str, source: str) -> str:
    title, _, rest = first.partition("\n")
    return f"{title}\n\n{source}\n{rest}"


def _cell(cell: dict[str, Any]) -> Iterator[str]:
    text = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        yield re.sub(r"\]\(\.\./docs/", "](../", text)
        return
    yield f"```python\n{text}\n```"
    for output in cell.get("outputs", ()):
        yield _output(output)


def _output(output: dict[str, Any]) -> str:
    data = output.get("data", {})
    if "application/vnd.jupyter.widget-view+json" in data:
        inside = "<p><em>The widget appears here when the notebook runs.</em></p>"
    elif "text/html" in data:
        inside = "".join(data["text/html"]).replace("<table", '<table class="output"')  # otherwise the theme wraps it
    else:
        plain = "".join(output.get("text") or data.get("text/plain", ""))
        inside = f"<pre>{escape(plain.rstrip())}</pre>"
    return f'<div class="cell-output" tabindex="0">\n{inside}\n</div>'
