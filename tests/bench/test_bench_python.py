"""Measures what confinement costs: a call that returns ten rows, compared with the same code in a warm process."""

import time
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from cfo_kernel.executors.confined_executor import ConfinedExecutor
from cfo_kernel.executors.python_executor import PythonCall
from cfo_kernel.executors.scratch_folder import new_scratch_folder

CODE = "result_df = ledger.groupby('account')['amount'].sum().head(10)"
ROUNDS = 15


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    file = tmp_path / "ledger.parquet"
    duckdb.sql("SELECT i % 100 AS account, CAST(i / 7 AS DOUBLE) AS amount FROM range(100000) t(i)").write_parquet(
        str(file)
    )
    return file


async def test_a_confined_call_is_near_the_same_code_in_a_warm_process(ledger: Path, tmp_path: Path) -> None:
    executor = ConfinedExecutor()
    confined: list[float] = []
    warm: list[float] = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        with new_scratch_folder(tmp_path) as scratch:
            result = await executor.run(PythonCall(code=CODE, tables={"ledger": ledger}, scratch=scratch))
        confined.append(time.perf_counter() - start)
        assert result.table
        start = time.perf_counter()
        names: dict[str, object] = {"ledger": pd.read_parquet(ledger)}
        exec(CODE, names)
        warm.append(time.perf_counter() - start)
    await executor.close()
    over = (min(confined) - min(warm)) * 1000
    # The best of each: the others depend on what else the machine is doing.
    print(f"confined {min(confined) * 1000:.1f} ms, warm {min(warm) * 1000:.1f} ms, {over:+.1f} ms")
    assert over < 100
