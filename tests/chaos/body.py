"""People who write to many threads at once, while the processes that answer them are killed."""

import asyncio
import itertools
import random
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from cfo_kernel.events import Numbered
from cfo_kernel.remote import RemoteWorkbench
from cfo_kernel.remote.api_client import Timeouts
from cfo_kernel.remote.run import RemoteRun
from cfo_kernel.remote.thread import RemoteThread
from cfo_kernel.remote.workspace import RemoteWorkspace
from cfo_kernel.runs.queue import MAX_CRASHES
from tests.chaos.child import POINTS
from tests.chaos.journal import Look, Seen
from tests.chaos.model import SOURCE, Model
from tests.chaos.processes import Process

RETRY_FOR = Timeouts(total=120, silence=20, pause=0.05)
_ENDS = 240.0  # seconds for all that is left, once nobody is killed any more
_BURSTS = (
    ("look", "repair", "append"),
    ("append", "append", "direct"),
    ("table", "continue"),
    ("program", "cut"),
    ("cut", "look", "append"),
)
_AT_POINTS = 0.3  # share of the server's deaths that come at a chosen point
_EARLY = 0.25  # share of the other kills that come while a process begins; the rest when it is at work


@dataclass
class Sent:
    """A message that was accepted, and the events of its run as they came to a client that connects again."""

    kind: str
    marker: str
    thread: RemoteThread
    run: RemoteRun
    events: list[Numbered] = field(default_factory=list[Numbered])

    async def follow(self) -> None:
        async for numbered in self.run.events():
            self.events.append(numbered)


@dataclass
class Report:
    """What happened in one round."""

    seed: int
    kills: int = 0
    kills_at_points: int = 0
    runs: int = 0
    attempts: int = 0
    requests: int = 0
    seconds: float = 0

    def __str__(self) -> str:
        return (
            f"seed {self.seed}: {self.kills} kills ({self.kills_at_points} at chosen points), {self.runs} runs, "
            f"{self.attempts} attempts, {self.requests} model requests, {self.seconds:.0f} s"
        )


class People:
    """They write until they are told to stop; `sent` are the messages in the order of acceptance of each thread."""

    def __init__(self, workspace: RemoteWorkspace, chance: random.Random, *, first: int = 1) -> None:
        self.workspace = workspace
        self._chance = chance
        self._numbers = itertools.count(first)
        self.stop = asyncio.Event()
        self.sent: list[Sent] = []
        self._following: set[asyncio.Task[None]] = set()

    async def write(self) -> None:
        """One person: a thread after the other, in each some messages at once, now and then without waiting."""
        while not self.stop.is_set():
            thread = await self.workspace.thread(key=uuid.uuid4().hex)
            following = [await self.send(thread, "direct"), await self.send(thread, "create")]
            for burst in self._chance.sample(_BURSTS, k=3):
                if self.stop.is_set():
                    break
                if "continue" in burst:
                    await asyncio.gather(*following)
                following += await self._burst(thread, burst)
                if self._chance.random() < 0.7:
                    await asyncio.gather(*following)
            await asyncio.gather(*following)

    def talk(self, kinds: tuple[str, ...]) -> "asyncio.Task[None]":
        """Has these messages sent in a thread of their own, and waits for the ends of their runs."""

        async def work() -> None:
            thread = await self.workspace.thread(key=uuid.uuid4().hex)
            await asyncio.gather(*await self._burst(thread, kinds))

        return asyncio.create_task(work())

    async def _burst(self, thread: RemoteThread, burst: tuple[str, ...]) -> list[asyncio.Task[None]]:
        following: list[asyncio.Task[None]] = []
        for kind in burst:
            if kind == "continue":
                await asyncio.gather(*following)
            following.append(await self.send(thread, kind))
        return following

    async def send(self, thread: RemoteThread, kind: str) -> "asyncio.Task[None]":
        if kind == "continue":
            before = self.sent_in(thread)[-1]
            run = await thread.send(in_reply_to=before.run.id)
            sent = Sent(kind, before.marker, thread, run)
        else:
            marker = f"m{next(self._numbers):04}"
            run = await thread.send(SOURCE if kind == "direct" else f"{kind} [{marker}]")
            sent = Sent(kind, marker, thread, run)
        self.sent.append(sent)
        task = asyncio.create_task(sent.follow(), name=f"follow {run.id}")
        self._following.add(task)
        task.add_done_callback(self._following.discard)
        return task

    def sent_in(self, thread: RemoteThread) -> list[Sent]:
        return [sent for sent in self.sent if sent.thread is thread]


