"""The baseline: the `openai` client in a loop, with DuckDB, storing nothing.

`python -m tests.bench.bare_loop URL PARQUET` answers once, to measure its cold start.
"""

import asyncio
import json
import sys
from typing import Any

import duckdb
from openai import AsyncOpenAI

from tests.bench.model_server import QUESTION

TOOLS: list[Any] = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": properties}}}
    for name, properties in (("list_datasets", {}), ("execute_sql", {"sql": {"type": "string"}}))
]


class BareLoop:
    """Answers the question with a streamed request, like the agent."""

    def __init__(self, base_url: str, parquet: str) -> None:
        self.client = AsyncOpenAI(base_url=base_url, api_key="any")
        self._data = duckdb.connect()
        self._data.execute(f"CREATE VIEW ledger AS FROM read_parquet('{parquet}')")

    async def answer(self, question: str = QUESTION) -> str:
        messages: list[Any] = [{"role": "user", "content": question}]
        while True:
            text, name, arguments, call_id = "", "", "", ""
            stream = await self.client.chat.completions.create(
                model="scripted", messages=messages, tools=TOOLS, stream=True
            )
            async for chunk in stream:
                for delta in (choice.delta for choice in chunk.choices):
                    text += delta.content or ""
                    for call in delta.tool_calls or ():
                        name, call_id = name or call.function.name, call_id or call.id
                        arguments += call.function.arguments or ""
            if not name:
                return text
            called = {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
            messages.append({"role": "assistant", "content": None, "tool_calls": [called]})
            messages.append({"role": "tool", "tool_call_id": call_id, "content": await self._tool(name, arguments)})

    async def _tool(self, name: str, arguments: str) -> str:
        if name == "list_datasets":
            return json.dumps(["ledger"])
        rows = await asyncio.to_thread(lambda: self._data.cursor().execute(json.loads(arguments)["sql"]).fetchall())
        return json.dumps(rows, default=str)


if __name__ == "__main__":
    print(asyncio.run(BareLoop(sys.argv[1], sys.argv[2]).answer()))
