"""A model writes the key of its server into every field it can. Nothing stored, shown or logged contains it."""

import json
import logging
import zipfile
from base64 import b64encode
from pathlib import Path
from typing import Annotated, Any

import pyarrow.parquet
import pytest

from cfo_kernel import TaskResult
from cfo_kernel.agent.server_messages import server_message
from cfo_kernel.agent.shown_text import ShownText, without_keys
from cfo_kernel.replies import Chart, Query, ReplyBase, ResultColumn, ResultTable
from cfo_kernel.values import COMPANY_DATA, Value
from tests.agent.servers.case import QUERY, RESULT, SQL
from tests.agent.servers.failures import error
from tests.agent.servers.wire import RawServer, Turn, Whole, call, calls, chunk, one_call
from tests.conftest import KEY, Opened
from tests.replies import events_of

ESCAPED = "".join(f"\\u{ord(character):04x}" for character in KEY)
PASSWORD = "correct-horse"
"""It is a part of the server's address."""
END = chunk({}, "stop")
_WITH_KEY = {"sql": f"SELECT '{KEY}' AS \"{KEY}\", sum(amount) AS total FROM ledger -- {KEY}"}
_PLAN = {
    "table": "ledger",
    "filters": [{"column": "ledger.department", "op": "!=", "value": KEY}],
    "group_by": [{"column": "ledger.department", "name": KEY}],
    "select": [{"name": f"{KEY} total", "expression": {"fn": "sum", "column": "ledger.amount"}}],
}
_PROGRAM = f"""
open("{KEY}.txt", "w").write("{KEY}")
print("{KEY}")
result_df = pd.DataFrame({{"{KEY}": ["{KEY}"]}})
"""
_DELIVERED = {**_WITH_KEY, "purpose": KEY, "chart": {"type": "bar", "x": KEY, "y": ["total"]}}
_SHEET = {"source_file": "results/x.parquet", "workbook": "book.xlsx", "sheet": "Totals", "purpose": KEY}
_MESSAGE = f'{{"message": "{KEY} {ESCAPED}"}}'
RUNS: dict[str, list[Turn]] = {
    "a query": [one_call("execute_sql", _WITH_KEY), RESULT],
    "a query with escapes": [one_call("execute_sql", f'{{"sql": "SELECT \'{ESCAPED}\' AS x"}}'), RESULT],
    "a plan": [one_call("execute_query_plan", _PLAN), RESULT],
    "a plan as text": [one_call("execute_query_plan", {"plan": json.dumps(_PLAN).replace(KEY, ESCAPED)}), RESULT],
    "a program": [one_call("execute_python", {"code": _PROGRAM}), RESULT],
    "a table": [one_call("run_sql", _DELIVERED), RESULT],
    "a question": [one_call("user_interaction", {"message": KEY, "choices": [KEY, f"2012 {KEY}"]})],
    "a message": [QUERY, one_call("task_result", {"message": f"It is {KEY}.", "result": KEY}), RESULT],
    "a sheet": [
        QUERY,
        *(one_call("write_sheet_from_file", {**_SHEET, name: KEY}) for name in ("source_file", "workbook", "sheet")),
        one_call("write_sheet_from_file", {**_SHEET, "source_file": "analysis/query_001.parquet"}),
    ],
    "an argument": [one_call("execute_sql", {**SQL, KEY: KEY}), RESULT],
    "a dataset": [one_call("get_dataset_schema", {"dataset": KEY}), RESULT],
    "a tool": [one_call(f"execute_{KEY}", SQL, KEY), RESULT],
    "no JSON": [one_call("execute_sql", f'{{"sql": {KEY}'), RESULT],
    "pieces": [[*(chunk({"content": character}) for character in KEY), END], QUERY, RESULT],
    "a message in pieces": [
        [
            chunk({"tool_calls": [call("task_result", "")]}),
            *(chunk({"tool_calls": [{"index": 0, "function": {"arguments": each}}]}) for each in _MESSAGE),
            chunk({}, "tool_calls"),
        ]
    ],
    "an answer in text": [QUERY, [chunk({"content": f"The key is {KEY}, {'‎'.join(KEY)}."}), END]],
    "thoughts": [[chunk({"reasoning_content": KEY, "content": f"<think>{KEY}</think>"}), *QUERY], RESULT],
    "a refusal": [[chunk({"refusal": KEY}), END]],
    "what describes an answer": [[{**each, "model": KEY, "id": KEY, "system_fingerprint": KEY} for each in RESULT]],
    "a time that is none": [[{**each, "created": KEY, "index": KEY} for each in QUERY], RESULT],
    "a reason to finish": [[chunk({"content": "x"}), chunk({}, KEY)], RESULT],
    "an answer that breaks off": [[chunk({"content": KEY}), b"data: " + KEY.encode() + b"\n\n"]],
    "another type": [[chunk({"content": [KEY]}), END]],
    "a list for an object": [[chunk({"tool_calls": [{"index": 0, "function": KEY}, KEY]}), END]],
    "two replies": [calls(call("task_result", {"message": KEY}, "a", 0), call("run_sql", _DELIVERED, "b", 1))],
    "an error": [error(400, f"Wrong key {KEY}", KEY)],
    "an error in the stream": [[{"error": {"message": KEY, "code": KEY}}]],
    "a page": [Whole(200, f"<title>{KEY}</title>".encode(), "text/html")],
}


