"""Whole runs against a scripted model server over HTTP: successes, errors that the model corrects, and failures."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cfo_kernel import FinishedRun, Numbered, RunSQL, TaskResult, UserInteraction, Workbench, WriteSheetFromFile
from cfo_kernel.events import Done, Error, Restarted, Result, Token, ToolCall, ToolResult
from tests.conftest import KEY, Opened
from tests.models import scripted_server as says
from tests.models.local_model import MODEL_NAME, LocalModel
from tests.models.scripted_server import CutStream, Drop, MalformedArguments, ScriptedServer, Stall, Status
from tests.replies import ANSWER, LOOK, MESSAGE, QUERY, TABLE, Serve, events_of, sheet, shown_message

BAD_TABLE = says.ToolCall("run_sql", {"sql": "SELECT nothing FROM ledger", "purpose": "This one cannot run at all."})
LIMITED = Status(429, {"retry-after-ms": "1"})


async def asked(opened: Opened, server: ScriptedServer | str, **options: Any) -> tuple[FinishedRun, list[Numbered]]:
    thread = await (await opened(server, **options)).thread()
    run = await thread.send("What did each department spend?")
    events = await events_of(run)
    return await run.finished(), events


def kinds(events: list[Numbered]) -> list[str]:
    return [numbered.event.type for numbered in events]


# the four replies


async def test_a_tool_loop_ends_in_an_answer(serve: Serve, opened: Opened) -> None:
    server = serve(LOOK, says.ToolCall("get_dataset_schema", {"dataset": "ledger"}), QUERY, ANSWER)
    run, events = await asked(opened, server)
    assert isinstance(run.reply, TaskResult)
    assert run.reply.message == MESSAGE
    assert run.reply.result
    assert run.reply.result.rows == (("Finance", 4400.55), ("Sales", 2300.3))
    assert run.reply.files == ("analysis/query_001.parquet",)
    assert (run.status, run.usage.requests, run.usage.tool_calls) == ("succeeded", 4, 3)
    calls = [n.event.name for n in events if isinstance(n.event, ToolCall)]
    results = [n.event for n in events if isinstance(n.event, ToolResult)]
    assert calls == [r.name for r in results] == ["list_datasets", "get_dataset_schema", "execute_sql"]
    assert all(r.elapsed_ms > 0 for r in results)
    seen = server.requests[3].body["messages"]
    assert seen[0]["role"] == "system"
    assert '"row_count":2' in seen[-1]["content"]
    assert '"sample_rows":[["Salaries","Sales"' in seen[-3]["content"]


async def test_a_table_for_review_is_run_in_full(serve: Serve, opened: Opened) -> None:
    run, events = await asked(opened, serve(TABLE))
    assert isinstance(run.reply, RunSQL)
    assert run.reply.result
    assert (run.reply.result.row_count, run.reply.result.file) == (2, "results/result_001.parquet")
    assert list(dict.fromkeys(kinds(events))) == ["run_started", "token", "action_started", "result", "done"]


async def test_a_question_to_the_person(serve: Serve, opened: Opened) -> None:
    call = says.ToolCall("user_interaction", {"message": "Which year?", "choices": ["In 2012", "In 2013"]})
    run, _ = await asked(opened, serve(call))
    assert isinstance(run.reply, UserInteraction)
    assert (run.reply.message, run.reply.choices) == ("Which year?", ("In 2012", "In 2013"))


async def test_a_sheet_from_a_result_file(serve: Serve, opened: Opened, root: Path) -> None:
    run, _ = await asked(opened, serve(QUERY, sheet("analysis/query_001.parquet")))
    assert isinstance(run.reply, WriteSheetFromFile)
    assert run.reply.written
    assert (run.reply.written.file, run.reply.written.range) == ("results/report.xlsx", "A1:B3")
    assert (root / "tiny" / "threads" / run.thread_id / "results" / "report.xlsx").is_file()


async def test_two_queries_at_once_do_not_share_a_file(serve: Serve, opened: Opened) -> None:
    other = says.ToolCall("execute_sql", {"sql": "SELECT count(*) AS n FROM ledger"})
    run, events = await asked(opened, serve([QUERY, other], ANSWER))
    files = {n.event.output["file"] for n in events if isinstance(n.event, ToolResult)}
    assert files == {"analysis/query_001.parquet", "analysis/query_002.parquet"}
    assert isinstance(run.reply, TaskResult)
    assert run.reply.result
    assert [c.name for c in run.reply.result.columns] == ["n"]


# tokens


async def test_tokens_grow_to_the_message_in_batches(make_workbench: Callable[..., Workbench]) -> None:
    call = says.ToolCall("task_result", {"message": MESSAGE * 20})
    with ScriptedServer([call], chunk_delay=0.001) as server:
        thread = await (await make_workbench(server).workspace("tiny")).thread()
        events = await events_of(await thread.send("Tell me a lot"))
    assert shown_message(events) == MESSAGE * 20
    assert 2 < kinds(events).count("token") < 75  # of about 150 pieces, one batch in 30 ms


# errors that the model corrects


async def test_the_model_corrects_an_sql_error(serve: Serve, opened: Opened) -> None:
    server = serve(says.ToolCall("execute_sql", {"sql": "SELECT amont FROM ledger"}), QUERY, ANSWER)
    run, _ = await asked(opened, server)
    assert run.status == "succeeded"
    retry = server.requests[1].body["messages"][-1]
    assert retry["role"] == "tool"
    assert "unknown_column: " in retry["content"]
    assert "amount" in retry["content"]


async def test_the_model_corrects_sql_that_is_not_allowed(serve: Serve, opened: Opened) -> None:
    server = serve(says.ToolCall("execute_sql", {"sql": "COPY ledger TO 'x.csv'"}), QUERY, ANSWER)
    run, _ = await asked(opened, server)
    assert run.status == "succeeded"
    assert "sql_policy_violation: " in server.requests[1].body["messages"][-1]["content"]


async def test_the_model_corrects_an_unknown_dataset_and_a_bad_plan(serve: Serve, opened: Opened) -> None:
    schema = says.ToolCall("get_dataset_schema", {"dataset": "legder"})
    plan = says.ToolCall("execute_query_plan", {"plan": {"table": "nowhere", "select": []}})
    server = serve(schema, plan, QUERY, ANSWER)
    run, _ = await asked(opened, server)
    assert run.status == "succeeded"
    assert "ledger" in server.requests[1].body["messages"][-1]["content"]
    assert "unknown_table: " in server.requests[2].body["messages"][-1]["content"]


async def test_the_model_corrects_sql_for_review_that_cannot_run_and_its_tokens_are_void(
    serve: Serve, opened: Opened
) -> None:
    server = serve(BAD_TABLE, TABLE)
    run, events = await asked(opened, server)
    assert isinstance(run.reply, RunSQL)
    first = next(n.number for n in events if isinstance(n.event, Token))
    assert [n.event.from_ for n in events if isinstance(n.event, Restarted)] == [first]
    assert shown_message(events) == run.reply.purpose
    assert "unknown_column: " in server.requests[1].body["messages"][-1]["content"]


async def test_a_bad_output_beside_a_good_tool_call(serve: Serve, opened: Opened) -> None:
    run, events = await asked(opened, serve([BAD_TABLE, QUERY], ANSWER))
    assert run.status == "succeeded"
    assert shown_message(events) == MESSAGE


async def test_the_model_corrects_malformed_arguments(serve: Serve, opened: Opened) -> None:
    server = serve(
        MalformedArguments("execute_sql", '{"sql": '),
        MalformedArguments("task_result", '{"message": "Half a mess'),
        ANSWER,
    )
    run, events = await asked(opened, server)
    assert run.status == "succeeded"
    assert shown_message(events) == MESSAGE
    assert "the text is not valid JSON" in server.requests[1].body["messages"][-1]["content"]


async def test_the_model_corrects_half_a_character_in_an_answer(serve: Serve, opened: Opened) -> None:
    run, _ = await asked(opened, serve(MalformedArguments("task_result", '{"message": "\\ud83d"}'), ANSWER))
    assert run.status == "succeeded"


async def test_too_many_requests_then_success(serve: Serve, opened: Opened) -> None:
    run, _ = await asked(opened, serve(LIMITED, QUERY, LIMITED, ANSWER))
    assert run.status == "succeeded"


@pytest.mark.parametrize("trouble", [LIMITED, Status(500, {"retry-after-ms": "1"}), Status(503, {"retry-after": "0"})])
async def test_the_server_says_when_to_try_again(
    serve: Serve, opened: Opened, monkeypatch: pytest.MonkeyPatch, trouble: Status
) -> None:
    gives_delay = "retry-after-ms" in trouble.headers  # a zero is ignored: the client's own delay applies
    monkeypatch.setattr(
        "openai._base_client.INITIAL_RETRY_DELAY", 8 if gives_delay else 0.001
    )  # 8: longer than the run may take
    monkeypatch.setattr("openai._base_client.MAX_RETRY_DELAY", 100)
    server = serve(trouble, trouble, QUERY, trouble, ANSWER)
    run, _ = await asked(opened, server, run_timeout=6)
    assert (run.status, run.usage.requests, run.usage.input_tokens) == ("succeeded", 2, 20)
    assert len(server.requests) == 5


async def test_a_dropped_connection_is_tried_again(
    serve: Serve, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.001)
    server = serve(Drop(), Drop(), QUERY, Drop(), ANSWER)
    run, events = await asked(opened, server)
    assert (run.status, run.usage.requests, run.usage.tool_calls) == ("succeeded", 2, 1)
    assert len(server.requests) == 5
    assert shown_message(events) == MESSAGE


async def test_connections_that_are_always_dropped_end_the_run(
    serve: Serve, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.001)
    run, _ = await asked(opened, serve(Drop(), repeat_last=True), model_retries=1)
    assert run.error
    assert run.error.code == "model_unavailable"


# streams that break off


@pytest.mark.parametrize("clean", [False, True], ids=["cut", "ended early"])
async def test_a_request_is_repeated_when_its_stream_breaks_off(serve: Serve, opened: Opened, clean: bool) -> None:
    server = serve(QUERY, CutStream(7, ANSWER, clean), CutStream(4, ANSWER, clean), ANSWER)
    run, events = await asked(opened, server)
    assert isinstance(run.reply, TaskResult)
    assert shown_message(events) == run.reply.message == MESSAGE
    assert kinds(events).count("restarted") == 2
    bodies = [request.body for request in server.requests]
    assert bodies[1] == bodies[2] == bodies[3]
    assert run.usage.tool_calls == 1


async def test_a_stream_that_always_breaks_off_ends_the_run(serve: Serve, opened: Opened) -> None:
    server = serve(CutStream(7, ANSWER), repeat_last=True)
    run, _ = await asked(opened, server)
    assert run.error
    assert run.error.code == "model_unavailable"
    assert server.turns_taken == 3


# what ends a run: the error code, and the advice in the message

PLAIN = says.Text("It is 42.")
ENDINGS: dict[str, tuple[list[Any], dict[str, Any], str, str]] = {
    "wrong key": ([ANSWER], {"openai_api_key": "wrong"}, "model_key_rejected", "Set OPENAI_API_KEY"),
    "unknown model": ([ANSWER], {"model": "openai:gpt-nil"}, "model_unavailable", "Set CFO_MODEL"),
    "rate limit": ([LIMITED], {"model_retries": 1}, "model_unavailable", "429"),
    "server error": ([Status(503, {"retry-after-ms": "1"})], {"model_retries": 1}, "model_unavailable", "503"),
    "refused request": ([Status(400)], {}, "model_unavailable", "CFO_HISTORY_TURNS"),
    "stall": ([Stall(4, ANSWER)], {"model_timeout": 0.2}, "model_unavailable", "CFO_MODEL_TIMEOUT"),
    "no headers": (
        [Stall(headers=False)],
        {"model_timeout": 0.2, "model_retries": 0},
        "model_unavailable",
        "CFO_MODEL_TIMEOUT",
    ),
    "always malformed": ([MalformedArguments("execute_sql", "{")], {}, "model_misbehaved", "reword"),
    "malformed reply": ([MalformedArguments("task_result", "{")], {}, "model_misbehaved", "reword"),
    "words and no reply": ([PLAIN], {}, "model_misbehaved", "reword"),
    "unknown tool": ([says.ToolCall("rm_rf")], {}, "model_misbehaved", "reword"),
    "endless tools": ([LOOK], {"request_limit": 5}, "request_limit_reached", "CFO_REQUEST_LIMIT"),
    "many tools": ([LOOK], {"tool_call_limit": 3}, "tool_call_limit_reached", "CFO_TOOL_CALL_LIMIT"),
    "many tools at once": ([[LOOK] * 9], {"tool_call_limit": 8}, "tool_call_limit_reached", "CFO_TOOL_CALL_LIMIT"),
    "many tokens": ([LOOK], {"token_limit": 44}, "token_limit_reached", "CFO_TOKEN_LIMIT"),
}


@pytest.mark.parametrize("name", ENDINGS)
async def test_a_run_that_fails_says_what_to_do(serve: Serve, opened: Opened, root: Path, name: str) -> None:
    script, options, code, advice = ENDINGS[name]
    server = serve(*script, repeat_last=True, models=["scripted"])
    run, events = await asked(opened, server, **options)
    assert (run.status, run.reply) == ("failed", None)
    assert run.error
    assert run.error.code == code
    assert advice in run.error.message
    assert isinstance(events[-2].event, Error)
    assert isinstance(events[-1].event, Done)
    assert_secret_is_kept(root, run, events)
    if code == "request_limit_reached":
        assert server.turns_taken == 5


async def test_a_missing_key(opened: Opened) -> None:
    run, _ = await asked(opened, "", base_url=None, openai_api_key=None)
    assert run.error
    assert run.error.code == "model_key_missing"
    assert "Set OPENAI_API_KEY" in run.error.message


async def test_a_refused_connection(opened: Opened) -> None:
    run, _ = await asked(opened, "http://127.0.0.1:9/v1", model_retries=0)
    assert run.error
    assert run.error.code == "model_unavailable"
    assert "CFO_BASE_URL" in run.error.message


@pytest.mark.parametrize(
    "address",
    ["http://[::1", "http://127.0.0.1:99999/v1", "http://\u0661.0.0.1/v1", "http://a b/v1", "ftp://a/v1", "//a/v1"],
)
async def test_an_address_that_is_none(opened: Opened, address: str) -> None:
    run, _ = await asked(opened, address)
    assert run.error
    assert run.error.code == "invalid_settings"
    assert "Set CFO_BASE_URL to an address like" in run.error.message


@pytest.mark.parametrize(
    ("name", "value"), [("SSL_CERT_FILE", "/nothing"), ("SSLKEYLOGFILE", "/nothing/x"), ("ALL_PROXY", "socks5://a:1")]
)
async def test_network_settings_that_cannot_be_used(
    opened: Opened, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    run, _ = await asked(opened, "http://127.0.0.1:9/v1", model_retries=0)
    assert run.error
    assert run.error.code == "invalid_settings"
    assert name in run.error.message


@pytest.mark.parametrize("key", ["a\nb", "\u00fcber"])
async def test_a_key_that_cannot_be_sent(opened: Opened, key: str) -> None:
    run, _ = await asked(opened, "http://127.0.0.1:9/v1", openai_api_key=key)
    assert run.error
    assert run.error.code == "invalid_settings"
    assert "OPENAI_API_KEY may contain only" in run.error.message


@pytest.mark.parametrize("model", ["gpt", "openai:", "mistral:x", ""])
async def test_a_malformed_name_of_a_model(opened: Opened, model: str) -> None:
    run, _ = await asked(opened, "http://127.0.0.1:9/v1", model=model)
    assert run.error
    assert run.error.code == "invalid_settings"
    assert "Set it to openai:<name>" in run.error.message


async def test_the_key_goes_to_the_server_and_nowhere_else(serve: Serve, opened: Opened, root: Path) -> None:
    server = serve(QUERY, ANSWER)
    run, events = await asked(opened, server)
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert_secret_is_kept(root, run, events)


def assert_secret_is_kept(root: Path, run: FinishedRun, events: list[Numbered]) -> None:
    assert KEY not in repr(events) + run.model_dump_json()
    written = [path for path in root.rglob("*") if path.is_file()]
    assert any(path.name.startswith("journal.db") for path in written)
    assert any(path.name == "message_history.json" for path in written)
    assert all(KEY.encode() not in path.read_bytes() for path in written)


# a real model


async def test_a_real_small_model_ends_in_a_reply_or_in_a_known_error(opened: Opened) -> None:
    with LocalModel() as local:
        place = await opened(local.base_url, model=f"openai:{MODEL_NAME}", request_limit=2, model_timeout=25)
        run = await (await place.thread()).send("How many rows are there?")
        events = await events_of(run)
    finished = await run.finished()
    if isinstance(events[-2].event, Result):
        assert finished.status == "succeeded"
    else:
        assert finished.error
        assert finished.error.code in {"model_misbehaved", "request_limit_reached", "model_unavailable"}
