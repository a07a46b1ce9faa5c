"""Runs with servers that reject a request in its usual form, or that keep a client waiting."""

from collections.abc import Callable, Iterator
from typing import Any

from cfo_kernel import TaskResult
from cfo_kernel.agent.plain_schemas import removable
from tests.agent.servers.case import MESSAGE, QUERY, RESULT, TOTAL
from tests.agent.servers.failures import error
from tests.agent.servers.history import assert_history_is_whole
from tests.agent.servers.wire import RawServer, Turn, chunk, one_call
from tests.conftest import Opened


async def test_a_server_that_refuses_a_required_call_is_asked_with_auto(opened: Opened) -> None:
    def without_required(turns: Iterator[Turn]) -> Callable[[dict[str, Any]], Any]:
        refusal = error(400, "Thinking mode does not support this tool_choice", type="invalid_request_error")
        return lambda body: refusal if body.get("tool_choice") == "required" else next(turns)

    async with RawServer([without_required(iter([QUERY, RESULT, RESULT]))]) as server:
        thread = await (await opened(server.base_url, fallback_model=None)).thread()
        reply = await thread.ask("What is the total?")
        assert isinstance(reply, TaskResult)
        assert reply.result
        assert (reply.message, reply.result.rows) == (MESSAGE, TOTAL)
        await thread.ask("And now?")
        # It gets a request with a required call only once.
        assert [body["tool_choice"] for body in server.requests] == ["required", "auto", "auto", "auto"]
        assert_history_is_whole(server.requests)


async def test_a_server_that_thinks_for_long_but_says_so_is_waited_for(opened: Opened) -> None:
    limit = 1.0
    waiting = [b": keep-alive\n\n", limit / 4] * 6
    async with RawServer([[chunk({"role": "assistant"}), *waiting, *QUERY], RESULT]) as server:
        thread = await (await opened(server.base_url, model_timeout=limit, model_retries=0)).thread()
        reply = await thread.ask("What is the total?")
        assert isinstance(reply, TaskResult)
        assert reply.result
        assert (reply.result.rows, len(server.requests)) == (TOTAL, 2)


async def test_a_server_with_plain_schemas_gets_its_plan_understood(opened: Opened) -> None:
    """The server's model writes each value as a string in a list, as the plain schema requires."""
    plan = {
        "table": "ledger",
        "filters": [{"column": "ledger.amount", "op": ">", "value": ["-1000000"]}],
        "select": [{"name": "total", "expression": {"fn": "sum", "column": "ledger.amount"}}],
        "having": [{"measure": "total", "op": ">", "value": ["0"]}],
    }
    turns = iter([one_call("execute_query_plan", plan), RESULT, RESULT])

    def answer(body: dict[str, Any]) -> Any:
        refused = {each for tool in body["tools"] for each in removable(tool["function"].get("parameters"))} - {"enum"}
        return error(400, "The JSON schema has features that the grammar does not support.") if refused else next(turns)

    async with RawServer([answer]) as server:
        thread = await (await opened(server.base_url, fallback_model=None, model_retries=0)).thread()
        reply = await thread.ask("What is the total?")
        assert isinstance(reply, TaskResult)
        assert reply.result
        assert reply.result.rows == TOTAL
        await thread.ask("And now?")
        assert len(server.requests) == 4  # one was refused
