"""The cost of a question: the characters of its first request to the model, and of all its requests.

A scripted model asks about the sample company and works like a model that does not guess: it looks up a table before it
queries it, unless its instructions describe the table.
"""

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from cfo_kernel import Workspace, connect
from tests.bench.company import settings
from tests.bench.report import Figure
from tests.models.scripted_server import Answer, ScriptedServer, Text, ToolCall, _events

_COMPANY = "adventure_works"
_DATA = Path(__file__).parents[2] / "workspaces" / _COMPANY / "data"
GOAL = 9_000
"""Characters of the instructions and the tools, without the description of the data."""


def _join(table: str, key: str) -> dict[str, str]:
    return {"table": table, "left": f"general_ledger.{key}", "right": f"{table}.{key}"}


_ACCOUNTS = _join("accounts", "account_key")
_SCENARIOS = _join("scenarios", "scenario_key")
_DEPARTMENTS = _join("departments", "department_group_key")
_ORGANIZATIONS = _join("organizations", "organization_key")
_ACTUAL = {"column": "scenarios.scenario_name", "value": "Actual"}
_BUDGET = {"column": "scenarios.scenario_name", "value": "Budget"}
_MONTH = {"column": "general_ledger.date", "grain": "month"}
_ORGANIZATION = {"column": "organizations.organization_name", "name": "organization"}


def _account(name: str) -> dict[str, str]:
    return {"column": "accounts.account_description", "value": name}


def _in(period: str) -> dict[str, str]:
    return {"column": "general_ledger.date", "op": "in period", "value": period}


def _sum(*where: dict[str, str]) -> dict[str, Any]:
    summed: dict[str, Any] = {"fn": "sum", "column": "general_ledger.amount"}
    return {**summed, "where": list(where)} if where else summed


def _figure(name: str, expression: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "expression": expression}


def _plan(joins: Sequence[dict[str, str]], filters: Sequence[dict[str, str]], **more: Any) -> ToolCall:
    plan = {"table": "general_ledger", "joins": list(joins), "filters": list(filters), **more}
    return ToolCall("execute_query_plan", {"plan": {"select": [_figure("amount", _sum())], **plan}})


@dataclass(frozen=True)
class Question:
    """A question, the query that answers it, and whether its whole table is delivered."""

    text: str
    query: ToolCall
    is_delivered: bool = False

    @property
    def tables(self) -> set[str]:
        """The tables named in the query."""
        words = {word for word in _TABLES if word in json.dumps(self.query.arguments)}
        return words | {"general_ledger"}


_TABLES = ("general_ledger", "accounts", "departments", "organizations", "scenarios", "currencies", "fx_rates", "dates")
QUESTIONS = (
    Question(
        "total actual amount of Salaries in 2012 by department",
        _plan(
            [_ACCOUNTS, _SCENARIOS, _DEPARTMENTS],
            [_account("Salaries"), _ACTUAL, _in("2012")],
            group_by=[{"column": "departments.department_group_name", "name": "department"}],
        ),
    ),
    Question(
        "Trade Sales by quarter in 2013",
        _plan(
            [_ACCOUNTS, _SCENARIOS],
            [_account("Trade Sales"), _ACTUAL, _in("2013")],
            group_by=[{"column": "general_ledger.date", "grain": "quarter"}],
        ),
    ),
    Question(
        "actual against budget for Commissions by month in 2011",
        _plan(
            [_ACCOUNTS, _SCENARIOS],
            [_account("Commissions"), _in("2011")],
            group_by=[_MONTH],
            select=[
                _figure("actual", _sum(_ACTUAL)),
                _figure("budget", _sum(_BUDGET)),
                _figure("variance_percent", {"percent_change": _sum(_ACTUAL), "base": _sum(_BUDGET)}),
            ],
        ),
    ),
    Question(
        "top 5 organizations by Trade Sales in 2012",
        _plan(
            [_ACCOUNTS, _SCENARIOS, _ORGANIZATIONS],
            [_account("Trade Sales"), _ACTUAL, _in("2012")],
            group_by=[_ORGANIZATION],
            order_by=[{"by": "amount", "direction": "desc"}],
            limit=5,
        ),
    ),
    Question(
        "Headcount by organization in November 2013",
        _plan(
            [_ACCOUNTS, _SCENARIOS, _ORGANIZATIONS],
            [_account("Headcount"), _ACTUAL, _in("2013-11")],
            group_by=[_ORGANIZATION],
            last_of={"column": "general_ledger.date"},
        ),
    ),
    Question(
        "all actual Net Sales of 2012 by month and organization, as a table",
        _plan(
            [_ACCOUNTS, _SCENARIOS, _ORGANIZATIONS],
            [_account("Net Sales"), _ACTUAL, _in("2012")],
            group_by=[_MONTH, _ORGANIZATION],
        ),
        is_delivered=True,
    ),
    Question(
        "the postings of Salaries in 2012 above 80,000",
        ToolCall(
            "execute_sql",
            {
                "sql": "SELECT date, organization_key, amount FROM general_ledger JOIN accounts USING (account_key) "
                "JOIN scenarios USING (scenario_key) WHERE account_description = 'Salaries' "
                "AND scenario_name = 'Actual' AND year(date) = 2012 AND amount > 80000 ORDER BY amount DESC"
            },
        ),
    ),
)


