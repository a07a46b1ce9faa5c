import io
import json
import math
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfo_kernel.executors import framing, json_cells


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (5, 5),
        (2**53, 2**53),
        (2**53 + 1, "9007199254740993"),
        (-(2**100), "-1267650600228229401496703205376"),
        (0.1, 0.1),
        (math.nan, None),
        (-math.inf, None),
        (Decimal("1250.50"), 1250.5),
        (Decimal("5"), 5),
        (Decimal("12345678901234567.89"), "12345678901234567.89"),
        (Decimal("9007199254740993"), "9007199254740993"),
        (date(2024, 1, 31), "2024-01-31"),
        (datetime(2024, 1, 31, 10, tzinfo=UTC), "2024-01-31T10:00:00+00:00"),
        (time(10, 30), "10:30:00"),
        (b"\xff\x00", "ff00"),
        ({1: Decimal("0.5"), "b": [math.inf]}, {"1": 0.5, "b": [None]}),
        ((1, "x"), [1, "x"]),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (timedelta(days=1), "1 day, 0:00:00"),
    ],
)
def test_a_cell_becomes_json_without_losing_a_digit(value: object, expected: object) -> None:
    assert json_cells.to_json(value) == expected
    assert type(json_cells.to_json(value)) is type(expected)
    json.dumps(json_cells.to_json(value), allow_nan=False)


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_any_decimal_can_be_read_back(value: Decimal) -> None:
    shown = json_cells.to_json(value)
    assert Decimal(shown if isinstance(shown, str) else repr(shown)) == value


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.none()))
def test_a_frame_is_read_back_unchanged(message: dict[str, object]) -> None:
    stream = io.BytesIO(framing.pack(message) + framing.pack({"next": 1}))
    assert framing.read(stream) == message
    assert framing.read(stream) == {"next": 1}
    assert framing.read(stream) is None


def test_a_frame_refuses_nan() -> None:
    with pytest.raises(ValueError, match="JSON"):
        framing.pack({"value": math.nan})


@pytest.mark.parametrize("kept", [2, 4, 6])
def test_half_a_frame_is_the_end_of_the_stream(kept: int) -> None:
    assert framing.read(io.BytesIO(framing.pack({"op": "query"})[:kept])) is None
