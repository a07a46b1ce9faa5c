"""A turn of three model requests: durable, not durable, in the bare `openai` loop, and in LangChain's agent.

The four alternate, so that the machine's load is the same for all. The figures are medians.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median

from cfo_kernel import Workspace, connect
from cfo_kernel.agent.models import Models
from cfo_kernel.agent.prices import Prices
from cfo_kernel.agent.replay_log import EmptyReplayLog
from cfo_kernel.agent.run_deps import RunDeps
from cfo_kernel.agent.turn import RunLimits, run_turn
from cfo_kernel.data.workspace_data import WorkspaceData
from cfo_kernel.events import Usage
from tests.bench.bare_loop import BareLoop
from tests.bench.company import NAME, ingest, new_root, settings
from tests.bench.langchain_peer import langchain
from tests.bench.model_server import MESSAGE, QUESTION, served
from tests.bench.report import Figure

ROUNDS = 20
AT_ONCE = 50
BATCHES = 3
Answer = Callable[[], Awaitable[object]]
Seconds = Callable[[int], Awaitable[float]]
"""Returns how long it takes to give this many answers at once."""


class _NullListener:
    """A listener that ignores all events."""

    def token(self, text: str) -> None: ...
    def void_tokens(self) -> None: ...
    def tool_call(self, call_id: str, name: str, arguments: object) -> None: ...
    def tool_result(self, call_id: str, name: str, output: object, elapsed_ms: float, *, failed: bool) -> None: ...
    def used(self, usage: Usage) -> None: ...


async def measure() -> list[Figure]:
    async with AsyncExitStack() as stack:
        root, base_url = stack.enter_context(new_root()), stack.enter_context(served())
        await ingest(root, base_url)
        known = settings(root, base_url)
        bench = await stack.enter_async_context(connect(settings=known))
        workspace_data = WorkspaceData(root / NAME, query_timeout=30, ingest_timeout=60)
        stack.push_async_callback(workspace_data.close)
        models = Models(known)
        stack.push_async_callback(models.close)
        bare = BareLoop(base_url, str(root / "ledger.parquet"))
        peer = await stack.enter_async_context(langchain(base_url, root / "ledger.parquet"))
        workspace = await bench.workspace(NAME)
        ways: dict[str, Seconds] = {
            "bare": _timed(bare.answer),
            "agent": _timed(lambda: _without_durability(workspace_data, models, root)),
            "durable": _timed(lambda: _durable(workspace)),
        }
        if peer is not None:
            ways["langchain"] = peer.seconds
        one, many = await _alternate(ways, 1, ROUNDS), await _alternate(ways, AT_ONCE, BATCHES)
        return [*_one_turn(one), *_many_turns(many)]


def _one_turn(seconds: dict[str, float]) -> list[Figure]:
    durable, bare, agent = (seconds[way] for way in ("durable", "bare", "agent"))
    what = "durable 3-call turn"
    figures = [
        Figure(f"{what} / bare openai loop", f"{durable / bare:.2f}x  ({durable * 1000:.1f}, {bare * 1000:.1f} ms)"),
        Figure(
            f"{what} / same agent, nothing durable",
            f"{durable / agent:.2f}x  ({agent * 1000:.1f} ms)",
            "< 1.15x",
            durable < 1.15 * agent,
        ),
    ]
    if (theirs := seconds.get("langchain")) is None:
        return [
            *figures,
            Figure(f"{what} / LangChain", "not measured: it could not be installed, or did not answer", "< 1x"),
        ]
    result = f"{durable / theirs:.2f}x  ({theirs * 1000:.1f} ms, itself {theirs / bare:.2f}x bare)"
    return [*figures, Figure(f"{what} / LangChain with checkpointer", result, "< 1x", durable < theirs)]


def _many_turns(seconds: dict[str, float]) -> list[Figure]:
    rates = {way: AT_ONCE / taken for way, taken in seconds.items()}
    others = ", ".join(f"{way} {rate:.0f}" for way, rate in rates.items() if way != "durable")
    ours = rates["durable"]
    return [Figure(f"{AT_ONCE} turns at once", f"{ours:.0f} turns/s  ({others})", ">= 50 turns/s", ours >= 50)]


async def _alternate(ways: dict[str, Seconds], at_once: int, rounds: int) -> dict[str, float]:
    """The median seconds of each variant. The first round is a warm-up and is not counted."""
    seconds_of: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds + 1):
        for way, seconds in ways.items():
            seconds_of[way].append(await seconds(at_once))
    return {way: median(each[1:]) for way, each in seconds_of.items()}


def _timed(answer: Answer) -> Seconds:
    async def seconds(at_once: int) -> float:
        started = time.perf_counter()
        await asyncio.gather(*(answer() for _ in range(at_once)))
        return time.perf_counter() - started

    return seconds


async def _durable(workspace: Workspace) -> None:
    finished = await (await (await workspace.thread()).send(QUESTION)).finished()
    assert finished.reply, finished.error
    assert finished.reply.message == MESSAGE


async def _without_durability(workspace_data: WorkspaceData, models: Models, folder: Path) -> None:
    """Does what `runs.execution` does, but stores nothing and has no listener."""
    schema = await workspace_data.schema()
    deps = RunDeps(workspace_data, schema, folder, EmptyReplayLog())
    limits = RunLimits(20, 50, 400_000)
    answer = await run_turn(models.opened(schema), QUESTION, [], deps, _NullListener(), limits, Prices())
    assert answer.reply.message == MESSAGE
