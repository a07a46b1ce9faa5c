"""Tests the analyst through pydantic-ai's model interface: tools, replies, follow-ups and continued runs."""

from typing import Any

import anyio
import pytest
from pydantic_ai import Agent, ModelRetry, ToolOutput
from pydantic_ai.messages import ModelMessage, ToolReturnPart

from cfo_kernel.agent.analyst import offline_model
from cfo_kernel.data.plan import QueryPlan

from .conftest import Company


async def user_interaction(message: str, choices: list[str] | None = None) -> dict[str, Any]:
    return {"tool": "user_interaction", "message": message, "choices": choices}


async def task_result(message: str) -> dict[str, Any]:
    return {"tool": "task_result", "message": message}


async def run_sql(sql: str, purpose: str, chart: str | None = None) -> dict[str, Any]:
    return {"tool": "run_sql", "sql": sql, "purpose": purpose}


async def write_sheet_from_file(source_file: str, workbook: str, sheet: str, purpose: str, mode: str) -> dict[str, Any]:
    return {"tool": "write_sheet_from_file", "source_file": source_file, "workbook": workbook, "sheet": sheet}


OUTPUTS = (user_interaction, task_result, run_sql, write_sheet_from_file)


class Thread:
    """A conversation with the model about a company."""

    def __init__(self, company: Company, *, failing: bool = False) -> None:
        output: Any = [ToolOutput(f, name=f.__name__) for f in OUTPUTS]
        self.agent = Agent(offline_model(company.tables, company.glossary), output_type=output)
        self.history: list[ModelMessage] = []

        @self.agent.tool_plain
        def execute_query_plan(plan: QueryPlan) -> dict[str, Any]:
            if failing:
                raise ModelRetry("query_timeout: the query took too long")
            return company.run(plan)

        @self.agent.tool_plain
        def list_datasets() -> list[str]:
            return []

        @self.agent.tool_plain
        def get_dataset_schema(dataset: str) -> dict[str, str]:
            return {"dataset": dataset}

    def send(self, text: str | None, *, stream: bool = False) -> dict[str, Any]:
        async def go() -> dict[str, Any]:
            if not stream:
                result = await self.agent.run(text, message_history=self.history)
                self.history = result.all_messages()
                return result.output
            async with self.agent.iter(text, message_history=self.history) as run:
                async for node in run:
                    if Agent.is_model_request_node(node):
                        async with node.stream(run.ctx) as events:
                            async for _ in events:
                                pass
            assert run.result is not None
            self.history = run.result.all_messages()
            return run.result.output

        return anyio.run(go)


@pytest.mark.parametrize("stream", [False, True])
def test_a_question_is_answered(shop: Company, stream: bool) -> None:
    reply = Thread(shop).send("revenue in 2023", stream=stream)
    assert reply["tool"] == "task_result"
    assert "3,000" in reply["message"]


def test_a_short_question_takes_over_the_one_before(shop: Company) -> None:
    thread = Thread(shop)
    thread.send("revenue by region in 2023")
    assert "'revenue by region in 2024'" in thread.send("and in 2024?")["message"]
    assert thread.send("what about bananas?")["tool"] == "user_interaction"


def test_a_short_question_alone_is_asked_back(shop: Company) -> None:
    assert Thread(shop).send("and in 2024?")["tool"] == "user_interaction"


def test_a_result_goes_into_a_sheet(shop: Company) -> None:
    thread = Thread(shop)
    assert thread.send("put that into a sheet named Regions")["tool"] == "user_interaction"
    thread.send("revenue by region in 2023")
    reply = thread.send("put that into a sheet named Regions")
    assert (reply["source_file"], reply["sheet"]) == ("analysis/query_001.parquet", "Regions")


@pytest.mark.parametrize(
    ("text", "part"),
    [("hello", "stores"), ("which tables are there?", "sales"), ("what columns does sales have", "quantity")],
)
def test_help(shop: Company, text: str, part: str) -> None:
    reply = Thread(shop).send(text)
    assert reply["tool"] == "task_result"
    assert part in reply["message"]


def test_a_failing_tool_is_reported(shop: Company) -> None:
    reply = Thread(shop, failing=True).send("revenue in 2023")
    assert reply["tool"] == "user_interaction"
    assert "took too long" in reply["message"]


@pytest.mark.parametrize(
    ("outcome", "tool", "part"),
    [
        (
            {"columns": [{"name": "day"}], "rows": [], "row_count": 366, "file": "results/r.parquet"},
            "task_result",
            "366",
        ),
        ({"error": {"message": "out of memory"}}, "user_interaction", "out of memory"),
    ],
)
def test_a_continued_run_sums_up_the_outcome(sample: Company, outcome: dict[str, Any], tool: str, part: str) -> None:
    thread = Thread(sample)
    assert thread.send("average rate of the Euro in 2012 by day")["tool"] == "run_sql"
    last = thread.history[-1].parts[-1]
    assert isinstance(last, ToolReturnPart)
    last.content = outcome
    reply = thread.send(None)
    assert reply["tool"] == tool
    assert part in reply["message"]
