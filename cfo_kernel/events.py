"""The events of a run, numbered from 0 without gaps, in the wire format that all front ends use."""

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from cfo_kernel.replies import Reply
from cfo_kernel.values import Value

Outcome = Literal["succeeded", "rejected", "failed", "cancelled"]
Status = Literal["queued", "running", "succeeded", "rejected", "failed", "cancelled"]


class RunStarted(Value):
    """The run has started."""

    type: Literal["run_started"] = "run_started"
    run_id: str
    thread_id: str


class Token(Value):
    """The next piece of the reply's message. The message is not final until `result`."""

    type: Literal["token"] = "token"
    text: str


class ToolCall(Value):
    """The agent has called a tool. `id` identifies the call, since several may be in progress at once."""

    type: Literal["tool_call"] = "tool_call"
    id: str = ""
    name: str
    input: Any


class ToolResult(Value):
    """The result of the tool call `id`. If it `failed`, `output` is the error text given to the model."""

    type: Literal["tool_result"] = "tool_result"
    id: str = ""
    name: str
    output: Any
    elapsed_ms: float
    failed: bool = False


class ActionStarted(Value):
    """The agent has finished, and the engine is performing the action of its reply."""

    type: Literal["action_started"] = "action_started"
    kind: Literal["run_sql", "write_sheet_from_file"]


class Progress(Value):
    """The progress of an action, or, before the first step, of the files that the run waits for. `label` names it.

    Work that takes less than half a second reports no progress. It has ended when `done` equals `total`.
    """

    type: Literal["progress"] = "progress"
    done: float
    total: float
    label: str


class Restarted(Value):
    """The tokens from event `from` on must be discarded: the model's output was cut off or sent back for repair."""

    type: Literal["restarted"] = "restarted"
    from_: int = Field(alias="from", serialization_alias="from")


class Result(Value):
    """The reply of the run."""

    type: Literal["result"] = "result"
    reply: Reply


class Error(Value):
    """The reason why the run has no reply.

    `details` contains JSON values, such as the model server's own error message.
    """

    type: Literal["error"] = "error"
    code: str
    message: str
    details: dict[str, Any] = Field(default_factory=dict[str, Any])


class Usage(Value):
    """The model usage of a run.

    `input_tokens` include the `cached_tokens`, which the model's server had already processed. `cost` is in USD; None
    means unknown, never zero. `model` is the name of the model that answered, as in `CFO_MODEL`, or the names of all
    models that answered, in order.
    """

    requests: int = 0
    tool_calls: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = None
    model: str | None = None


MOST_TOKENS = 10**12
"""The highest count that a run's usage can have. A server that counts more tokens is wrong."""
MOST_COST = 1_000_000.0
"""The highest cost of a run in USD. A cost above it comes from wrong counts, so it counts as unknown."""

NOTHING_USED = Usage(cost=0)
"""The usage of a run before its first model request. The cost is known to be zero."""


class UsageTotals(Usage):
    """The total usage of several finished runs.

    `cost` is the sum of the known costs, or None if no cost is known; `unpriced_runs` counts the runs whose cost is
    unknown. `model` is None.
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
    """An event and its number in the run."""

    number: int
    event: Event


class FinishedRun(Value):
    """A finished run, as `--json` and HTTP return it, with either a reply or an error."""

    thread_id: str
    run_id: str
    status: Status
    reply: Reply | None = None
    error: Error | None = None
    usage: Usage = Usage()
