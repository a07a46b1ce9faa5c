"""Joins chunks of an answer that have arrived together.

Each chunk passes through many layers of pydantic-ai, which takes longer than all other work on the chunk. Several
chunks arrive together if the server is fast, or if this process is busy with other turns. A chunk that arrives alone is
passed on at once.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

_TEXTS = ("content", "reasoning_content", "reasoning")
_ADDS_NOTHING = frozenset(("id", "index", "type", "role"))
"""Fields that some servers repeat in each chunk."""


@dataclass
class _Text:
    """The text that a chunk adds, stored at `holder[key]`.

    `place` identifies the text of the answer that it continues.
    """

    place: object
    holder: Json
    key: str


def joined(chunks: Iterable[object]) -> Iterator[object]:
    """The same answer in fewer chunks. A chunk that only continues the previous chunk's text is joined to it."""
    last: object = None
    text: _Text | None = None
    for chunk in chunks:
        more = _text(chunk)
        if text and more and more.place == text.place and not more.holder.get("name"):
            text.holder[text.key] = (text.holder[text.key] or "") + more.holder[more.key]
            continue
        if last is not None:
            yield last
        last, text = chunk, more
    if last is not None:
        yield last


def _text(chunk: Any) -> _Text | None:
    """The chunk's text, or None if it adds anything else. The first arguments of a call come with the call's name."""
    match chunk:
        case {
            "choices": [
                {
                    "delta": {"tool_calls": [{"function": {"arguments": str()} as function, **call}], **delta},
                    **choice,
                }
            ],
            **rest,
        }:
            holder, key = function, "arguments"
            others = [call, delta, choice, {**function, "name": None, key: None}]
        case {"choices": [{"delta": {} as delta, **choice}], **rest}:
            holder, call = delta, {}
            key = next((name for name in _TEXTS if isinstance(holder.get(name), str) and holder[name]), "")
            others = [choice, {**delta, key: None}]
        case _:
            return None
    if not key or rest.get("usage") or any(map(_adds, others)):
        return None
    rest.pop("obfuscation", None)  # padding that differs in each chunk
    return _Text((rest, choice.get("index"), call.get("index"), key), holder, key)


def _adds(part: Json) -> bool:
    return any(value for name, value in part.items() if name not in _ADDS_NOTHING)
