"""Events: the steps of a run as others see them, numbered from 0 without gaps. One wire format for all front ends."""

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from cfo_kernel.replies import Reply
from cfo_kernel.values import Value

Outcome = Literal["succeeded", "rejected", "failed", "cancelled"]
Status = Literal["queued", "running", "succeeded", "rejected", "failed", "cancelled"]


class RunStarted(Value):
    """The run's turn has come."""

    type: Literal["run_started"] = "run_started"
    run_id: str
    thread_id: str


class Token(Value):
    """The growth of the reply's message; it is unchecked until `result`."""

    type: Literal["token"] = "token"
    text: str


class ToolCall(Value):
    """The agent calls a tool; `id` is the call's, for several may be under way at once."""

    type: Literal["tool_call"] = "tool_call"
    id: str = ""
    name: str
    input: Any


class ToolResult(Value):
    """The result of the call `id`; if it `failed`, `output` is the error as the model reads it."""

    type: Literal["tool_result"] = "tool_result"
    id: str = ""
    name: str
    output: Any
    elapsed_ms: float
    failed: bool = False


class ActionStarted(Value):
    """The agent is done; the engine carries out what it asked for."""

    type: Literal["action_started"] = "action_started"
    kind: Literal["run_sql", "write_sheet_from_file"]


class Progress(Value):
    """How far the engine is with what it carries out; only told where that takes more than a moment."""

    type: Literal["progress"] = "progress"
    done: float
    total: float
    label: str


class Restarted(Value):
    """The model's last words are void (repair, or a cut connection): drop the tokens from event `from` on."""

    type: Literal["restarted"] = "restarted"
    from_: int = Field(alias="from", serialization_alias="from")


class Result(Value):
    """The run's reply."""

    type: Literal["result"] = "result"
    reply: Reply


class Error(Value):
    """The run has no reply, and this is why."""

    type: Literal["error"] = "error"
    code: str
    message: str


class Usage(Value):
    """What a run used of its models.

    `input_tokens` include the `cached_tokens`, which the server had read before. `cost` is in USD; None is unknown, and
    never means nothing. `model` is the one that answered, as `CFO_MODEL` names it; several stand in their order.
    """

    requests: int = 0
    tool_calls: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = None
    model: str | None = None


NOTHING_USED = Usage(cost=0)
"""What a run has used before it asks a model; what costs nothing is known to."""


class UsageTotals(Usage):
    """What several finished runs used together.

    `cost` adds up the runs whose cost is known, and is None where that is none of them; `unpriced_runs` counts the
    others. `model` stays None.
    """

    runs: int = 0
    unpriced_runs: int = 0


class Done(Value):
    """The last event of every run."""

    type: Literal["done"] = "done"
    run_id: str
    status: Outcome
    usage: Usage = Usage()


Event = Annotated[
    RunStarted | Token | ToolCall | ToolResult | ActionStarted | Progress | Restarted | Result | Error | Done,
    Field(discriminator="type"),
]
event_adapter: TypeAdapter[Event] = TypeAdapter(Event)


class Numbered(Value):
    """An event with its number in the run."""

    number: int
    event: Event


class FinishedRun(Value):
    """A finished run as `--json` and HTTP give it; without a reply it has an error."""

    thread_id: str
    run_id: str
    status: Status
    reply: Reply | None = None
    error: Error | None = None
    usage: Usage = Usage()
