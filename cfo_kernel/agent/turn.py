"""One turn of the agent: from a message and the history to one reply. A listener follows it step by step."""

import json
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, cast

from pydantic_ai import Agent, ModelRequestNode, UsageLimits
from pydantic_ai.exceptions import (
    AgentRunError,
    FallbackExceptionGroup,
    ModelAPIError,
    UnexpectedModelBehavior,
    UsageLimitUnavailableWarning,
)
from pydantic_ai.messages import (
    FunctionToolCallEvent,
    FunctionToolResultEvent,
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelRequest,
    ModelResponse,
    OutputToolCallEvent,
    OutputToolResultEvent,
    PartDeltaEvent,
    PartEndEvent,
    PartStartEvent,
    RetryFeedbackPart,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
)
from pydantic_ai.run import AgentRun
from pydantic_core import from_json
from pydantic_graph import End

from cfo_kernel.agent.answer_repair import AnswerRepair
from cfo_kernel.agent.long_texts import aside, length_of
from cfo_kernel.agent.model_errors import answer_broke_off, as_run_error, request_not_started
from cfo_kernel.agent.models import OpenedModel
from cfo_kernel.agent.outputs import MESSAGE_ARGUMENTS, OUTPUTS
from cfo_kernel.agent.prices import Prices
from cfo_kernel.agent.replay import Replay
from cfo_kernel.agent.run_deps import RunDeps
from cfo_kernel.agent.shown_text import ShownText
from cfo_kernel.agent.tools import toolset
from cfo_kernel.agent.usage import OFFLINE, usage_of
from cfo_kernel.errors import ModelMisbehaved
from cfo_kernel.events import Usage
from cfo_kernel.replies import Reply

_RESTARTS = 2
_NO_CALL = (
    "The person did not get this answer, because it calls no tool. Query the data with a tool. Then end with a call of "
    f"one of these: {', '.join(MESSAGE_ARGUMENTS)}."
)
_READ_AT_ONCE = 400
"""Once a message has more than 50 times this many characters, it grows on the screen by 2 % of its length at a time."""
_PROMPT = (Path(__file__).parent / "prompt.md").read_text(encoding="utf-8")


_AGENT: Agent[RunDeps, Reply] = Agent(
    output_type=OUTPUTS,  # pyright: ignore[reportArgumentType] - the functions return the replies
    deps_type=RunDeps,
    toolsets=[toolset],
    retries={"tools": 4, "output": 3},
    capabilities=[AnswerRepair(), Replay()],
    name="analyst",
)
# If a server counts no tokens, their limit cannot be enforced, as the settings say. Warn only once.
warnings.filterwarnings("ignore", category=UsageLimitUnavailableWarning)


class TurnListener(Protocol):
    """Receives the steps of a turn as they happen."""

    def token(self, text: str) -> None: ...

    def void_tokens(self) -> None:
        """Discards the tokens of the model's current answer, which is about to be regenerated."""
        ...

    def tool_call(self, call_id: str, name: str, arguments: Any) -> None: ...

    def tool_result(self, call_id: str, name: str, output: Any, elapsed_ms: float, *, failed: bool) -> None: ...

    def used(self, usage: Usage) -> None:
        """Reports the usage of the whole turn. Called once, when the turn ends for any reason."""
        ...


@dataclass(frozen=True)
class RunLimits:
    """Limits for one turn: model responses, successful tool calls, and input and output tokens."""

    requests: int
    tool_calls: int
    tokens: int


