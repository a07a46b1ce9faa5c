"""Tests what the model sees of a thread whose history contains unreadable messages."""

from typing import Any

import pytest
from pydantic_ai.messages import ModelMessage

from cfo_kernel import RunSQL, TaskResult
from cfo_kernel.agent.window import window
from cfo_kernel.store.history import MessageEntry, RunEntry

ODD: list[list[Any]] = [[1], [{"kind": "poem"}], [{"kind": "request", "parts": [{"part_kind": "smell"}]}], ["x", None]]


def texts(messages: list[ModelMessage]) -> list[str]:
    return [str(getattr(part, "content", "")) for message in messages for part in message.parts]


@pytest.mark.parametrize("odd", ODD)
def test_a_turn_with_unreadable_messages_is_replaced_by_its_texts(odd: list[Any]) -> None:
    entries = [
        MessageEntry(run_id="1", text="What did it cost?"),
        RunEntry(run_id="1", status="succeeded", reply=TaskResult(message="42."), model_messages=odd),
        MessageEntry(run_id="2", text="All of it"),
        RunEntry(run_id="2", status="succeeded", reply=RunSQL(sql="FROM x", purpose="All."), model_messages=odd),
        MessageEntry(run_id="3", text="", in_reply_to="2"),
        RunEntry(run_id="3", status="succeeded", reply=TaskResult(message="Done."), model_messages=odd),
        MessageEntry(run_id="4", text="More"),
        RunEntry(run_id="4", status="failed", model_messages=odd),
    ]
    assert texts(window(entries, 12)) == [
        "What did it cost?", "42.", "All of it", "All.", "(Go on.)", "Done.",
        "More", "(This message got no answer: failed.)",
    ]  # fmt: skip


def test_the_window_begins_with_a_message_of_a_person() -> None:
    entries = [
        MessageEntry(run_id="1", text="What did it cost?"),
        RunEntry(run_id="1", status="succeeded", reply=TaskResult(message="42."), model_messages=[]),
        MessageEntry(run_id="2", text="", in_reply_to="1"),
        RunEntry(run_id="2", status="succeeded", reply=TaskResult(message="Done."), model_messages=[]),
    ]
    assert texts(window(entries, 1)) == ["What did it cost?", "42.", "(Go on.)", "Done."]