@dataclass
class Chaos:
    """A root, a model, the processes over them; the first is the server at `url`."""

    root: Path
    model: Model
    processes: list[Process]
    url: str
    look: Look
    seed: int
    seen: list[Seen] = field(default_factory=list[Seen])

    def look_now(self) -> None:
        """Keeps what there is, now that a process has died."""
        self.seen.append(self.look.seen(lambda: len(self.model.asked)))

    async def run(self, kills: int, people: int) -> tuple[Report, People]:
        """Has people write, kills so often, then lets all come to its end."""
        begun = time.monotonic()
        report = Report(self.seed)
        chance = random.Random(self.seed)
        for process in self.processes:
            await process.start()
        for process in self.processes:
            await process.ready()
        async with RemoteWorkbench(self.url, timeouts=RETRY_FOR) as far:
            crowd = People(await far.workspace("tiny"), random.Random(chance.random()))
            writing = [asyncio.create_task(crowd.write()) for _ in range(people)]
            try:
                for _ in range(kills):
                    await self._kill_one(chance, report, writing)
                for process in self.processes:
                    if process.point:  # nobody would start it again
                        await process.kill()
                        self.look_now()
                        await process.start()
                crowd.stop.set()
                async with asyncio.timeout(_ENDS):
                    await asyncio.gather(*writing)
            except TimeoutError:
                raise AssertionError(f"{report}: not all ended, the journal has {self.look.runs()}") from None
            finally:
                for task in writing:
                    task.cancel()
                await asyncio.gather(*writing, return_exceptions=True)
        runs = self.look.runs()
        report.runs, report.attempts = len(runs), sum(attempt for _, _, attempt, *_ in runs)
        report.requests, report.seconds = len(self.model.asked), time.monotonic() - begun
        return report, crowd

    async def _kill_one(self, chance: random.Random, report: Report, writing: list["asyncio.Task[None]"]) -> None:
        process = chance.choice(self.processes)
        if process.point:
            with suppress(TimeoutError):  # what the point waits for may not come
                await process.ended(30)
        elif chance.random() < _EARLY:
            await asyncio.sleep(chance.uniform(0.05, 1.5))
        else:
            before = len(self.model.asked)
            await until(
                "the model is asked",
                lambda: len(self.model.asked) > before or any(t.done() for t in writing) or not process.is_alive,
            )
            assert process.is_alive or process.point, f"it ended by itself: {process.last_words}"
            await asyncio.sleep(chance.uniform(0, 1.2))
        # After so many deaths in a row without a step forward a run is given up, which is not what is tested here.
        await until("no run is close to being given up", lambda: self._deaths < MAX_CRASHES - 2 or not process.is_alive)
        if failed := [task for task in writing if task.done() and task.exception()]:
            await failed[0]
        report.kills_at_points += process.point is not None and not process.is_alive
        await process.kill()
        self.look_now()
        report.kills += 1
        # A death is counted when another process takes the run over: this last one is not among them yet.
        may_die_by_itself = process is self.processes[0] and self._deaths < MAX_CRASHES - 3
        at_point = chance.random() < _AT_POINTS and may_die_by_itself
        await process.start(chance.choice(list(POINTS)) if at_point else None)

    @property
    def _deaths(self) -> int:
        """The most processes in a row that died over one open run without a step forward."""
        return max(self.look.deaths(), default=0)


async def until(what: str, happened: Callable[[], bool], within: float = 180) -> None:
    """Waits for what happens in another thread or process; `within` is in seconds."""
    try:
        async with asyncio.timeout(within):
            while not happened():  # noqa: ASYNC110 - it looks at what other threads and processes do
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"waited {within:g} s in vain until {what}") from None
