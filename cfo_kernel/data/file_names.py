"""Checks that the names of files in `data/` are safe to store, and turns names into SQL identifiers."""

import re
import unicodedata

from cfo_kernel.errors import InvalidName

GLOSSARY = "datasets.yaml"
"""The name of the company's glossary, which is in `data/` but is not a dataset."""


def safe_name(name: str) -> str:
    """The name under which a file is stored.

    Raises `InvalidName` if the name would be hidden or point outside the folder.
    """
    name = unicodedata.normalize("NFC", name).strip()
    hidden = any(unicodedata.category(c).startswith("C") for c in name)
    marked = name.startswith((".", "~")) or any(c in '/\\:*?"<>|' for c in name)
    if not name or hidden or marked or len(name.encode()) > 200:
        shown = name[:40].encode("ascii", "replace").decode()
        message = f"{shown!r} cannot be a file name here. Use up to 200 letters, digits, spaces, - and _."
        raise InvalidName(message)
    return name


def identifier(text: str) -> str:
    """Converts the text to a plain SQL identifier: `Net Sales (USD)` becomes `net_sales_usd`."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "_", ascii_text).strip("_")[:60]
    return f"t_{name}" if not name or name[0].isdigit() else name
