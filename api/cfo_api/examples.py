"""Examples for the OpenAPI document, keyed by operation name. Together they follow one thread."""

from typing import Any

_WORKSPACE = "adventure_works"
_THREAD = "20260102-030405-0123456789ab"
_RUN = "20260102-030406-ba9876543210"
_AT = "2026-01-02T03:04:05Z"
_SQL = "SELECT department, sum(amount) AS amount FROM ledger GROUP BY department ORDER BY department"

_workspace: dict[str, Any] = {"id": _WORKSPACE, "name": "Adventure Works", "created_at": _AT, "updated_at": _AT}
_thread: dict[str, Any] = {
    "id": _THREAD, "workspace_id": _WORKSPACE, "title": "Salaries by department", "created_at": _AT, "updated_at": _AT,
}  # fmt: skip
_run: dict[str, Any] = {"run_id": _RUN, "thread_id": _THREAD, "status": "running"}
_usage: dict[str, Any] = {"requests": 2, "tool_calls": 1, "input_tokens": 2100, "output_tokens": 180}
_columns = [{"name": "department", "type": "VARCHAR"}, {"name": "amount", "type": "DECIMAL(18,2)"}]
_rows = [["Finance", 4400.55], ["Sales", 2300.3]]
_table: dict[str, Any] = {
    "columns": _columns, "rows": _rows, "row_count": 2, "truncated": False, "file": None, "elapsed_ms": 1.9,
    "query": {"mode": "sql", "sql": _SQL, "plan": None, "python": None}, "notes": [],
}  # fmt: skip
_reply: dict[str, Any] = {
    "kind": "task_result", "message": "Finance has 4,400.55, Sales 2,300.30.",
    "result": {**_table, "file": "results/query_001.parquet"}, "files": [],
}  # fmt: skip
_finished: dict[str, Any] = {
    "thread_id": _THREAD, "run_id": _RUN, "status": "succeeded", "reply": _reply, "error": None, "usage": _usage,
}  # fmt: skip
_dataset: dict[str, Any] = {
    "id": "ledger", "file": "ledger.csv", "version": "9f86d081884c7d65", "size": 312, "problem": None,
    "tables": [{
        "name": "ledger", "dataset": "ledger", "sheet": None, "row_count": 6, "notes": [],
        "columns": [{
            "name": "department", "type": "VARCHAR", "nulls": 0, "distinct": 2, "minimum": "Finance",
            "maximum": "Sales", "values": {"Finance": 3, "Sales": 3},
        }],
    }],
}  # fmt: skip
_glossary: dict[str, Any] = {
    "company": "Adventure Works Cycles", "questions": ["total amount by department"], "problems": [],
    "tables": [{
        "table": "ledger", "name": "General ledger", "description": "One row for each posting.", "synonyms": ["gl"],
        "questions": ["total amount by department"],
        "columns": [{"column": "amount", "name": None, "description": None, "synonyms": ["value"], "note": None}],
    }],
}  # fmt: skip
_meaning: dict[str, Any] = {
    "version": "9f86d081884c7d65", "text": "company: Adventure Works Cycles\n", "problems": [],
    "glossary": {"company": "Adventure Works Cycles", "tables": {}},
    "meaning": {
        "tables": [{
            "table": "ledger", "kind": "fact", "confidence": 0.9, "evidence": ["Each row has a date and an amount."],
            "columns": [{
                "column": "amount", "role": "flow", "confidence": 0.8, "evidence": ["It is negative in some rows."],
            }],
        }],
    },
}  # fmt: skip
_messages = [
    {"who": "person", "run_id": _RUN, "at": _AT, "text": "Salaries by department", "in_reply_to": None},
    {"who": "agent", "run_id": _RUN, "at": _AT, "status": "succeeded", "reply": _reply, "usage": _usage},
]
_EVENTS = (
    f'id: 0\nevent: run_started\ndata: {{"type":"run_started","run_id":"{_RUN}","thread_id":"{_THREAD}"}}\n\n'
    'id: 1\nevent: token\ndata: {"type":"token","text":"Finance has 4,400.55"}\n\n'
    ": heartbeat\n\n"
)
_FILE = "(the bytes of the file)"


def _page(*items: dict[str, Any]) -> dict[str, Any]:
    return {"items": list(items), "next_cursor": None}


