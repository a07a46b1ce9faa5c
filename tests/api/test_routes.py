"""Calls every route as a script would."""

import asyncio
import io
import json
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

from cfo_kernel.runs import journal_sqlite
from tests.api.conftest import Make, speaking_to, until
from tests.processes import processor_time
from tests.replies import ANSWER, MESSAGE, QUERY, Serve
from tests.runs.test_trouble import locked

TOTAL = "SELECT department, sum(amount) AS amount FROM ledger GROUP BY department ORDER BY department"
ROWS = [["Finance", 4400.55], ["Sales", 2300.3]]


async def asked(client: httpx.AsyncClient, message: str = f"SQL: {TOTAL}") -> dict[str, str]:
    """Sends a message, waits for its reply, and returns the run."""
    response = await client.post("/chat", json={"workspace_id": "tiny", "message": message})
    assert response.status_code == 200, response.text
    return response.json()


async def test_a_workspace_from_its_creation_to_its_end(client: httpx.AsyncClient) -> None:
    made = await client.post("/workspaces", json={"name": "My Company"})
    assert (made.status_code, made.json()["id"]) == (201, "my_company")
    assert set(made.json()) == {"id", "name", "created_at", "updated_at"}
    again = await client.post("/workspaces", json={"name": "My Company"})
    assert (again.status_code, again.json()["code"]) == (409, "workspace_exists")
    renamed = await client.patch("/workspaces/my_company", json={"name": "Ours"})
    assert (renamed.status_code, renamed.json()["name"]) == (200, "Ours")
    assert (await client.get("/workspaces/Ours")).json()["id"] == "my_company"
    assert [w["name"] for w in (await client.get("/workspaces")).json()["items"]] == ["Ours", "tiny"]
    assert (await client.delete("/workspaces/my_company")).status_code == 204
    gone = await client.get("/workspaces/my_company")
    assert (gone.status_code, gone.json()["code"]) == (404, "workspace_not_found")
    assert gone.headers["content-type"] == "application/problem+json"


async def test_files_come_and_go(client: httpx.AsyncClient) -> None:
    files = [("files", ("a.csv", b"x,y\n1,2\n")), ("files", ("b ü.csv", b"x\n3\n"))]
    sent = await client.post("/workspaces/tiny/data", files=files)
    assert (sent.status_code, [d["file"] for d in sent.json()["items"]]) == (201, ["a.csv", "b ü.csv"])
    listed = (await client.get("/workspaces/tiny/data")).json()["items"]
    assert [(f["name"], f["size"]) for f in listed][:2] == [("a.csv", 8), ("b ü.csv", 4)]
    back = await client.get("/workspaces/tiny/data/b ü.csv")
    assert back.content == b"x\n3\n"
    assert back.headers["content-disposition"] == "attachment; filename*=utf-8''b%20%C3%BC.csv"
    assert (await client.delete("/workspaces/tiny/data/a.csv")).status_code == 204
    gone = await client.delete("/workspaces/tiny/data/a.csv")
    assert (gone.status_code, gone.json()["code"]) == (404, "file_not_found")


async def test_datasets_tables_and_a_query(client: httpx.AsyncClient) -> None:
    datasets = (await client.get("/workspaces/tiny/datasets")).json()["items"]
    assert [d["id"] for d in datasets] == ["ledger"]
    assert (await client.get("/workspaces/tiny/datasets/ledger/schema")).json() == datasets[0]
    table = await client.get("/workspaces/tiny/tables/ledger")
    assert len(pd.read_parquet(io.BytesIO(table.content))) == 6
    answer = (await client.post("/workspaces/tiny/query", json={"sql": TOTAL})).json()
    assert (answer["result"]["rows"], answer["text"]) == (ROWS, None)
    printed = (await client.post("/workspaces/tiny/query", json={"python": "print('hello')"})).json()
    assert (printed["result"], printed["text"].strip()) == (None, "hello")
    for body in ({}, {"sql": "SELECT 1", "python": "1"}, {"sql": "DROP TABLE ledger"}, {"sql": "SELECT nothing"}):
        refused = await client.post("/workspaces/tiny/query", json=body)
        assert (refused.status_code, "detail" in refused.json()) == (422, True)


