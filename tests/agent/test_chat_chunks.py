"""Calls that a server sends in pieces are put together correctly."""

import json
from collections.abc import Iterable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cfo_kernel.agent.chat_chunks import ChunkRepair

OFFERED = frozenset({"execute_sql", "list_datasets", "task_result"})
Call = tuple[str, str, str]
"""The id, the name and the arguments of a call."""


def put_together(chunks: Iterable[dict[str, Any]]) -> list[Call]:
    """The calls, assembled as OpenAI defines it: by index, and by appending."""
    calls: dict[int, Call] = {}
    for chunk in chunks:
        for choice in chunk["choices"]:
            for piece in choice["delta"].get("tool_calls") or ():
                id_, name, arguments = calls.get(piece["index"], ("", "", ""))
                function = piece["function"]
                calls[piece["index"]] = (
                    id_ or piece.get("id") or "",
                    name + (function["name"] or ""),
                    arguments + (function["arguments"] or ""),
                )
    return list(calls.values())


def repaired(pieces: Iterable[dict[str, Any]]) -> list[Call]:
    repair = ChunkRepair(OFFERED)
    chunks = [repair.chunk({"choices": [{"index": 0, "delta": {"tool_calls": [piece]}}]}) for piece in pieces]
    return put_together([*chunks, *repair.rest(done=True)])


ARGUMENTS = st.dictionaries(st.sampled_from(["sql", "message"]), st.text('ab{}[]"\\ ', max_size=12), min_size=1).map(
    json.dumps
)


@st.composite
def streams(draw: st.DrawFn) -> tuple[list[Call], list[dict[str, Any]]]:
    """Draws calls, and splits them into pieces in one of the ways that have been reported of servers."""
    names = draw(st.lists(st.sampled_from(sorted(OFFERED)), min_size=1, max_size=3))
    calls = [(f"c{number}", name, draw(ARGUMENTS)) for number, name in enumerate(names)]
    index = draw(st.sampled_from(["own", "zero", "none"]))
    ids = draw(st.sampled_from(["first", "every"]))
    named = draw(st.sampled_from(["first", "every"]))
    so_far = draw(st.booleans())
    pieces: list[dict[str, Any]] = []
    for number, (id_, name, arguments) in enumerate(calls):
        cuts = sorted(draw(st.lists(st.integers(0, len(arguments)), max_size=3)))
        for first, (start, end) in enumerate(zip([0, *cuts], [*cuts, len(arguments)], strict=True)):
            function: dict[str, Any] = {"arguments": arguments[0 if so_far else start : end]}
            if named == "every" or first == 0:
                function["name"] = name
            piece: dict[str, Any] = {"function": function}
            if ids == "every" or first == 0:
                piece["id"] = id_
            if index != "none":
                piece["index"] = number if index == "own" else 0
            pieces.append(piece)
    return calls, pieces


@given(streams())
@settings(max_examples=100)
def test_calls_are_put_together_whatever_way_they_are_sent(sent: tuple[list[Call], list[dict[str, Any]]]) -> None:
    calls, pieces = sent
    assert repaired(pieces) == calls


@given(
    st.lists(
        st.recursive(
            st.none() | st.text(max_size=3) | st.integers(),
            lambda each: (
                st.lists(each, max_size=2)
                | st.dictionaries(
                    st.sampled_from(["index", "id", "function", "name", "arguments", "type"]), each, max_size=4
                )
            ),
            max_leaves=8,
        ),
        max_size=4,
    )
)
@settings(max_examples=60)
def test_any_piece_is_taken(pieces: list[Any]) -> None:
    repaired(pieces)


def test_the_pieces_of_a_correct_server_stay_as_they_are() -> None:
    piece = {"index": 0, "id": "a", "type": "function", "function": {"name": "execute_sql", "arguments": ""}}
    chunk = {"choices": [{"index": 0, "delta": {"tool_calls": [piece]}, "finish_reason": None}]}
    assert ChunkRepair(OFFERED).chunk(chunk)["choices"][0]["delta"]["tool_calls"] == [piece]
    text = {"choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": None}]}
    assert ChunkRepair(OFFERED).chunk(text) is text


def test_an_answer_that_broke_off_gets_no_end() -> None:
    for piece, done in (
        ({"content": "Total is"}, False),
        ({}, True),
        ({"tool_calls": [{"function": {"name": "execute_sql", "arguments": '{"s'}}]}, False),
    ):
        repair = ChunkRepair(OFFERED)
        repair.chunk({"choices": [{"index": 0, "delta": piece}]})
        assert list(repair.rest(done=done)) == []