ANSWERS: dict[str, Any] = {
    "list_workspaces": _page(_workspace),
    "create_workspace": _workspace,
    "get_workspace": _workspace,
    "rename_workspace": _workspace,
    "list_open_runs": _page(_run),
    "get_glossary": _glossary,
    "get_meaning": _meaning,
    "set_meaning": _meaning,
    "undo_meaning": _meaning,
    "list_meaning_versions": _page(
        {
            "number": 2,
            "version": "9f86d081884c7d65",
            "at": _AT,
            "origin": "edit",
            "difference": "@@ -1 +1 @@\n-company: Adventure Works\n+company: Adventure Works Cycles",
        }
    ),
    "get_workspace_usage": {**_usage, "runs": 1},
    "query_workspace": {"result": _table, "text": None},
    "list_files": _page({"name": "ledger.csv", "size": 312, "modified_at": _AT}),
    "upload_files": {"items": [_dataset]},
    "download_file": _FILE,
    "list_datasets": _page(_dataset),
    "get_dataset_schema": _dataset,
    "download_table": _FILE,
    "list_threads": _page(_thread),
    "create_thread": {"thread": _thread, "run": _run},
    "get_thread": {**_thread, "notice": None, "continues_left": 5},
    "rename_thread": _thread,
    "get_thread_usage": {**_usage, "runs": 1},
    "list_messages": _page(*_messages),
    "send_message": _run,
    "get_result_rows": {"columns": _columns, "rows": _rows, "offset": 0, "row_count": 2, "total": 2},
    "download_result": _FILE,
    "create_run": _run,
    "get_run": _finished,
    "get_run_status": _run,
    "get_run_events": _EVENTS,
    "cancel_run": _run,
    "chat": _finished,
    "chat_stream": _EVENTS,
    "get_health": {"status": "ok"},
    "get_readiness": {"status": "ok"},
}
BODIES: dict[str, Any] = {
    "create_workspace": {"name": "Adventure Works"},
    "rename_workspace": {"name": "Adventure Works Cycles"},
    "query_workspace": {"sql": _SQL},
    "upload_files": {"files": ["ledger.csv"]},
    "set_meaning": {"tables": {"ledger": {"columns": {"amount": {"role": "balance"}, "department": None}}}},
    "unite_files": {"name": "sales", "files": ["sales_2023.csv", "sales_2024.csv"]},
    "create_thread": {"message": "Salaries by department"},
    "rename_thread": {"title": "Salaries"},
    "send_message": {"text": "And in 2012?"},
    "create_run": {"workspace_id": _WORKSPACE, "sql": _SQL},
    "chat": {"workspace_id": _WORKSPACE, "message": "Salaries by department", "timeout": 30},
    "chat_stream": {"workspace_id": _WORKSPACE, "thread_id": _THREAD, "message": "And in 2012?"},
}
LOCATED = dict.fromkeys(("create_thread", "send_message", "create_run", "chat"), f"/runs/{_RUN}")
PARAMETERS: dict[str, Any] = {
    "workspace_id": _WORKSPACE,
    "thread_id": _THREAD,
    "run_id": _RUN,
    "name": "ledger.csv",
    "dataset_id": "ledger",
    "table": "ledger",
    "file": "query_001.parquet",
    "sort": "-amount,department",
    "filter": '[{"column": "department", "op": "=", "value": "Sales"}]',
    "Idempotency-Key": "3f8b2c1e-6c1f-4a52-9a53-2f6a3c0f5d11",
    "If-Match": '"9f86d081884c7d65"',
    "last-event-id": 1,
}
PROBLEMS: dict[int, tuple[str, str]] = {
    401: (
        "token_rejected",
        "This server requires its token. Send it in the header: Authorization: Bearer <CFO_API_TOKEN>.",
    ),
    403: ("foreign_host", "This server can only be reached as localhost. Use that name in the address."),
    404: ("run_not_found", "There is no run 'x'. List the thread's messages to see its run ids."),
    408: ("body_timeout", "The body did not arrive in time. Check the connection and send the request again."),
    409: ("idempotency_mismatch", "This idempotency key was used for another message in this thread. Use a new key."),
    410: (
        "events_pruned",
        "The events of this run were pruned (CFO_JOURNAL_DAYS). Its reply is still among the thread's messages.",
    ),
    412: (
        "meaning_changed",
        "The glossary was changed after you had read it. Read it again, then make your change. What changed:\n"
        "@@ -1 +1 @@\n-company: Adventure Works\n+company: Adventure Works Cycles",
    ),
    413: ("body_too_large", "The body is too large: the limit is 1 MB. Send less, or upload it as a file."),
    422: ("empty_message", "The message is empty. Write a question."),
    428: (
        "meaning_version_missing",
        "A change has to name the version that it changes. Send the ETag as If-Match.",
    ),
    429: (
        "too_many_streams",
        "Too many streams, waiting chats, uploads and downloads are open: 200, the limit for one client "
        "(CFO_CLIENT_STREAM_LIMIT). Close some, or wait until one ends, then try again.",
    ),
    500: ("internal_error", "The server failed, and its log has the details. Try again."),
    503: ("storage_failed", "The disk is full. Free some space, then try again."),
}
"""An example error code and message for each status."""
