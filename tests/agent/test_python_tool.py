"""Runs the Python tool through the whole engine: a model's program runs confined, and the answer shows its table."""

from decimal import Decimal
from pathlib import Path

import pytest

from cfo_kernel import CfoError, ResultTable, TaskResult
from tests.conftest import Opened
from tests.models.scripted_server import Text, ToolCall

PROGRAM = """
print("rows:", len(ledger))
total = ledger.groupby("account", as_index=False)["amount"].agg(sum)
total.to_csv("totals.csv", index=False)
result_df = total
"""
DONE = ToolCall("task_result", {"message": "Salaries are 6,000.80."})


async def test_a_program_backs_an_answer(serve, opened: Opened) -> None:
    server = serve(ToolCall("execute_python", {"code": PROGRAM}), DONE)
    thread = await (await opened(server)).thread()
    reply = await thread.ask("salaries")
    assert isinstance(reply, TaskResult)
    assert reply.result is not None
    assert (reply.result.query.mode, reply.result.query.python) == ("python", PROGRAM)
    frame = await reply.df()
    assert dict(zip(frame["account"], frame["amount"], strict=True)) == {
        "Rent": Decimal("700.05"),
        "Salaries": Decimal("6000.80"),
    }
    output = server.requests[-1].body["messages"][-1]["content"]
    assert "rows: 6" in output
    assert "analysis/python_001_totals.csv" in output
    assert (thread.thread_dir / "analysis" / "python_001_totals.csv").read_text().startswith("account,amount")
    assert not list(thread.thread_dir.glob("analysis/.*"))


async def test_an_error_of_the_program_is_returned_with_its_output(serve, opened: Opened) -> None:
    broken = ToolCall("execute_python", {"code": "print('so far')\nresult_df = ledger['nothing']"})
    server = serve(broken, ToolCall("execute_python", {"code": PROGRAM}), DONE)
    reply = await (await (await opened(server)).thread()).ask("salaries")
    assert reply.kind == "task_result"
    output = str(server.requests[1].body["messages"][-1])
    assert "KeyError" in output
    assert "so far" in output


async def test_a_program_sees_earlier_results(serve, opened: Opened) -> None:
    first = ToolCall("execute_sql", {"sql": "SELECT sum(amount) AS total FROM ledger"})
    second = ToolCall("execute_python", {"code": "result_df = query_001"})
    reply = await (await (await opened(serve(first, second, DONE))).thread()).ask("total")
    assert isinstance(reply, TaskResult)
    assert reply.result is not None
    assert reply.result.rows == ((6700.85,),)


async def test_python_that_is_turned_off_says_so(serve, opened: Opened) -> None:
    server = serve(ToolCall("execute_python", {"code": "1"}), DONE)
    reply = await (await (await opened(server, python_disabled=True)).thread()).ask("salaries")
    assert reply.kind == "task_result"
    assert "CFO_PYTHON_DISABLED" in str(server.requests[1].body["messages"][-1])


async def test_a_person_runs_a_program(opened: Opened) -> None:
    ws = await opened()
    table = await ws.python("result_df = ledger.tail(1)")
    assert isinstance(table, ResultTable)
    assert table.row_count == 1
    assert await ws.python("print('hello')") == "hello\n"
    with pytest.raises(CfoError, match="ZeroDivisionError"):
        await ws.python("1 / 0")
    assert not [p for p in Path(ws.workspace_dir).iterdir() if p.name.startswith(".python")]


async def test_long_cells_are_shown_cut_and_kept_whole(serve, opened: Opened) -> None:
    server = serve(
        ToolCall("run_sql", {"sql": "SELECT repeat('x', 100000) AS long, 1 AS n", "purpose": "Long."}), Text("-")
    )
    reply = await (await (await opened(server)).thread()).ask("long")
    assert reply.kind == "run_sql"
    assert reply.result is not None
    assert len(reply.result.rows[0][0]) == 2001
    assert any("shortened" in note for note in reply.result.notes)
    assert len((await reply.df())["long"][0]) == 100_000
