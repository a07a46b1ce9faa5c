"""Files as finance departments keep them become the tables that a controller would have typed."""

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.data.conftest import Ingest

FILES = Path(__file__).parent / "files"
EXPECTED: dict[str, Any] = json.loads((FILES / "expected.json").read_text())
KINDS = {"DATE": "d", "TIMESTAMP": "d", "VARCHAR": "t", "BIGINT": "n", "DOUBLE": "n", "DECIMAL": "n"}


def typed(value: Any, kind: str) -> Any:
    return Decimal(str(value)).normalize() if value is not None and kind == "n" else value and str(value)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_field_file_is_read_as_a_controller_would_type_it(name: str, ingest: Ingest) -> None:
    expected = EXPECTED[name]
    [table, *_] = ingest(FILES / name)
    if "columns" in expected:
        assert [[name, KINDS[kind.split("(")[0]]] for name, kind in table.types.items()] == expected["columns"]
        kinds = [kind for _, kind in expected["columns"]]
        read = [[typed(value, kind) for value, kind in zip(row, kinds, strict=True)] for row in table.rows]
        assert read == [[typed(v, kind) for v, kind in zip(row, kinds, strict=True)] for row in expected["rows"]]
    if "note" in expected:
        assert any(re.search(expected["note"], note) for note in table.notes)
