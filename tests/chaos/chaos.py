"""Kills processes at random moments while users send messages through them."""

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from cfo_kernel.remote import RemoteWorkbench
from cfo_kernel.remote.api_client import Timeouts
from cfo_kernel.runs.queue import MAX_CRASHES
from tests.chaos.crash_points import POINTS
from tests.chaos.model import Model
from tests.chaos.processes import Process
from tests.chaos.snapshots import Snapshot, StoreReader
from tests.chaos.users import Users

TIMEOUTS = Timeouts(total=120, silence=20, pause=0.05)
HANG = 240.0
"""Seconds after which a step is considered hung: many times its duration on a busy machine."""
_AT_POINTS = 0.3  # share of the server's crashes that happen at a chosen point
_EARLY = 0.25  # share of the other kills that come while a process is starting; the rest come while it is working


@dataclass
class Report:
    """The counts of one chaos round."""

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


@dataclass
class Chaos:
    """A root, a model, and the processes that use them. The first process is the server at `url`."""

    root: Path
    model: Model
    processes: list[Process]
    url: str
    stores: StoreReader
    seed: int
    snapshots: list[Snapshot] = field(default_factory=list[Snapshot])

    def take_snapshot(self) -> None:
        """Records what was stored when a process died, so that the invariants can compare it with the final state."""
        self.snapshots.append(self.stores.snapshot(lambda: len(self.model.received)))

    async def run(self, kills: int, users: int) -> tuple[Report, Users]:
        """Kills processes that many times while the users send messages, then lets every run end."""
        started = time.monotonic()
        report = Report(self.seed)
        chance = random.Random(self.seed)
        for process in self.processes:
            await process.start()
        for process in self.processes:
            await process.ready()
        async with RemoteWorkbench(self.url, timeouts=TIMEOUTS) as remote:
            crowd = Users(await remote.workspace("tiny"), random.Random(chance.random()))
            writing = [asyncio.create_task(crowd.write()) for _ in range(users)]
            try:
                for _ in range(kills):
                    await self._kill_one(chance, report, writing)
                await self._disarm()
                crowd.stop.set()
                async with asyncio.timeout(HANG):
                    await asyncio.gather(*writing)
            except TimeoutError:
                raise AssertionError(f"{report}: some runs did not end; the journal has {self.stores.runs()}") from None
            finally:
                for task in writing:
                    task.cancel()
                await asyncio.gather(*writing, return_exceptions=True)
        runs = self.stores.runs()
        report.runs, report.attempts = len(runs), sum(attempt for _, _, attempt, *_ in runs)
        report.requests, report.seconds = len(self.model.received), time.monotonic() - started
        return report, crowd

    async def _disarm(self) -> None:
        """Replaces the processes that would still crash at a point, since nothing would restart them after the last
        kill.
        """
        for process in self.processes:
            if process.point:
                await process.kill()
                self.take_snapshot()
                await process.start()

    async def _kill_one(self, chance: random.Random, report: Report, writing: list["asyncio.Task[None]"]) -> None:
        # A server that has crashed at its point comes first, because no messages arrive while it is down.
        process = next((each for each in self.processes if not each.is_alive), chance.choice(self.processes))
        await self._wait_for_the_moment(process, chance, writing)
        # A run is given up after MAX_CRASHES deaths in a row without progress. Staying below that keeps the test
        # about recovery; giving up has a test of its own.
        await until("no run is close to being given up", lambda: self._deaths < MAX_CRASHES - 2 or not process.is_alive)
        if failed := [task for task in writing if task.done() and task.exception()]:
            await failed[0]
        report.kills_at_points += process.point is not None and not process.is_alive
        await process.kill()
        self.take_snapshot()
        report.kills += 1
        # The journal counts a death when another process takes the run over, so this last one is not counted yet.
        may_crash_again = process is self.processes[0] and self._deaths < MAX_CRASHES - 3
        at_point = chance.random() < _AT_POINTS and may_crash_again
        await process.start(chance.choice(list(POINTS)) if at_point else None)

    async def _wait_for_the_moment(
        self, process: Process, chance: random.Random, writing: list["asyncio.Task[None]"]
    ) -> None:
        """Waits until it is time to kill the process. The delays are random, so that kills hit any step of a run."""
        if process.point:
            with suppress(TimeoutError):  # the work may never reach this point
                await process.ended(30)
        elif chance.random() < _EARLY:
            await asyncio.sleep(chance.uniform(0.05, 1.5))
        else:
            before = len(self.model.received)
            await until(
                "the model gets a request",
                lambda: (
                    len(self.model.received) > before
                    or any(task.done() for task in writing)
                    or not all(each.is_alive for each in self.processes)
                ),
            )
            assert process.is_alive or process.point, f"a process ended that was not killed: {process.log_tail}"
            await asyncio.sleep(chance.uniform(0, 1.2))

    @property
    def _deaths(self) -> int:
        """The highest number of consecutive process deaths over one open run without progress."""
        return max(self.stores.deaths(), default=0)


async def until(what: str, happened: Callable[[], bool], within: float = HANG) -> None:
    """Waits for something that happens in another thread or process; `within` is in seconds."""
    try:
        async with asyncio.timeout(within):
            while not happened():  # noqa: ASYNC110 - other threads and processes set no event of this loop
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"waited {within:g} s in vain until {what}") from None
