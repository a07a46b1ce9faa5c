"""A model server that answers immediately, in a separate process so that its work is not measured.

It is stateless: each answer depends only on the conversation in the request, so any number of turns can run at once. A
turn lists the tables, queries them, and answers, in three requests. The question `FIRST_WORD` is answered immediately,
`AT_LENGTH` immediately with a long text, `SLOWLY` one piece at a time for minutes, `ERROR` with an error of 5 MB, and
`SILENCE` never. Each event is sent as one HTTP chunk, as real model servers do.

`python -m tests.bench.model_server` prints its address.
"""

import asyncio
import contextlib
import itertools
import json
import subprocess
import sys
from collections.abc import Generator
from typing import Any

SQL = "SELECT department, sum(amount) AS total FROM ledger GROUP BY ALL ORDER BY ALL"
MESSAGE = "Finance spent 4,400.55 and Sales 2,300.30 in January and February 2012."
QUESTION = "What did each department spend?"
FIRST_WORD = "Say it at once."
AT_LENGTH = "Say it at length."
SLOWLY = "Say it slowly."
ERROR = "Say an error."
SILENCE = "Say nothing."
PACE = 0.02
"""Seconds between two pieces of a slow answer."""
_PIECE = 10
_LONG = "word " * 800
_HEADER = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_PAGE = b"<script>" * 650_000
_ERROR = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s" % (len(_PAGE), _PAGE)
_numbers = itertools.count()


@contextlib.contextmanager
def served() -> Generator[str]:
    """Runs a server during the block, and yields its address."""
    with subprocess.Popen([sys.executable, "-m", __name__], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def _answer(body: dict[str, Any]) -> tuple[str, str] | None:
    """The tool to call with its arguments, or "" with the final text, or None to send nothing."""
    messages = body["messages"]
    asked = max(i for i, m in enumerate(messages) if m["role"] == "user")
    question = json.dumps(messages[asked]["content"])
    if SILENCE in question:
        return None
    step = sum(m["role"] == "assistant" for m in messages[asked:])
    if step == 0 and not any(words in question for words in (FIRST_WORD, AT_LENGTH, SLOWLY)):
        return "list_datasets", "{}"
    if step == 1:
        return "execute_sql", json.dumps({"sql": SQL})
    message = _LONG if AT_LENGTH in question else _LONG * 30 if SLOWLY in question else MESSAGE
    tools = [tool["function"]["name"] for tool in body.get("tools", [])]
    return ("task_result", json.dumps({"message": message})) if "task_result" in tools else ("", message)


def _deltas(tool: str, text: str, number: int) -> list[dict[str, Any]]:
    pieces = [text[at : at + _PIECE] for at in range(0, len(text), _PIECE)]
    opening: dict[str, Any] = {"role": "assistant", "content": None if tool else ""}
    if not tool:
        return [opening, *({"content": piece} for piece in pieces)]
    call = {"index": 0, "id": f"call_{number}", "type": "function", "function": {"name": tool, "arguments": ""}}
    calls = [call, *({"index": 0, "function": {"arguments": piece}} for piece in pieces)]
    return [opening, *({"tool_calls": [each]} for each in calls)]


def _streamed(body: dict[str, Any], tool: str, text: str, *, is_slow: bool) -> list[bytes]:
    """The answer as events, each in one HTTP chunk: in pieces to be sent one by one, or in one piece."""
    number = next(_numbers)
    kind = {"id": f"chatcmpl-{number}", "object": "chat.completion.chunk", "created": 0, "model": body["model"]}
    ends = [{}, "tool_calls" if tool else "stop"]
    choices = [(delta, None) for delta in _deltas(tool, text, number)] + [tuple(ends)]
    events = [{**kind, "choices": [{"index": 0, "delta": d, "finish_reason": end}]} for d, end in choices]
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    events.append({**kind, "choices": [], "usage": usage})
    texts = [f"data: {text}\n\n" for text in (*map(json.dumps, events), "[DONE]")]
    chunks = [f"{len(text):x}\r\n{text}\r\n".encode() for text in (*texts, "")]
    return chunks if is_slow else [b"".join(chunks)]


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Serves all requests of one connection."""
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
            body = json.loads(await reader.readexactly(length))
            if ERROR in json.dumps(body["messages"][-1]):
                writer.write(_ERROR)
                await writer.drain()
                continue
            if (answer := _answer(body)) is None:
                await asyncio.Event().wait()
                continue
            writer.write(_HEADER)
            is_slow = SLOWLY in json.dumps(body["messages"][-1])
            for piece in _streamed(body, *answer, is_slow=is_slow):
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(PACE if is_slow else 0)
    writer.close()


async def _main() -> None:
    server = await asyncio.start_server(_serve, "127.0.0.1", 0, backlog=512, limit=1 << 24)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main())
