"""Normalizes the chunks of a streamed answer, since many servers deviate from OpenAI's definition.

In the normalized chunks, each call has a unique index and id, a name, and each part of its arguments exactly once.
Servers may omit the index or send 0 for all calls, repeat the name or all arguments, change the id, or send a whole
message.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, cast

from cfo_kernel.agent.event_limits import MOST_CALLS
from cfo_kernel.agent.json_texts import as_json, values_in
from cfo_kernel.agent.tool_names import offered_name
from cfo_kernel.agent.usage import token_count
from cfo_kernel.errors import ModelMisbehaved
from cfo_kernel.events import MOST_TOKENS

Json = dict[str, Any]

_COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")
_MOST_COUNTS = 50
"""How many counts a part of the usage can have. OpenAI sends ten at most."""


_LONGEST_NAME = 1000


@dataclass
class _Call:
    index: int
    at: Any
    """The index as sent by the server."""
    id: str
    name: str = ""
    arguments: str = ""

    @property
    def complete(self) -> bool:
        """Whether the arguments are a complete JSON value."""
        return self.arguments.rstrip().endswith(("}", "]", '"')) and bool(values_in(self.arguments))


@dataclass
class ChunkRepair:
    """Repairs the chunks of one answer. `offered` contains the names of the tools in the request."""

    offered: frozenset[str]
    _calls: list[_Call] = field(default_factory=list[_Call])
    _usage: Json | None = None
    _last: Json | None = None
    _has_content: bool = False
    _finished: bool = False

    def chunk(self, data: Json) -> Json:
        """The repaired chunk. Its usage is kept for `rest`, because each usage covers the whole answer so far."""
        repaired = data
        if data.get("usage") is not None:
            self._usage = _usage(data["usage"]) or self._usage
            repaired = {**repaired, "usage": None}
        choices = data.get("choices")
        if isinstance(choices, list) and choices and isinstance(choices[0], dict):
            self._last = data
            choice = self._choice(cast("Json", choices[0]))
            if choice is not choices[0] or len(cast("list[Any]", choices)) > 1:  # one is requested, and one is used
                repaired = {**repaired, "choices": [choice]}
        return repaired

    def rest(self, *, done: bool) -> Iterator[Json]:
        """The final chunks of the answer: a finish reason if the server sent none, and the usage.

        `done` says whether the server marked the end of the stream. If it did not, the answer counts as complete only
        if it has calls and all of them are complete.
        """
        whole = done and (self._has_content or bool(self._calls))
        if not self._finished and (whole or (self._calls and all(call.complete for call in self._calls))):
            reason = "tool_calls" if self._calls else "stop"
            yield {**(self._last or {}), "usage": None, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}
        yield from self.usage()

    def usage(self) -> Iterator[Json]:
        """A chunk with the usage of the answer, if the server counted it."""
        if self._usage:
            yield {**(self._last or {}), "choices": [], "usage": self._usage}

    def _choice(self, choice: Json) -> Json:
        self._finished = self._finished or bool(choice.get("finish_reason"))
        delta: Any = choice.get("delta")
        # A whole message instead of a delta. It is skipped if it repeats the previous deltas.
        if not delta and isinstance(choice.get("message"), dict):
            repeats = self._has_content or bool(self._calls)
            delta = {} if repeats else choice["message"]
            choice = {**choice, "delta": delta}
        if not isinstance(delta, dict):
            return choice
        delta = cast("Json", delta)
        self._has_content = self._has_content or bool(delta.get("content"))
        pieces = delta.get("tool_calls") or delta.get("function_call")
        if not pieces:
            return choice
        pieces = cast("list[Any]", pieces) if isinstance(pieces, list) else [pieces]
        if len(pieces) > MOST_CALLS:
            raise _too_many_calls()
        calls = [each for piece in pieces if isinstance(piece, dict) for each in self._piece(cast("Json", piece))]
        return {**choice, "delta": {**delta, "function_call": None, "tool_calls": calls or None}}

    def _piece(self, piece: Json) -> Iterator[Json]:
        inner = piece.get("function")
        function = cast("Json", inner) if isinstance(inner, dict) else piece
        name, arguments = function.get("name"), function.get("arguments")
        name = name[:_LONGEST_NAME] if isinstance(name, str) else ""
        arguments = "" if arguments == {} else arguments
        written = arguments if isinstance(arguments, str) else "" if arguments is None else as_json(arguments)
        at, id_ = piece.get("index"), piece.get("id")
        id_ = id_[:_LONGEST_NAME] if isinstance(id_, str) else ""
        call = self._continued(at, id_, name, written)
        if call is None:
            if len(self._calls) == MOST_CALLS:
                raise _too_many_calls()
            call = _Call(len(self._calls), at, self._unused(id_))
            self._calls.append(call)
        added = self._more_name(call, name), _more_arguments(call, written)
        call.name, call.arguments = call.name + added[0], call.arguments + added[1]
        known = {"id": call.id} if call.id else {}
        more = {key: each for key, each in piece.items() if key not in ("function", "name", "arguments", "id")}
        function = {"name": added[0] or None, "arguments": added[1] if arguments is not None else None}
        yield {**more, **known, "index": call.index, "function": function}

    def _continued(self, at: Any, id_: str, name: str, written: str) -> _Call | None:
        """The call that the piece belongs to, or None if it begins a new one."""
        if at is not None:
            found = next((call for call in reversed(self._calls) if call.at == at), None)
        elif id_ and (same := [call for call in self._calls if call.id == id_]):
            found = same[-1]
        else:
            found = self._calls[-1] if self._calls and not (name and id_) else None
        if found is None or not name:
            return found
        named = offered_name(found.name, self.offered)
        if not found.arguments and not named:
            return found  # the name arrives in pieces
        if name != found.name and offered_name(name, self.offered) != named:
            return None
        if id_ and id_ == found.id and found.at is not None:
            return found
        # The same tool again: a new call if the previous call's arguments are complete and are not repeated here.
        repeated = (not written or written.startswith(found.arguments)) and id_ in ("", found.id)
        return found if not found.complete or repeated else None

    def _more_name(self, call: _Call, name: str) -> str:
        """The part of the name that the call does not have yet."""
        if not call.name or not name:
            return name
        if len(call.name) > _LONGEST_NAME:
            return ""
        if name.startswith(call.name):
            return name[len(call.name) :]
        return "" if offered_name(call.name, self.offered) else name

    def _unused(self, id_: str) -> str:
        ids = {call.id for call in self._calls}
        number, unused = 2, id_
        while unused and unused in ids:
            number, unused = number + 1, f"{id_}_{number}"
        return unused


def _too_many_calls() -> ModelMisbehaved:
    return ModelMisbehaved(f"The model's answer has more than {MOST_CALLS} tool calls. Ask a narrower question.")


def _more_arguments(call: _Call, written: str) -> str:
    """The part of the arguments that the call does not have yet. Some servers repeat all arguments each time."""
    known = call.arguments
    return written[len(known) :] if known[:1] == "{" and written.startswith(known) else written


def _usage(sent: Any) -> Json | None:
    """The usage as whole numbers, with missing counts derived from the others, or None if the server sent no counts."""
    if not isinstance(sent, dict):
        return None
    sent = cast("Json", sent)
    counts = {name: number for name in _COUNTS if (number := token_count(sent.get(name))) is not None}
    if not counts:
        return None
    given, answered, total = (counts.get(name) for name in _COUNTS)
    if given is None:
        given = max((total or 0) - (answered or 0), 0)
    if answered is None:
        answered = max((total or 0) - given, 0)
    details: Json = _counts({name: each for name, each in sent.items() if isinstance(each, int)}) or {}
    for name in ("prompt_tokens_details", "completion_tokens_details"):
        details[name] = _counts(sent.get(name))
    total = min(total or given + answered, MOST_TOKENS)
    return {**details, **dict(zip(_COUNTS, (given, answered, total), strict=True))}


def _counts(sent: Any) -> Json | None:
    if not isinstance(sent, dict):
        return None
    named = islice(cast("Json", sent).items(), _MOST_COUNTS)
    return {name: number for name, each in named if (number := token_count(each)) is not None}
