"""Describes invalid values for users. Pydantic's own messages are written for programmers."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, get_args

from pydantic_core.core_schema import ErrorType

Location = tuple[int | str, ...]
"""The keys and positions that lead to a value."""

_OBJECT = "must consist of keys and values"
_LIST = "must be a list"
_NO_KEY = "is a key that is not text: put quotes around it"
_WHOLE = "must be a whole number"
_DATE = "must be a date, such as 2012-03-31"
_MOMENT = "must be a date with a time, such as 2012-03-31T12:00:00"
_REASONS = {
    "missing": "is missing",
    "extra_forbidden": "is not a known key here",
    "invalid_key": _NO_KEY,
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "int_parsing_size": "is too large",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "list_type": _LIST,
    "tuple_type": _LIST,
    "dict_type": _OBJECT,
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "mapping_type": _OBJECT,
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "union_tag_invalid": "must be of a known kind: {expected_tags}",
    "union_tag_not_found": "must name its kind",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be {ge} or more",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be {le} or less",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "is malformed",
    "too_short": "must have at least {min_length} values",
    "too_long": "must have at most {max_length} values",
    "json_invalid": "is not valid JSON: {error}",
    "json_type": "must be text in JSON",
    "none_required": "must be empty",
    "recursion_loop": "contains itself",
    "date_type": _DATE,
    "date_parsing": _DATE,
    "date_from_datetime_parsing": _DATE,
    "date_from_datetime_inexact": _DATE,
    "datetime_type": _MOMENT,
    "datetime_parsing": _MOMENT,
    "datetime_from_date_parsing": _MOMENT,
    "path_type": "must be a path",
    "value_error": "is not valid: {error}",
}
_OTHERWISE = "is not valid"
_WANTED = "must be "
_PYDANTIC_TYPES = frozenset(get_args(ErrorType))
_SCALARS = frozenset({"bool", "int", "float", "str"})
_NESTED_TYPE = re.compile(r"(union|list|tuple|dict|set|nullable|function-\w+)\[.*\]")
_KEY = "[key]"
"""Pydantic adds these steps to a location: for the types of a union, and for a key. They are not part of the value."""


@dataclass(frozen=True)
class Fault:
    """A fault in the value at a location. It is either a reason, such as `must be text`, or a whole sentence.

    `type` is pydantic's name for the error.
    """

    loc: Location
    type: str
    reason: str
    is_sentence: bool

    @property
    def path(self) -> str:
        return ".".join(map(str, self.loc))[:200]

    def describe(self, name: str) -> str:
        """The fault as a sentence about `name`, without a period."""
        return f"{name}: {self.reason}" if self.is_sentence else f"{name} {self.reason}"


def faults(errors: Iterable[Mapping[str, Any]]) -> list[Fault]:
    """The faults in pydantic's list of errors, one for each location."""
    listed = list(errors)
    steps: dict[Location, set[int | str]] = {}
    for error in listed:
        for i, step in enumerate(error["loc"]):
            steps.setdefault(tuple(error["loc"][:i]), set()).add(step)
    unions = {loc for loc, following in steps.items() if following >= _SCALARS}
    found: dict[Location, list[Fault]] = {}
    for error in listed:
        loc = tuple(_own_steps(error["loc"], unions))
        found.setdefault(loc, []).append(_fault(loc, error))
    return [_one(same) for same in found.values()]


def _own_steps(loc: Location, unions: set[Location]) -> Iterator[int | str]:
    for i, step in enumerate(loc):
        is_type = loc[:i] in unions or (isinstance(step, str) and _NESTED_TYPE.fullmatch(step))
        if not is_type and step != _KEY:
            yield step


def _fault(loc: Location, error: Mapping[str, Any]) -> Fault:
    """The fault for an error. Error types of this package already have a message for users."""
    kind: str = error["type"]
    if error["loc"][-1:] == (_KEY,):
        return Fault(loc, kind, _NO_KEY, is_sentence=False)
    if kind not in _PYDANTIC_TYPES:
        return Fault(loc, kind, error["msg"].rstrip("."), is_sentence=True)
    try:
        reason = _REASONS.get(kind, _OTHERWISE).format_map(error.get("ctx") or {})
    except LookupError:
        reason = _OTHERWISE
    return Fault(loc, kind, reason, is_sentence=False)


def _one(same: list[Fault]) -> Fault:
    """Combines the faults of a value into one. A value that may be one of several types has a fault for each type."""
    reasons = dict.fromkeys(fault.reason for fault in same)
    wanted = [reason.removeprefix(_WANTED) for reason in reasons if reason.startswith(_WANTED)]
    if len(wanted) < 2:
        return same[0]
    return replace(same[0], reason=f"{_WANTED}{', '.join(wanted[:-1])} or {wanted[-1]}", is_sentence=False)
