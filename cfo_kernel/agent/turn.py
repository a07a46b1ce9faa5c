"""One turn of the agent: from a message and what came before to one reply, told step by step to a listener."""

import json
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from pydantic_ai import Agent, ModelRequestNode, UsageLimits
from pydantic_ai.exceptions import (
    AgentRunError,
    FallbackExceptionGroup,
    ModelAPIError,
    UsageLimitUnavailableWarning,
)
from pydantic_ai.messages import (
    FunctionToolCallEvent,
    FunctionToolResultEvent,
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelRequest,
    ModelResponse,
    OutputToolResultEvent,
    PartDeltaEvent,
    PartStartEvent,
    ToolCallPart,
    ToolReturnPart,
)
from pydantic_ai.run import AgentRun
from pydantic_core import from_json
from pydantic_graph import End

from cfo_kernel.agent.model_errors import broke_off, nothing_came, translated
from cfo_kernel.agent.models import OpenedModel
from cfo_kernel.agent.outputs import OUTPUTS, SPOKEN
from cfo_kernel.agent.prices import Prices
from cfo_kernel.agent.replay import Replay
from cfo_kernel.agent.run_deps import RunDeps
from cfo_kernel.agent.tools import toolset
from cfo_kernel.agent.usage import OFFLINE, usage_of
from cfo_kernel.errors import ModelMisbehaved
from cfo_kernel.events import Usage
from cfo_kernel.replies import Reply

_RESTARTS = 2
_PROMPT = (Path(__file__).parent / "prompt.md").read_text(encoding="utf-8")
_AGENT: Agent[RunDeps, Reply] = Agent(
    output_type=OUTPUTS,  # pyright: ignore[reportArgumentType] - the four functions return the four replies
    deps_type=RunDeps,
    toolsets=[toolset],
    instructions=_PROMPT,
    retries={"tools": 4, "output": 3},
    capabilities=[Replay()],
    name="analyst",
)
# A server that counts no tokens is not held to their limit, which the settings tell; the cost then is unknown.
warnings.filterwarnings("ignore", category=UsageLimitUnavailableWarning)


class TurnListener(Protocol):
    """Who hears of a turn while it goes on."""

    def token(self, text: str) -> None: ...

    def void_tokens(self) -> None:
        """The tokens of the current answer of the model do not count."""
        ...

    def tool_call(self, call_id: str, name: str, arguments: Any) -> None: ...

    def tool_result(self, call_id: str, name: str, output: Any, elapsed_ms: float, *, failed: bool) -> None: ...

    def used(self, usage: Usage) -> None:
        """What the turn used in all; told at its end, however it ends."""
        ...


@dataclass(frozen=True)
class RunLimits:
    """What a turn may take of its models: answers, tool calls that succeed, and tokens read and written."""

    requests: int
    tool_calls: int
    tokens: int


@dataclass(frozen=True)
class TurnResult:
    """The reply, with the model's messages of this turn; the last is the return of the reply's call."""

    reply: Reply
    messages: list[ModelMessage]

    def as_json(self, outcome: Any = None) -> list[Any]:
        """The messages as JSON, where the reply's call returned `outcome`: what the model reads when it goes on."""
        messages = self.messages
        if outcome is not None and isinstance(last := messages[-1], ModelRequest):
            parts = [
                replace(p, content=outcome) if isinstance(p, ToolReturnPart) and p.tool_name == self.reply.kind else p
                for p in last.parts
            ]
            messages = [*messages[:-1], replace(last, parts=parts)]
        return ModelMessagesTypeAdapter.dump_python(messages, mode="json")


async def run_turn(
    opened: OpenedModel,
    message: str,
    history: Sequence[ModelMessage],
    deps: RunDeps,
    listener: TurnListener,
    limits: RunLimits,
    prices: Prices,
) -> TurnResult:
    """Runs the agent; an empty message goes on from the history.

    Raises a `RunError` of ours, whatever went wrong with the model.
    """
    usage_limits = UsageLimits(
        request_limit=limits.requests,
        tool_calls_limit=limits.tool_calls,
        total_tokens_limit=None if opened.names == (OFFLINE,) else limits.tokens,
    )
    try:
        async with _AGENT.iter(
            message or None, message_history=list(history), deps=deps, model=opened.model, usage_limits=usage_limits
        ) as run:
            turn = _Turn(run, listener)
            try:
                node: Any = run.next_node
                while not isinstance(node, End):
                    node = await turn.step(node)
            finally:
                listener.used(usage_of(run.usage, turn.answers, prices))
    except (AgentRunError, FallbackExceptionGroup) as error:
        raise translated(error, opened.names) from error
    if run.result is None:
        raise ModelMisbehaved("The model's run ended without a reply. Send the message again.")
    return TurnResult(run.result.output, run.result.new_messages())