async def test_a_thread_from_its_first_message_to_its_end(client: httpx.AsyncClient) -> None:
    first = await client.post("/workspaces/tiny/threads", json={"message": f"SQL: {TOTAL}"})
    assert first.status_code == 202
    thread, run = first.json()["thread"], first.json()["run"]
    assert first.headers["location"] == f"/runs/{run['run_id']}"
    assert run["status"] in ("queued", "running")
    await client.get(f"/runs/{run['run_id']}/events")
    assert (await client.get(f"/runs/{run['run_id']}/status")).json()["status"] == "succeeded"
    assert (await client.get(f"/runs/{run['run_id']}")).json()["reply"]["result"]["rows"] == ROWS
    second = await client.post(f"/threads/{thread['id']}/messages", json={"text": "SQL: SELECT 1 AS one"})
    assert (second.status_code, second.json()["thread_id"]) == (202, thread["id"])
    await client.get(f"/runs/{second.json()['run_id']}/events")
    messages = (await client.get(f"/threads/{thread['id']}/messages")).json()["items"]
    assert [m["who"] for m in messages] == ["person", "agent"] * 2
    renamed = await client.patch(f"/threads/{thread['id']}", json={"title": "Totals"})
    assert renamed.json()["title"] == "Totals"
    shown = (await client.get(f"/threads/{thread['id']}?workspace_id=tiny")).json()
    assert (shown["title"], shown["notice"]) == ("Totals", None)
    assert [t["id"] for t in (await client.get("/workspaces/tiny/threads")).json()["items"]] == [thread["id"]]
    assert (await client.delete(f"/threads/{thread['id']}")).status_code == 204
    assert (await client.get(f"/threads/{thread['id']}")).json()["code"] == "thread_not_found"


async def test_a_model_answers_and_usage_adds_up(make: Make, serve: Serve) -> None:
    async with speaking_to(make(serve(QUERY, ANSWER))) as client:
        run = await asked(client, "Totals")
        assert run["reply"]["message"].startswith(MESSAGE)  # type: ignore[index]
        for address in ("/workspaces/tiny/usage", f"/threads/{run['thread_id']}/usage"):
            usage = (await client.get(address)).json()
            assert (usage["runs"], usage["requests"], usage["tool_calls"]) == (1, 2, 1)


async def test_results_are_downloaded_and_paged(client: httpx.AsyncClient) -> None:
    run = await asked(client, f"SQL: {TOTAL}")
    file = run["reply"]["result"]["file"]  # type: ignore[index]
    results = f"/threads/{run['thread_id']}/results"
    for name in (file, file.removeprefix("results/")):
        frame = pd.read_parquet(io.BytesIO((await client.get(f"{results}/{name}")).content))
        assert [str(amount) for amount in frame["amount"]] == ["4400.55", "2300.30"]
    page = (await client.get(f"{results}/{file}/rows", params={"sort": "-department", "limit": 1})).json()
    assert (page["rows"], page["row_count"], page["total"]) == ([ROWS[1]], 2, 2)
    only = json.dumps([{"column": "department", "op": "=", "value": "Finance"}])
    page = (await client.get(f"{results}/{file}/rows", params={"filter": only})).json()
    assert (page["rows"], page["row_count"], page["total"]) == ([ROWS[0]], 1, 2)
    for params in ({"filter": "{"}, {"filter": "[{}]"}, {"limit": "0"}, {"offset": "-1"}, {"sort": "nothing"}):
        assert (await client.get(f"{results}/{file}/rows", params=params)).status_code == 422, params
    csv = await client.get(f"{results}/{file}", params={"format": "csv", "sort": "-department", "filter": only})
    assert csv.headers["content-disposition"].endswith("-filtered-sorted.csv")
    assert csv.text.splitlines()[1:] == ['"Finance",4400.55']
    for params in ({"format": "csv", "filter": "{"}, {"sort": "department"}, {"format": "csv", "sort": "nothing"}):
        assert (await client.get(f"{results}/{file}", params=params)).status_code == 422, params
    missing = await client.get(f"{results}/nothing.parquet")
    assert (missing.status_code, missing.json()["code"]) == (404, "result_not_found")


async def test_rows_are_sorted_by_a_column_of_any_name(client: httpx.AsyncClient) -> None:
    run = await asked(client, """SQL: SELECT * FROM (VALUES (1, 2), (2, 1)) AS v("-a, b", "[x")""")
    rows = f"/threads/{run['thread_id']}/results/{run['reply']['result']['file']}/rows"  # type: ignore[index]
    for column, descending, expected in (("-a, b", True, [[2, 1], [1, 2]]), ("[x", False, [[2, 1], [1, 2]])):
        sort = json.dumps([{"column": column, "descending": descending}])
        assert (await client.get(rows, params={"sort": sort})).json()["rows"] == expected
    for sort in ("[", "[1]", '[{"column": "nothing"}]', '[{"colum": "[x"}]'):
        assert (await client.get(rows, params={"sort": sort})).status_code == 422, sort


