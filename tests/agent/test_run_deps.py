"""Tests the files and results that the tools of one run share."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from cfo_kernel.agent.run_deps import RunDeps


def test_a_file_is_not_named_like_a_table_of_the_workspace(tmp_path: Path) -> None:
    schema: Any = SimpleNamespace(tables={"Query_001": None})
    deps = RunDeps(data=SimpleNamespace(), schema=schema, thread_dir=tmp_path)  # pyright: ignore[reportArgumentType]
    assert [deps.new_file("analysis", "query", key).stem for key in ("1/a", "1/b")] == ["query_002", "query_003"]