@dataclass(frozen=True)
class TurnResult:
    """The reply and the messages of this turn. The last message is the return of the call that produced the reply."""

    reply: Reply
    messages: list[ModelMessage]

    def as_json(self, outcome: Any = None) -> list[Any]:
        """The messages as JSON. `outcome`, if given, becomes the return of the reply's call, which the model will read.

        The instructions are left out, because they are the same for each message and added again in each turn.
        """
        messages = [replace(m, instructions=None) if isinstance(m, ModelRequest) else m for m in self.messages]
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
    """Runs the agent until it replies. An empty message continues from the history.

    Raises a `RunError` if the model or its server fails.
    """
    usage_limits = UsageLimits(
        request_limit=limits.requests,
        tool_calls_limit=limits.tool_calls,
        total_tokens_limit=None if opened.names == (OFFLINE,) else limits.tokens,
    )
    turn: _Turn | None = None
    shown = ShownText(opened.secrets)
    deps.secrets = opened.secrets
    # One string, because some servers accept only one system message.
    instructions = "\n".join(filter(None, (_PROMPT, deps.catalogue)))
    try:
        async with _AGENT.iter(
            message or None,
            message_history=list(history),
            deps=deps,
            model=opened.model,
            usage_limits=usage_limits,
            instructions=instructions,
        ) as run:
            turn = _Turn(run, listener, shown)
            try:
                node: Any = run.next_node
                while not isinstance(node, End):
                    node = await turn.step(node)
            finally:
                listener.used(usage_of(run.usage, turn.responses, prices))
    except (AgentRunError, FallbackExceptionGroup) as error:
        raise as_run_error(error, opened, turn.responses if turn else ()) from error
    if run.result is None:
        raise ModelMisbehaved("The model stopped without a reply. Send the message again.")
    reply = await aside(length_of(turn.responses[-1]), shown.reply, run.result.output)
    return TurnResult(reply, run.result.new_messages())


class _Turn:
    """Walks the agent's graph node by node and reports each step to the listener."""

    def __init__(self, run: AgentRun[RunDeps, Reply], listener: TurnListener, shown: ShownText) -> None:
        self._run = run
        self._listener = listener
        self._shown = shown
        self._message = _StreamedMessage(shown)
        self._tool_calls: dict[str, tuple[str, float]] = {}
        self._skipped: set[str] = set()
        self._broken_off: list[ModelMessage] = []

    @property
    def responses(self) -> list[ModelResponse]:
        """All answers of the models, including those that were cut off, because they also cost tokens."""
        return [m for m in (*self._broken_off, *self._run.new_messages()) if isinstance(m, ModelResponse)]

    async def step(self, node: Any) -> Any:
        if Agent.is_model_request_node(node):
            return await self._request(node)
        if Agent.is_call_tools_node(node):
            async with node.stream(self._run.ctx) as events:
                async for event in events:
                    await self._tool_event(event)
        return self._with_reply_tools(await self._run.next(node))

    def _with_reply_tools(self, node: Any) -> Any:
        """The next request.

        If the last answer called no tool, the request lists the tools that end a run, but only once.
        """
        if not Agent.is_model_request_node(node) or not any(map(_says_no_call, node.request.parts)):
            return node
        if sum(map(_only_text, self._run.new_messages())) > 1:
            raise UnexpectedModelBehavior("The model answered with text again instead of calling a tool.")
        parts = [replace(part, content=_NO_CALL) if _says_no_call(part) else part for part in node.request.parts]
        node.request = replace(node.request, parts=parts)  # pyright: ignore[reportArgumentType]
        return node

    async def _request(self, node: ModelRequestNode[RunDeps, Reply]) -> Any:
        """Streams a request to the model. If the answer is cut off, the request is repeated, up to `_RESTARTS` times.

        A partial answer leaves nothing in the history, and none of its tool calls have been run.
        """
        state, restarts = self._run.ctx.state, _RESTARTS
        while True:
            history_length, step = len(state.message_history), state.run_step
            self._message = _StreamedMessage(self._shown)
            try:
                async with node.stream(self._run.ctx) as events:
                    async for event in events:
                        if text := await self._message.growth(event):
                            self._listener.token(text)
                return await self._run.next(node)
            except (ModelAPIError, FallbackExceptionGroup) as error:
                if not request_not_started(error):
                    self._broken_off += state.message_history[history_length:]
                # pydantic-ai has counted a step, and added the request and the partial answer to the history.
                # Undoing all of that repeats the same request. A node runs only once, hence the copy.
                del state.message_history[history_length:]
                if restarts == 0 or isinstance(error, FallbackExceptionGroup) or not answer_broke_off(error):
                    raise
                restarts -= 1
                state.run_step = step
                node = replace(node)
                if self._message.text:
                    self._listener.void_tokens()

    async def _tool_event(self, event: Any) -> None:
        match event:
            case (
                FunctionToolCallEvent(part=part, args_valid=valid)
                | OutputToolCallEvent(part=part, args_valid=None as valid)
            ):
                # None means that the call is not executed, because another reply came before it. It is reported as a
                # call.
                if valid is None:
                    self._skipped.add(part.tool_call_id)
                name, arguments = self._shown.text(part.tool_name), await self._prepared(_arguments(part))
                self._tool_calls[part.tool_call_id] = (name, time.perf_counter())
                self._listener.tool_call(self._shown.text(part.tool_call_id), name, arguments)
            case FunctionToolResultEvent(part=part):
                await self._tool_result(part)
            case OutputToolResultEvent(part=part) if part.tool_call_id in self._skipped:
                await self._tool_result(part)
            case OutputToolResultEvent(part=part) if getattr(part, "outcome", "") == "retried" and self._message.text:
                self._listener.void_tokens()
            case _:
                pass

    async def _tool_result(self, part: Any) -> None:
        unknown = (self._shown.text(part.tool_name or ""), time.perf_counter())
        name, started = self._tool_calls.get(part.tool_call_id, unknown)
        elapsed = round((time.perf_counter() - started) * 1000, 1)
        # Covers more than the tool's own errors: arguments that do not validate come back as a result to retry.
        failed = part.outcome != "success" or part.tool_call_id in self._skipped
        # A failure may quote the call. A success is the company's data.
        content = await self._prepared(part.content) if failed else with_metadata(part)
        call_id = self._shown.text(part.tool_call_id)
        self._listener.tool_result(call_id, name, content, elapsed, failed=failed)

    async def _prepared(self, value: Any) -> Any:
        return await aside(len(str(value)), self._shown.value, value)


