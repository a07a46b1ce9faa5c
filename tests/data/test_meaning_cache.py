"""Facts that are stored beside the tables, and what happens if something else has written to their files."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from cfo_kernel import Workbench

Make = Callable[..., Workbench]
HOSTILE = (
    b'{"keys": [["none"]], "panel": {"date": "no", "entity": ["nor", "this"]}, "dates": {"x": {"first": "y"}}}',
    b'{"inclusions": [{"table": "a", "columns": ["b"], "to_table": "c", "to_columns": ["d"], "matched": 1, "distinct": 1}]}',  # noqa: E501
    b"\xff" * 100,
)


@pytest.mark.parametrize("content", [*HOSTILE, None])
async def test_facts_that_do_not_fit_are_counted_again(root: Path, make_workbench: Make, content: bytes | None) -> None:
    async with make_workbench() as wb:
        expected = await (await wb.workspace("tiny")).meaning()
    files = [*(root / "tiny").rglob("*.facts.json"), *(root / "tiny").rglob("*.relations.json")]
    assert files
    for file in files:
        file.unlink()
        if content is None:
            os.mkfifo(file)
        else:
            file.write_bytes(content)
    async with make_workbench() as wb:
        assert await (await wb.workspace("tiny")).meaning() == expected
