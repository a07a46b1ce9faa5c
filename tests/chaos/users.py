"""Simulated users who send messages to many threads at once."""

import asyncio
import itertools
import random
import uuid
from dataclasses import dataclass, field

from cfo_kernel.events import Numbered
from cfo_kernel.remote.run import RemoteRun
from cfo_kernel.remote.thread import RemoteThread
from cfo_kernel.remote.workspace import RemoteWorkspace
from tests.chaos.model import DIRECT_QUERY

_BURSTS = (
    ("look", "repair", "append"),
    ("append", "append", "direct"),
    ("table", "continue"),
    ("program", "cut"),
    ("cut", "look", "append"),
)
"""Kinds of messages that are sent at once. `model.answer` defines what each kind does."""
_WAITS_AFTER_BURST = 0.7  # share of the bursts whose replies a user waits for before sending more


@dataclass
class Sent:
    """An accepted message, and the events of its run as received by a client that reconnects."""

    kind: str
    marker: str
    thread: RemoteThread
    run: RemoteRun
    events: list[Numbered] = field(default_factory=list[Numbered])

    async def follow(self) -> None:
        async for numbered in self.run.events():
            self.events.append(numbered)


class Users:
    """Users of one workspace. `sent` contains their messages, in the order of acceptance within each thread."""

    def __init__(self, workspace: RemoteWorkspace, chance: random.Random, *, first: int = 1) -> None:
        self.workspace = workspace
        self._chance = chance
        self._numbers = itertools.count(first)
        self.stop = asyncio.Event()
        self.sent: list[Sent] = []
        self._following: set[asyncio.Task[None]] = set()

    async def write(self) -> None:
        """Acts as one user: opens thread after thread and sends bursts of messages to each, until `stop` is set."""
        while not self.stop.is_set():
            thread = await self.workspace.thread(key=uuid.uuid4().hex)
            following = [await self.send(thread, "direct"), await self.send(thread, "create")]
            for burst in self._chance.sample(_BURSTS, k=3):
                if self.stop.is_set():
                    break
                if "continue" in burst:
                    await asyncio.gather(*following)
                following += await self._send_burst(thread, burst)
                if self._chance.random() < _WAITS_AFTER_BURST:
                    await asyncio.gather(*following)
            await asyncio.gather(*following)

    def start_thread(self, kinds: tuple[str, ...]) -> "asyncio.Task[None]":
        """Starts a task that sends these messages in a new thread and waits until their runs have ended."""

        async def work() -> None:
            thread = await self.workspace.thread(key=uuid.uuid4().hex)
            await asyncio.gather(*await self._send_burst(thread, kinds))

        return asyncio.create_task(work())

    async def send(self, thread: RemoteThread, kind: str) -> "asyncio.Task[None]":
        """Sends a message, and returns a task that follows its run to the end."""
        if kind == "continue":
            before = self.sent_in(thread)[-1]
            run = await thread.send(in_reply_to=before.run.id)
            sent = Sent(kind, before.marker, thread, run)
        else:
            marker = f"m{next(self._numbers):04}"
            run = await thread.send(DIRECT_QUERY if kind == "direct" else f"{kind} [{marker}]")
            sent = Sent(kind, marker, thread, run)
        self.sent.append(sent)
        task = asyncio.create_task(sent.follow(), name=f"follow {run.id}")
        self._following.add(task)
        task.add_done_callback(self._following.discard)
        return task

    def sent_in(self, thread: RemoteThread) -> list[Sent]:
        return [sent for sent in self.sent if sent.thread is thread]

    async def _send_burst(self, thread: RemoteThread, burst: tuple[str, ...]) -> list[asyncio.Task[None]]:
        following: list[asyncio.Task[None]] = []
        for kind in burst:
            if kind == "continue":
                await asyncio.gather(*following)
            following.append(await self.send(thread, kind))
        return following
