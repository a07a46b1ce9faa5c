"""What all components share."""

import asyncio
import threading
from collections.abc import Sequence
from typing import Any, Literal

import pytest
from cfo_widgets.component import Component
from cfo_widgets.wire import Command, CommandResult
from pydantic import TypeAdapter
from typing_extensions import override


class Ping(Command):
    type: Literal["ping"]


class Echo(Component):
    _esm = ""
    commands = TypeAdapter(Ping)

    @override
    async def perform(self, command: Any, buffers: Sequence[memoryview]) -> CommandResult:
        return CommandResult(asyncio.get_running_loop() is self._loop)


async def test_a_page_is_heard_in_another_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """JupyterLab's subshells: the work is done in the loop in which the component was made."""
    echo, sent = Echo(), list[dict[str, Any]]()
    monkeypatch.setattr(echo, "send", lambda content, *_: sent.append(content))
    other = threading.Thread(target=echo._heard, args=(None, {"type": "ping", "request": "1"}, []))
    other.start()
    async with asyncio.timeout(10):
        while not sent:  # noqa: ASYNC110 - the answer tells nobody else
            await asyncio.sleep(0.01)
    assert sent == [{"type": "answer", "request": "1", "value": True}]


async def test_each_component_says_that_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    echo, sent = Echo(), list[dict[str, Any]]()
    monkeypatch.setattr(echo, "send", lambda content, *_: sent.append(content))
    echo._heard(None, {"type": "here", "request": "1"}, [])
    assert sent == [{"type": "answer", "request": "1", "value": None}]