async def test_a_direct_run_in_a_new_thread_and_in_an_old_one(client: httpx.AsyncClient) -> None:
    first = await client.post("/runs", json={"workspace_id": "tiny", "sql": TOTAL})
    assert (first.status_code, first.headers["location"]) == (202, f"/runs/{first.json()['run_id']}")
    thread = first.json()["thread_id"]
    second = await client.post("/runs", json={"workspace_id": "tiny", "thread_id": thread, "python": "print(1)"})
    assert second.json()["thread_id"] == thread
    await client.get(f"/runs/{second.json()['run_id']}/events")
    assert (await client.get(f"/runs/{first.json()['run_id']}")).json()["reply"]["result"]["rows"] == ROWS
    assert (await client.get(f"/runs/{second.json()['run_id']}")).json()["status"] == "succeeded"


async def test_chat_stops_waiting_and_the_run_continues(make: Make, serve: Serve) -> None:
    async with speaking_to(make(serve(QUERY, ANSWER))) as client:
        body = {"workspace_id": "tiny", "message": "Totals", "timeout": 0}
        response = await client.post("/chat", json=body)
        assert (response.status_code, response.json()["reply"]) == (202, None)
        run = response.headers["location"]
        await client.get(f"{run}/events")
        assert (await client.get(run)).json()["status"] == "succeeded"


async def test_a_key_gives_one_run_whatever_is_tried_again(client: httpx.AsyncClient) -> None:
    message = {"message": "SQL: SELECT 1 AS one"}
    chat = {"workspace_id": "tiny", **message}
    for address, body, other in (
        ("/workspaces/tiny/threads", message, {"message": "SQL: SELECT 2 AS two"}),
        ("/runs", {"workspace_id": "tiny", "sql": "SELECT 1 AS one"}, {"workspace_id": "tiny", "sql": "SELECT 2"}),
        ("/chat", chat, {**chat, "message": "SQL: SELECT 2"}),
        ("/chat/stream", chat, {**chat, "message": "SQL: SELECT 2"}),
    ):
        key = {"Idempotency-Key": f"key of {address}"}
        before = len((await client.get("/workspaces/tiny/threads")).json()["items"])
        answers = [await client.post(address, json=body, headers=key) for _ in range(2)]
        assert answers[0].headers["location"] == answers[1].headers["location"]
        assert len((await client.get("/workspaces/tiny/threads")).json()["items"]) == before + 1
        refused = await client.post(address, json=other, headers=key)
        assert (refused.status_code, refused.json()["code"]) == (409, "idempotency_mismatch")


@pytest.mark.parametrize("what", ["threads/{thread}", "workspaces/other"])
async def test_the_key_of_a_thread_that_was_deleted_makes_no_other(client: httpx.AsyncClient, what: str) -> None:
    """Otherwise an empty thread would refer to a run that belonged to another thread."""
    await client.post("/workspaces", json={"name": "Other"})
    first = {"json": {"message": "SQL: SELECT 1 AS one"}, "headers": {"Idempotency-Key": "once"}}
    begun = (await client.post("/workspaces/other/threads", **first)).json()
    deleted = await client.delete(f"/{what.format(thread=begun['thread']['id'])}")
    assert deleted.status_code == 204
    await client.post("/workspaces", json={"name": "Other"})

    again = await client.post("/workspaces/other/threads", **first)
    chat = await client.post(
        "/chat", json={"workspace_id": "other", **first["json"]}, headers={"Idempotency-Key": "once"}
    )

    assert {(r.status_code, r.json()["code"]) for r in (again, chat)} == {(404, "thread_not_found")}
    assert (await client.get("/workspaces/other/threads")).json()["items"] == []


async def test_deleting_a_workspace_stops_its_own_runs_and_no_others(client: httpx.AsyncClient) -> None:
    await client.post("/workspaces", json={"name": "Other"})
    own, others = [
        (await client.post("/runs", json={"workspace_id": workspace, "python": "while True: pass"})).json()["run_id"]
        for workspace in ("other", "tiny")
    ]
    stream = asyncio.create_task(client.get(f"/runs/{own}/events"))
    assert (await client.delete("/workspaces/other")).status_code == 204
    assert '"cancelled"' in (await stream).text
    worked = processor_time()
    await until(lambda: processor_time() > worked + 0.2)
    assert (await client.get(f"/runs/{others}")).json()["status"] == "running"
    await client.post(f"/runs/{others}/cancel")
    assert '"cancelled"' in (await client.get(f"/runs/{others}/events")).text


async def test_a_run_is_cancelled(client: httpx.AsyncClient) -> None:
    slow = "SELECT count(*) FROM range(100000) a, range(1000000) b WHERE (a.range * b.range) % 7 = 1"
    run = (await client.post("/runs", json={"workspace_id": "tiny", "sql": slow})).json()["run_id"]
    assert (await client.post(f"/runs/{run}/cancel")).status_code == 202
    await client.get(f"/runs/{run}/events")
    assert (await client.get(f"/runs/{run}")).json()["status"] == "cancelled"
    assert (await client.post(f"/runs/{run}/cancel")).json()["status"] == "cancelled"