class CarefulModel(ScriptedServer):
    """Answers `QUESTIONS`.

    `sent` contains the JSON of every request, and `results` the tools' results for the queries.
    """

    def __init__(self) -> None:
        super().__init__(())
        self.sent: list[dict[str, Any]] = []

    async def _chat(self, request: Request) -> Response:
        body: dict[str, Any] = await request.json()
        self.sent.append(body)
        answer = next_call(body["messages"])
        parts = [answer] if isinstance(answer, Text | ToolCall) else list(answer)
        number = self.turns_taken = self.turns_taken + 1
        return StreamingResponse(self._send(_events(body, parts, number, None), None), media_type="text/event-stream")


def next_call(messages: Sequence[Mapping[str, Any]]) -> Answer:
    """The model's next step: look up, query, then reply."""
    known = _known(messages)
    question = next(q for q in QUESTIONS if any(m["content"] == q.text for m in messages if m["role"] == "user"))
    called = [call["function"]["name"] for m in messages for call in m.get("tool_calls") or ()]
    if question.query.name in called:
        return _reply(question, json.loads(messages[-1]["content"]))
    missing = sorted(question.tables - known)
    if not missing:
        return question.query
    return [ToolCall("get_dataset_schema", {"dataset": t}) for t in missing] if called else ToolCall("list_datasets")


def _known(messages: Sequence[Mapping[str, Any]]) -> set[str]:
    """The tables described in the instructions, or in the answers of `get_dataset_schema`."""
    instructions = "".join(m["content"] for m in messages if m["role"] == "system")
    asked = [call["function"] for m in messages for call in m.get("tool_calls") or ()]
    described = [json.loads(f["arguments"])["dataset"] for f in asked if f["name"] == "get_dataset_schema"]
    return {table for table in _TABLES if table in instructions or table in described}


def _reply(question: Question, result: Mapping[str, Any]) -> ToolCall:
    if question.is_delivered:
        return ToolCall(
            "run_sql", {"sql": result.get("sql", f"FROM {result['table']}"), "purpose": "Net Sales of 2012."}
        )
    first = ", ".join(map(str, result["rows"][0]))
    return ToolCall("task_result", {"message": f"{result['row_count']} rows. The first one is {first}."})


@dataclass(frozen=True)
class Cost:
    """The characters of a question's requests, in order."""

    question: Question
    requests: list[int] = field(default_factory=list[int])

    @property
    def figure(self) -> Figure:
        first, total, count = self.requests[0], sum(self.requests), len(self.requests)
        return Figure(self.question.text, f"first request {first:,}, all {count} requests {total:,} characters")


def characters(body: Mapping[str, Any]) -> int:
    """The number of characters in a request's messages and tools."""
    return _length(body["messages"]) + _length(body["tools"])


def fixed_characters(body: Mapping[str, Any]) -> int:
    """The characters in every request of every workspace: the instructions and the tools."""
    from cfo_kernel.agent.turn import _PROMPT

    return _length(_PROMPT) + _length(body["tools"])


def _length(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


async def costs(root: Path) -> tuple[int, list[Cost]]:
    """The fixed characters of a request, and the cost of each question. `root` is a folder for the sample company."""
    shutil.copytree(_DATA, root / _COMPANY / "data")
    with CarefulModel() as model:
        async with connect(settings=settings(root, model.base_url)) as bench:
            workspace = await bench.workspace(_COMPANY)
            found = [await _cost(workspace, model, question) for question in QUESTIONS]
        return fixed_characters(model.sent[0]), found


async def _cost(workspace: Workspace, model: CarefulModel, question: Question) -> Cost:
    before = len(model.sent)
    finished = await (await (await workspace.thread()).send(question.text)).finished()
    assert finished.reply, finished.error
    assert finished.reply.kind == ("run_sql" if question.is_delivered else "task_result")
    return Cost(question, [characters(body) for body in model.sent[before:]])


async def measure() -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="cfo-bench-") as folder:
        fixed, found = await costs(Path(folder))
    total = sum(sum(cost.requests) for cost in found)
    return [
        Figure("instructions and tools of each request", f"{fixed:,} characters", f"< {GOAL:,}", fixed < GOAL),
        *(cost.figure for cost in found),
        Figure(f"all {len(found)} questions", f"{total:,} characters"),
    ]