class _Turn:
    """Walks the agent's graph and tells the listener."""

    def __init__(self, run: AgentRun[RunDeps, Reply], listener: TurnListener) -> None:
        self._run = run
        self._listener = listener
        self._spoken = _Spoken()
        self._begun: dict[str, tuple[str, float]] = {}
        self._broken: list[ModelMessage] = []

    @property
    def answers(self) -> list[ModelResponse]:
        """What the models answered, in the order in which they were asked again or went on."""
        return [m for m in (*self._broken, *self._run.new_messages()) if isinstance(m, ModelResponse)]

    async def step(self, node: Any) -> Any:
        if Agent.is_model_request_node(node):
            return await self._request(node)
        if Agent.is_call_tools_node(node):
            async with node.stream(self._run.ctx) as events:
                async for event in events:
                    self._tool_event(event)
        return await self._run.next(node)

    async def _request(self, node: ModelRequestNode[RunDeps, Reply]) -> Any:
        """Streams a request to the model; one whose answer broke off is sent again.

        Nothing of a broken answer stays in the history, and no tool has run from it.
        """
        state, restarts = self._run.ctx.state, _RESTARTS
        while True:
            kept, step = len(state.message_history), state.run_step
            self._spoken = _Spoken()
            try:
                async with node.stream(self._run.ctx) as events:
                    async for event in events:
                        if text := self._spoken.grown(event):
                            self._listener.token(text)
                return await self._run.next(node)
            except (ModelAPIError, FallbackExceptionGroup) as error:
                if not nothing_came(error):
                    self._broken += state.message_history[kept:]
                del state.message_history[kept:]
                if restarts == 0 or isinstance(error, FallbackExceptionGroup) or not broke_off(error):
                    raise
                restarts -= 1
                state.run_step = step
                node = replace(node)
                if self._spoken.text:
                    self._listener.void_tokens()

    def _tool_event(self, event: Any) -> None:
        match event:
            case FunctionToolCallEvent(part=part):
                self._begun[part.tool_call_id] = (part.tool_name, time.perf_counter())
                self._listener.tool_call(part.tool_call_id, part.tool_name, _arguments(part))
            case FunctionToolResultEvent(part=part):
                name, begun = self._begun.get(part.tool_call_id, (part.tool_name or "", time.perf_counter()))
                elapsed = round((time.perf_counter() - begun) * 1000, 1)
                # Besides a tool's own errors: arguments that do not validate come back as a result to be retried.
                failed = part.outcome != "success"
                self._listener.tool_result(part.tool_call_id, name, part.content, elapsed, failed=failed)
            case OutputToolResultEvent(part=part) if getattr(part, "outcome", "") == "retried" and self._spoken.text:
                self._listener.void_tokens()
            case _:
                pass


class _Spoken:
    """The reply's message while the model writes it as the argument of an output tool."""

    def __init__(self) -> None:
        self.text = ""
        self._written: dict[int, tuple[str, str]] = {}

    def grown(self, event: Any) -> str:
        """What the message grew by with this event."""
        match event:
            case PartStartEvent(index=index, part=ToolCallPart(tool_name=name, args=args)):
                self._written[index] = (name, args if isinstance(args, str) else json.dumps(args or {}) if args else "")
            case PartDeltaEvent(index=index, delta=delta) if index in self._written:
                name, written = self._written[index]
                more = getattr(delta, "args_delta", None)
                self._written[index] = (name, written + more if isinstance(more, str) else written)
            case _:
                return ""
        name, written = self._written[index]
        if name not in SPOKEN or not written:
            return ""
        try:
            arguments = from_json(written, allow_partial="trailing-strings")
        except ValueError:
            return ""
        text = arguments.get(SPOKEN[name], "") if isinstance(arguments, dict) else ""  # pyright: ignore
        if not isinstance(text, str) or not text.startswith(self.text):
            return ""
        grown, self.text = text[len(self.text) :], text
        return grown


def _arguments(part: ToolCallPart) -> Any:
    """A call's arguments for people to read; what is no JSON is shown as it is."""
    try:
        return part.args_as_dict()
    except (ValueError, AssertionError):
        return part.args