def _says_no_call(part: Any) -> bool:
    return isinstance(part, RetryFeedbackPart) and part.retry.cause == "no_output"


def _only_text(message: ModelMessage) -> bool:
    """Whether this is an answer in text that calls no tool."""
    if not isinstance(message, ModelResponse) or any(isinstance(part, ToolCallPart) for part in message.parts):
        return False
    return any(isinstance(part, TextPart) and part.content.strip() for part in message.parts)


class _StreamedMessage:
    """The message of a reply that the model is still writing, as an argument in the JSON of an output call.

    It lets an answer appear word by word, although to the model it is a tool call like any other.
    """

    def __init__(self, shown: ShownText) -> None:
        self.text = ""
        self._shown = shown
        self._calls: dict[int, tuple[str, str]] = {}
        self._read: dict[int, int] = {}

    async def growth(self, event: Any) -> str:
        """The text that this event adds to the message."""
        match event:
            case PartStartEvent(index=index, part=ToolCallPart(tool_name=name, args=args)):
                self._calls[index] = (name, args if isinstance(args, str) else json.dumps(args or {}) if args else "")
            case PartDeltaEvent(index=index, delta=delta) if index in self._calls:
                name, json_text = self._calls[index]
                more = getattr(delta, "args_delta", None)
                self._calls[index] = (name, json_text + more if isinstance(more, str) else json_text)
                # Parsing a long text again after every few characters would take quadratic time.
                if len(json_text) - self._read.get(index, 0) < len(json_text) // 50 - _READ_AT_ONCE:
                    return ""
            case PartEndEvent(index=index) if index in self._calls:
                pass
            case _:
                return ""
        name, json_text = self._calls[index]
        if name not in MESSAGE_ARGUMENTS or not json_text:
            return ""
        self._read[index] = len(json_text)
        text = await aside(len(json_text), self._message, name, json_text)
        # Tokens can only be appended. Text that does not continue the previous text is shown with the final reply.
        if not text.startswith(self.text):
            return ""
        added, self.text = text[len(self.text) :], text
        return added

    def _message(self, name: str, json_text: str) -> str:
        """The message in the arguments that have been written so far, prepared for display."""
        try:
            arguments = from_json(json_text, allow_partial="trailing-strings")
        except ValueError:
            return ""
        text = arguments.get(MESSAGE_ARGUMENTS[name], "") if isinstance(arguments, dict) else ""  # pyright: ignore
        return self._shown.growing(text) if isinstance(text, str) else ""


def with_metadata(part: ToolReturnPart) -> Any:
    """A tool's result as people see it, including parts that are not sent to the model, such as the SQL of a plan."""
    content: Any = part.content
    return {**cast("dict[str, Any]", content), **part.metadata} if part.metadata else content


def _arguments(part: ToolCallPart) -> Any:
    """The arguments of a call for people to read. Text that is not a JSON object is shown unchanged."""
    try:
        return part.args_as_dict()
    except (ValueError, AssertionError):
        return part.args