async def test_lists_come_in_pages(client: httpx.AsyncClient) -> None:
    for name in "edcba":
        await client.post("/workspaces", json={"name": name})
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await client.get("/workspaces", params={"limit": 2, **cursor})).json()
        seen += [w["id"] for w in page["items"]]
        if page["next_cursor"] is None:
            break
        for item in page["items"]:  # also the one that the cursor names
            await client.delete(f"/workspaces/{item['id']}")
        cursor = {"cursor": page["next_cursor"]}
    assert seen == ["a", "b", "c", "d", "e", "tiny"]
    for wrong in ("x", "", "WzFd", "é", "W1tdLDFd"):
        refused = await client.get("/workspaces", params={"cursor": wrong})
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_input"), wrong


async def test_a_thread_that_is_used_meanwhile_is_not_listed_twice(client: httpx.AsyncClient) -> None:
    made = [(await asked(client, f"SQL: SELECT {n} AS n"))["thread_id"] for n in range(5)]
    address = "/workspaces/tiny/threads"
    first = (await client.get(address, params={"limit": 2})).json()
    assert [thread["id"] for thread in first["items"]] == made[:2:-1]
    await client.post("/chat", json={"workspace_id": "tiny", "thread_id": made[3], "message": "SQL: SELECT 9 AS n"})
    await asked(client, "SQL: SELECT 6 AS n")
    rest = (await client.get(address, params={"cursor": first["next_cursor"]})).json()
    assert [thread["id"] for thread in rest["items"]] == made[2::-1]


async def test_a_cursor_holds_the_longest_name(client: httpx.AsyncClient) -> None:
    for name in ("\U0001f600" * 99 + "a", "\U0001f600" * 99 + "b"):
        assert (await client.post("/workspaces", json={"name": name})).status_code == 201, name
    page: dict[str, Any] = {"next_cursor": ""}
    seen: list[str] = []
    while page["next_cursor"] is not None:
        cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] else {}
        page = (await client.get("/workspaces", params={"limit": 1, **cursor})).json()
        seen += [workspace["id"] for workspace in page["items"]]
    assert len(seen) == 3


async def test_health(client: httpx.AsyncClient) -> None:
    assert (await client.get("/healthz")).json() == {"status": "ok"}
    assert (await client.get("/readyz")).json() == {"status": "ok"}


async def test_a_server_whose_journal_is_locked_is_not_ready(
    client: httpx.AsyncClient, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_sqlite, "_RETRY_FOR", 0.2)
    assert (await client.get("/readyz")).status_code == 200
    with locked(root / ".cfo" / "journal.db"):
        refused = await client.get("/readyz")
        assert (refused.status_code, refused.json()["code"]) == (503, "storage_failed")
        assert (await client.get("/healthz")).status_code == 200
    assert (await client.get("/readyz")).status_code == 200


async def test_the_meaning_is_changed_only_in_the_version_that_was_read(client: httpx.AsyncClient) -> None:
    path = "/workspaces/tiny/meaning"
    seen = await client.get(path)
    assert (seen.status_code, seen.headers["etag"]) == (200, f'"{seen.json()["version"]}"')
    change = {"tables": {"ledger": {"columns": {"amount": {"role": "balance"}}}}}
    for headers, status, code in (
        ({}, 428, "meaning_version_missing"),
        ({"If-Match": "*"}, 422, "invalid_input"),
        ({"If-Match": '"0123"'}, 412, "meaning_changed"),
    ):
        refused = await client.patch(path, json=change, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (status, code)
    match = {"If-Match": seen.headers["etag"]}
    changed = await client.patch(path, json=change, headers=match)
    assert changed.status_code == 200
    assert changed.headers["etag"] != seen.headers["etag"]
    assert (await client.patch(path, json=change, headers=match)).status_code == 200  # the same request again
    late = await client.patch(path, json={"company": "x"}, headers=match)
    assert (late.status_code, "+        role: balance" in late.json()["detail"]) == (412, True)
    wrong = await client.patch(path, json={"tables": {"x": {}}}, headers={"If-Match": changed.headers["etag"]})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "glossary_name_unknown")
    assert (await client.post(f"{path}/undo", headers=match)).status_code == 412
    undone = await client.post(f"{path}/undo", headers={"If-Match": changed.headers["etag"]})
    assert undone.headers["etag"] == seen.headers["etag"]
    pages = [(await client.get(f"{path}/history", params={"limit": 2})).json()]
    pages.append((await client.get(f"{path}/history", params={"cursor": pages[0]["next_cursor"]})).json())
    assert [one["origin"] for page in pages for one in page["items"]] == ["undo", "edit", "file"]
