"""Problems found by pydantic are described in plain words."""

import re
from typing import Any, Literal, get_args

import pytest
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core.core_schema import ErrorType

from cfo_kernel.data.plan import QueryPlan
from cfo_kernel.validation_errors import Fault, faults

_OF_PYDANTIC = re.compile(r"input should|field required|keys should|extra inputs|validat|unable to|not permitted", re.I)


class _Sample(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    text: str = Field("", min_length=2, max_length=3, pattern="^[a-z]*$")
    count: int = Field(1, ge=1, lt=10)
    kind: Literal["a", "b"] = "a"
    scalar: bool | int | float | str = 1
    many: list[bool | int | float | str] | None = None
    named: dict[str, tuple[int, ...]] = Field(default_factory=dict)


def _found(value: Any, kind: Any = _Sample) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python(value)
    return [fault.describe(fault.path) for fault in faults(caught.value.errors())]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"text": 5}, ["text must be text"]),
        ({"text": "abcd"}, ["text must have at most 3 characters"]),
        ({"text": "AB"}, ["text is malformed"]),
        ({"count": 0}, ["count must be 1 or more"]),
        ({"count": 10}, ["count must be less than 10"]),
        ({"count": "many"}, ["count must be a whole number"]),
        ({"kind": "c"}, ["kind must be 'a' or 'b'"]),
        ({"colour": 1}, ["colour is not a known key here"]),
        ({"scalar": [1]}, ["scalar must be true or false, a whole number, a number or text"]),
        ({"many": [{}]}, ["many.0 must be true or false, a whole number, a number or text"]),
        ({"named": {1: [1]}}, ["named.1 is a key that is not text: put quotes around it"]),
        ({"named": {"str": "x", "int": 1}}, ["named.str must be a list", "named.int must be a list"]),
        ("x", [" must consist of keys and values"]),
    ],
)
def test_a_fault_is_said_plainly(value: Any, expected: list[str]) -> None:
    assert _found(value) == expected


def test_the_types_of_a_union_are_not_part_of_the_path() -> None:
    filters = [{"column": "a", "op": "in", "value": {}}, {"column": "b", "op": "in", "value": [[]]}]
    found = _found(
        {"table": "t", "select": [{"name": "n", "expression": {"fn": "count"}}], "filters": filters}, QueryPlan
    )
    assert [text.partition(" must")[0] for text in found] == ["filters.0.value", "filters.1.value", "filters.1.value.0"]


@pytest.mark.parametrize("kind", get_args(ErrorType))
def test_no_error_is_in_the_words_of_pydantic(kind: str) -> None:
    [fault] = faults([{"type": kind, "loc": ("field",), "msg": "Input should be a valid thing", "ctx": {}}])
    assert not _OF_PYDANTIC.search(fault.reason)
    assert fault.describe("field").startswith("field ")


def test_the_message_of_a_check_of_our_own_is_kept() -> None:
    error = {"type": "plan_invalid", "loc": ("a", 0), "msg": "A list contains null. Leave it out."}
    assert faults([error]) == [Fault(("a", 0), "plan_invalid", "A list contains null. Leave it out", is_sentence=True)]
