"""A message from a page that claims to have parts which it does not have never reaches Jupyter's code."""

import struct

import pytest
from cfo_widgets.kernel_messages import is_message
from hypothesis import given
from hypothesis import strategies as st
from jupyter_server.services.kernels.connection.base import deserialize_msg_from_ws_v1, serialize_msg_to_ws_v1

PARTS = [b"{}", b"{}", b"{}", b"{}"]


def frame(*offsets: int, body: bytes = b"") -> bytes:
    return struct.pack(f"<{len(offsets) + 1}Q", len(offsets), *offsets) + body


@pytest.mark.parametrize("buffers", [[], [b""], [b"x" * 1000, b"y"]])
def test_messages_are_accepted(buffers: list[bytes]) -> None:
    assert is_message(serialize_msg_to_ws_v1([*PARTS, *buffers], "shell"))


REFUSED: dict[str, str | bytes] = {
    "text": "{}",
    "nothing": b"",
    "a byte": b"x",
    "no parts": frame(),
    "too few parts": frame(24, 24),
    "parts without end": struct.pack("<Q", 1 << 63) + bytes(5000),
    "as many parts as 64 MB": struct.pack("<Q", 8_000_000) + bytes(64),
    "backwards": frame(99, 98, 97, 96, 95, 94, body=bytes(100)),
    "into the offsets": frame(0, 57, 58, 59, 60, 61, body=bytes(100)),
    "past the end": frame(56, 57, 58, 59, 60, 1 << 40, body=bytes(100)),
    "many parts": frame(*[8 * 2002] * 2001),
}


@pytest.mark.parametrize("name", REFUSED)
def test_anything_else_is_refused(name: str) -> None:
    assert not is_message(REFUSED[name])


@given(st.binary(max_size=200) | st.lists(st.integers(0, 200), max_size=12).map(lambda o: frame(*o, body=bytes(90))))
def test_an_accepted_message_is_divided_into_parts_that_it_contains(sent: bytes) -> None:
    if is_message(sent):
        _, parts = deserialize_msg_from_ws_v1(sent)
        assert len(parts) >= 4
        assert sum(map(len, parts)) <= len(sent)