async def test_the_key_of_a_server_is_nowhere(
    opened: Opened, root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.001)
    caplog.set_level(logging.DEBUG)
    found: list[str] = []
    async with RawServer() as server:
        address = server.base_url.replace("//", f"//someone:{PASSWORD}@")
        workspace = await opened(address, request_limit=6, model_retries=0)
        for name, turns in RUNS.items():
            server.play(turns)
            thread = await workspace.thread()
            run = await thread.send("What is the total?")
            seen = [numbered.event.model_dump_json() for numbered in await events_of(run)]
            finished = await run.finished()
            if any(map(_has_key, [*seen, finished.model_dump_json(), *(json.dumps(r) for r in server.requests)])):
                found.append(name)
            assert finished.error is None or finished.error.code not in ("internal_error", "storage_failed"), name
    assert found == []
    assert [path for path in root.rglob("*") if _has_key(path.name) or any(map(_has_key, _texts(path)))] == []
    login = b64encode(f"someone:{PASSWORD}".encode()).decode()
    assert all(f"authorization: basic {login}".lower() in head.lower() for head in server.heads)
    assert [record for record in caplog.messages if _has_key(record)] == []
    assert not _has_key(caplog.text)


def _has_key(text: str) -> bool:
    return without_keys(text, (KEY, PASSWORD)) != text


def _texts(path: Path) -> list[str]:
    """The contents of a file, decompressed if necessary."""
    if not path.is_file():
        return []
    if path.suffix == ".parquet":
        table = pyarrow.parquet.read_table(path)
        return [str(table.to_pylist()), str(table.schema)]
    if path.suffix == ".xlsx":
        with zipfile.ZipFile(path) as workbook:
            return [workbook.read(name).decode() for name in workbook.namelist()]
    return [path.read_bytes().decode("latin-1")]


def test_every_text_of_a_reply_is_prepared_unless_it_is_the_companys() -> None:
    class Step(Value):
        words: dict[str, list[str]]

    class Later(ReplyBase):
        """A reply kind that does not exist yet."""

        message: str
        steps: tuple[Step, ...]
        chart: Chart
        result: ResultTable
        cells: Annotated[list[Any], COMPANY_DATA]

    text, shown = f"\u202e{KEY}", "***"
    query = Query(mode="plan", sql=text, plan={text: [{"name": text}]}, python=text)
    columns = (ResultColumn(name=text, type="VARCHAR"),)
    table = ResultTable(columns=columns, rows=((text, 1),), row_count=1, truncated=False, query=query, notes=(text,))
    later: Any = Later(
        message=text,
        steps=(Step(words={text: [text]}),),
        chart=Chart(type="bar", x=text, y=(text,)),
        result=table,
        cells=[text],
    )
    prepared = ShownText((KEY,)).reply(later)
    assert prepared.model_dump() == {
        "message": shown,
        "steps": ({"words": {shown: [shown]}},),
        "chart": {"type": "bar", "x": shown, "y": (shown,)},
        "result": {
            **table.model_dump(),
            "query": {"mode": "plan", "sql": shown, "plan": {shown: [{"name": shown}]}, "python": shown},
            "notes": (shown,),
        },
        "cells": [text],
    }


def test_a_value_of_an_unknown_type_is_shown_as_text() -> None:
    assert ShownText((KEY,)).value([KEY.encode(), ValueError(KEY), 1, None]) == ["b'***'", "***", 1, None]


def test_a_reply_without_keys_is_the_same() -> None:
    reply = TaskResult(message="Total is 60.", files=("analysis/query_001.parquet",))
    assert ShownText((KEY,)).reply(reply) == reply


@pytest.mark.parametrize("placeholder", ["", "none", "ollama", "k"])
def test_a_placeholder_is_not_a_key(placeholder: str) -> None:
    said = "The library ollama knows none of the tokens"
    assert server_message({"error": said}, (placeholder,)).text == said
    assert ShownText((placeholder,)).text(said) == said


@pytest.mark.parametrize("text", ["s\\" * 20_000, "s\x1b[" * 20_000, "s" + "é" * 40_000, "\\u0073" * 10_000])
def test_a_text_full_of_what_may_stand_in_a_key_is_read_once(text: str) -> None:
    assert without_keys(f"{text} {KEY}", (KEY,)) == f"{text} ***"
