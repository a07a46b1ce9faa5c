"""The behavior that all components share."""

import asyncio
import threading
from collections.abc import Sequence
from typing import Any, Literal

import pytest
from cfo_widgets.component import Component
from cfo_widgets.wire import Command, CommandResult
from pydantic import TypeAdapter
from typing_extensions import override

from tests.widgets.fake_page import until


class Probe(Command):
    type: Literal["probe"]


class Echo(Component):
    _esm = ""
    commands = TypeAdapter(Probe)

    @override
    async def perform(self, command: Any, buffers: Sequence[memoryview]) -> CommandResult:
        return CommandResult(asyncio.get_running_loop() is self._loop)


async def test_a_message_from_another_thread_is_handled_in_the_component_s_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """JupyterLab delivers messages in a subshell's thread."""
    echo, sent = Echo(), list[dict[str, Any]]()
    monkeypatch.setattr(echo, "send", lambda content, *_: sent.append(content))
    other = threading.Thread(target=echo._on_message, args=(None, {"type": "probe", "request": "1"}, []))
    other.start()
    await until(lambda: sent)
    assert sent == [{"type": "answer", "request": "1", "value": True}]


@pytest.mark.parametrize(
    "content", [None, 5, "here", [], {}, {"type": 5}, {"type": "here"}, {"type": "probe", "request": []}]
)
async def test_a_message_that_is_no_command_is_refused(content: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    echo, sent = Echo(), list[dict[str, Any]]()
    monkeypatch.setattr(echo, "send", lambda content, *_: sent.append(content))
    echo._on_message(None, content, [])
    [answer] = sent
    assert answer["problem"]["code"] == "invalid_input"
    assert answer["problem"]["message"].startswith("The page sent an unknown command")


async def test_each_component_answers_a_ping(monkeypatch: pytest.MonkeyPatch) -> None:
    echo, sent = Echo(), list[dict[str, Any]]()
    monkeypatch.setattr(echo, "send", lambda content, *_: sent.append(content))
    echo._on_message(None, {"type": "here", "request": "1"}, [])
    assert sent == [{"type": "answer", "request": "1", "value": None}]
