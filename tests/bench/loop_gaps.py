"""How long the server blocks its event loop at a time during slow work: files, listeners and large threads."""

import asyncio
import contextlib
import json
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.bench.company import NAME
from tests.bench.listeners import LIMITS, listen, raise_limit, read_to_end, start_run
from tests.bench.model_server import ERROR, QUESTION, SLOWLY
from tests.bench.report import Figure
from tests.bench.serving import Server, serving

GOAL = 0.05
_ROWS = 600_000
_FILES = 100
_TURNS = 100
_LISTENERS = 1500
_Work = Callable[[Server], Awaitable[object]]


async def measure() -> list[Figure]:
    raise_limit()
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "held")
        file.touch()
        async with serving(LIMITS, command=("-m", "tests.bench.watched_loop", str(file), "cfo_api")) as server:
            (await server.client.post("/chat", json={"workspace_id": NAME, "message": QUESTION})).raise_for_status()
            for name, work in _WORKS.items():
                start = len(_held(file))
                await work(server)
                longest = max(_held(file)[start:], key=lambda line: line["processor"], default={})
                seconds = longest.get("processor", 0.0)
                figures.append(Figure(f"loop held: {name}", f"{seconds * 1000:.0f} ms", "below 50 ms", seconds < GOAL))
                if seconds >= GOAL:
                    print(f"{name}: {longest}")
    return figures


def _held(file: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


async def _upload_large(server: Server) -> None:
    rows = "".join(f"2024-01-{n % 28 + 1:02d},account {n % 500},{n * 7 % 9973}.{n % 100:02d}\n" for n in range(_ROWS))
    await _upload(server, {"large.csv": f"Date,Account,Amount\n{rows}"})
    assert (await server.client.post(f"/workspaces/{NAME}/query", json={"sql": "FROM large"})).status_code == 200


async def _upload_many(server: Server) -> None:
    await _upload(server, {f"small {n}.csv": f"Key {n},Value {n}\n{n},2\n" for n in range(_FILES)})
    for page in range(3):
        await server.client.get(f"/workspaces/{NAME}/datasets", params={"limit": 100, "cursor": page or None})


async def _upload(server: Server, files: dict[str, str]) -> None:
    parts = [("files", (name, text.encode())) for name, text in files.items()]
    (await server.client.post(f"/workspaces/{NAME}/data", files=parts)).raise_for_status()


async def _listen_to_one(server: Server) -> None:
    async with contextlib.AsyncExitStack() as stack:
        run = await start_run(server, SLOWLY)
        readers = [await listen(server, run, stack) for _ in range(_LISTENERS)]
        ends = [asyncio.create_task(read_to_end(reader)) for reader in readers]
        await asyncio.sleep(5)
        (await server.client.post(f"/runs/{run}/cancel")).raise_for_status()
        assert len(set(await asyncio.gather(*ends))) == 1


async def _long_thread(server: Server) -> None:
    first = (await server.client.post("/chat", json={"workspace_id": NAME, "message": QUESTION})).json()
    thread = first["thread_id"]
    for _ in range(_TURNS):
        body = {"workspace_id": NAME, "thread_id": thread, "message": QUESTION}
        (await server.client.post("/chat", json=body)).raise_for_status()
    (await server.client.get(f"/threads/{thread}/messages")).raise_for_status()


async def _long_error(server: Server) -> None:
    answer = (await server.client.post("/chat", json={"workspace_id": NAME, "message": ERROR})).json()
    assert answer["status"] == "failed", answer


async def _exports(server: Server) -> None:
    body = {"workspace_id": NAME, "message": "SQL: FROM large"}
    answer = (await server.client.post("/chat", json=body)).json()
    file = f"/threads/{answer['thread_id']}/results/{answer['reply']['result']['file'].rpartition('/')[2]}"
    for format in ("csv", "xlsx"):
        found = await server.client.get(file, params={"format": format})
        assert found.status_code == 200, found.text[:500]


async def _delete(server: Server) -> None:
    names = [f"small {n}.csv" for n in range(_FILES)] + ["large.csv"]
    for name in names:
        await server.client.delete(f"/workspaces/{NAME}/data/{name}")
    (await server.client.delete(f"/workspaces/{NAME}")).raise_for_status()


_WORKS: dict[str, _Work] = {
    "a file of 600,000 rows is uploaded and queried": _upload_large,
    "100 small files are uploaded": _upload_many,
    "a result of 600,000 rows is exported": _exports,
    "1,500 listeners to one run": _listen_to_one,
    "a thread of 100 turns": _long_thread,
    "an error of 5 MB from a model's server": _long_error,
    "files and a workspace are deleted": _delete,
}
