"""LangChain's agent with its SQLite checkpointer, in the environment that `langchain_peer` creates.

Usage: `python langchain_agent.py URL PARQUET DATABASE`. Each line of standard input is a number: the agent answers that
many questions at once, then prints how many seconds that took.
"""

import asyncio
import json
import sys
import time
import uuid

import duckdb
from langchain.agents import create_agent
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

QUESTION = "What did each department spend?"


async def main(base_url: str, parquet: str, database: str) -> None:
    data = duckdb.connect()
    data.execute(f"CREATE VIEW ledger AS FROM read_parquet('{parquet}')")

    @tool
    async def list_datasets() -> str:
        """Lists the tables."""
        return json.dumps(["ledger"])

    @tool
    async def execute_sql(sql: str) -> str:
        """Runs one SELECT."""
        rows = await asyncio.to_thread(lambda: data.cursor().execute(sql).fetchall())
        return json.dumps(rows, default=str)

    async with AsyncSqliteSaver.from_conn_string(database) as saver:
        model = ChatOpenAI(model="scripted", base_url=base_url, api_key="any", streaming=True)
        agent = create_agent(model, [list_datasets, execute_sql], checkpointer=saver)

        async def answer() -> None:
            config = {"configurable": {"thread_id": uuid.uuid4().hex}}
            asked = {"messages": [{"role": "user", "content": QUESTION}]}
            text = ""
            async for message, _ in agent.astream(asked, config, stream_mode="messages"):
                text += message.content if message.type == "AIMessageChunk" else ""
            assert "4,400.55" in text, text

        while line := await asyncio.to_thread(sys.stdin.readline):
            started = time.perf_counter()
            await asyncio.gather(*(answer() for _ in range(int(line))))
            print(time.perf_counter() - started, flush=True)


asyncio.run(main(*sys.argv[1:]))
