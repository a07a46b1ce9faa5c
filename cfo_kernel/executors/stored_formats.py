"""The formats of columns, stored in the footer of a Parquet file for exports and later queries."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cfo_kernel.number_formats import NumberFormat

KEY = "cfo_kernel.number_formats"
_MAX_SIZE = 1_000_000  # the limit for the JSON; a table has at most a few thousand columns


def to_text(formats: Mapping[str, NumberFormat | None]) -> str:
    """The formats as JSON, by column name."""
    return json.dumps({name: asdict(format) for name, format in formats.items() if format})


def read(file: Path) -> dict[str, NumberFormat]:
    """The formats in a Parquet file, by column name. Empty for files from other programs."""
    import pyarrow.parquet as pq

    parquet: Any = pq  # its stubs are incomplete
    try:
        metadata: dict[bytes, bytes] = parquet.read_metadata(file).metadata or {}
        text = metadata.get(KEY.encode(), b"{}")
        found: dict[str, Any] = json.loads(text) if len(text) <= _MAX_SIZE else {}
        return {name: NumberFormat(**format) for name, format in found.items()}
    # A variant of Parquet that only DuckDB reads, or text from another program.
    except (ValueError, OSError, TypeError, AttributeError, RecursionError):
        return {}
