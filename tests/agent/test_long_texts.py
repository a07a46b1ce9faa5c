"""Long texts are searched in steps, and never in the event loop's thread."""

import re
import threading
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cfo_kernel.agent import long_texts, shown_text, written_calls
from cfo_kernel.agent.long_texts import LONG, end_without, matches
from tests.agent.servers.case import QUERY
from tests.agent.servers.wire import RawServer, chunk, one_call
from tests.conftest import KEY, Opened

AB = re.compile("ab{1,3}|b{2,4}")
TAG = re.compile("<a{1,3}>")


@given(st.text("ab ", max_size=40))
def test_the_matches_are_those_of_finditer(text: str) -> None:
    with patch.object(long_texts, "_STEP", 3):
        assert [m.span() for m in matches(AB, text, 4)] == [m.span() for m in AB.finditer(text)]


@given(st.lists(st.sampled_from(["<a>", "<aa>", "<", ">", "x", " ", "\n"]), max_size=12).map("".join))
@example("")
def test_the_end_is_the_one_that_a_pattern_would_find(text: str) -> None:
    text, anchored = text.strip(), re.compile(rf"(?:(?:{TAG.pattern})\s*)+\Z")
    assert text[: end_without(TAG, text, 5)].strip() == anchored.sub("", text, count=1).strip()


def test_a_key_is_found_across_steps() -> None:
    with patch.object(long_texts, "_STEP", 5):
        assert shown_text.without_keys(f"x{KEY}y{'‎'.join(KEY)}", (KEY,)) == "x***y***"


def test_many_tokens_at_the_end_of_a_text_are_read_once() -> None:
    """A pattern with an anchor at its end would restart at each token."""
    read = 0

    def counted(*given: Any) -> Iterator[re.Match[str]]:
        nonlocal read
        for found in matches(*given):
            read += 1
            yield found

    with patch.object(long_texts, "matches", counted):
        assert written_calls.without_thinking("<|a|> " * 5000 + "x").endswith("x")
    assert read == 5000


TEXT = "The total is 6700. " * (3 * LONG // 19)


@pytest.mark.parametrize(
    "answer",
    [
        [one_call("task_result", {"message": TEXT})],
        [
            one_call("execute_sql", {"sql": f"SELECT '{TEXT}' FROM missing"}),
            one_call("task_result", {"message": "Hi."}),
        ],
        [[chunk({"content": TEXT}), chunk({}, "stop")]],
    ],
    ids=["reply", "call", "text"],
)
async def test_a_long_answer_is_searched_outside_the_event_loop(
    opened: Opened, monkeypatch: pytest.MonkeyPatch, answer: list[Any]
) -> None:
    threads: list[bool] = []

    def watched(pattern: re.Pattern[str], text: str, longest: int) -> Iterator[re.Match[str]]:
        if len(text) >= LONG:
            threads.append(threading.current_thread() is threading.main_thread())
        return matches(pattern, text, longest)

    monkeypatch.setattr(shown_text, "matches", watched)
    monkeypatch.setattr(written_calls, "matches", watched)
    async with RawServer() as server:
        server.play([QUERY, *answer])
        thread = await (await opened(server.base_url)).thread()
        finished = await (await thread.send("What is the total?")).finished()
    assert finished.reply, finished.error
    assert threads
    assert not any(threads)
