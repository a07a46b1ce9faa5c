"""The formats of columns, stored in the footer of a Parquet file for exports and later queries."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from cfo_kernel.number_formats import NumberFormat

KEY = "cfo_kernel.number_formats"
_MAX_SIZE = 1_000_000  # of the JSON; a table has at most a few thousand columns
_formats = TypeAdapter(dict[str, NumberFormat])


def to_text(formats: Mapping[str, NumberFormat | None]) -> str:
    """The formats as JSON, by column name."""
    return json.dumps({name: format.model_dump() for name, format in formats.items() if format})


def read(file: Path) -> dict[str, NumberFormat]:
    """The formats in a Parquet file, by column name. Empty for files from other programs."""
    import pyarrow.parquet as pq

    parquet: Any = pq  # its stubs are incomplete
    try:
        metadata: dict[bytes, bytes] = parquet.read_metadata(file).metadata or {}
        text = metadata.get(KEY.encode(), b"{}")
        return _formats.validate_json(text) if len(text) <= _MAX_SIZE else {}
    except (ValueError, OSError):  # a form of Parquet that only DuckDB reads, or text from another program
        return {}
