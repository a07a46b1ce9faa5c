"""Wraps the offline analyst as a model that reads the messages and responds with the next tool call.

It keeps no state. Each request processes the newest question from the start, with the results that the messages
contain, so a run can be replayed and always ends the same way.
"""

import json
import logging
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any, cast

from pydantic_ai.messages import ModelMessage, ModelResponse, ToolCallPart
from pydantic_ai.models import Model
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, DeltaToolCalls, FunctionModel

from cfo_kernel.agent.analyst import follow_up, replies, talk, turn
from cfo_kernel.agent.analyst.analysis import Analyst, Reply, ToolFailed, ask, done
from cfo_kernel.agent.analyst.question import Reader
from cfo_kernel.agent.analyst.schema import Schema
from cfo_kernel.agent.analyst.turn import Failure, Result, Turn
from cfo_kernel.agent.tools import NO_RETRY
from cfo_kernel.data.glossary import GlossaryFile
from cfo_kernel.data.hierarchies import NO_TREES, Trees
from cfo_kernel.data.plan import QueryPlan
from cfo_kernel.data.tables import Tables

_WHOLE = "I am not sure which question this refers to. Please ask the whole question."
LOST = "I could not understand this question. Rephrase it with one figure and one period."
_PIECE = 48
_log = logging.getLogger(__name__)
Calls = tuple[tuple[str, dict[str, Any]], ...]


def offline_model(tables: Tables, glossary: GlossaryFile, trees: Trees = NO_TREES) -> Model:
    """A model that answers questions about these tables without a network, or asks for clarification."""
    brain = _Brain(Schema(tables, glossary, trees))

    def respond(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        turned = turn.read(messages)
        calls = brain.next(turned, info)
        parts = [ToolCallPart(name, args, tool_call_id=_id(turned, i)) for i, (name, args) in enumerate(calls)]
        return ModelResponse(parts=parts)

    async def stream(messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[DeltaToolCalls]:
        turned = turn.read(messages)
        for i, (name, args) in enumerate(brain.next(turned, info)):
            text = json.dumps(args, ensure_ascii=False)
            yield {i: DeltaToolCall(name=name, json_args=text[:_PIECE], tool_call_id=_id(turned, i))}
            for at in range(_PIECE, len(text), _PIECE):
                yield {i: DeltaToolCall(json_args=text[at : at + _PIECE])}

    return FunctionModel(respond, stream_function=stream, model_name="offline")


def _id(turned: Turn, at: int) -> str:
    return f"offline_{turned.calls + at + 1}"


class _Brain:
    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.reader = Reader(schema)
        self.analyst = Analyst(self.reader)

    def next(self, turned: Turn, info: AgentInfo) -> Calls:
        """The next calls in the turn: tools to run, or the output tool that ends the turn.

        The analyst has to cope with anything that users type. If it fails on a message, that must not look like a
        failure of the engine, so the failure is logged and the user is asked to rephrase.
        """
        try:
            return self._next(turned, info)
        except Exception:  # noqa: BLE001 - whatever it is, the person gets a reply
            _log.exception("The offline analyst failed on a question")
            return _reply(ask(LOST))

    def _next(self, turned: Turn, info: AgentInfo) -> Calls:
        if turned.refused:
            return _reply(ask(f"I could not finish the answer: {turned.refused.text}"))
        if turned.outcome is not None:
            return _reply(_continued(turned.outcome))
        if talk.is_greeting(turned.question) or talk.asks_for_tables(turned.question):
            return self._after("list_datasets", {}, turned, partial(talk.welcome, self.schema))
        if not self.schema.tables:
            return self._after("list_datasets", {}, turned, talk.no_tables)
        if table := talk.asks_for_columns(turned.question, self.reader.lexicon):
            dataset = {"dataset": self.schema.tables[table].dataset}
            return self._after("get_dataset_schema", dataset, turned, partial(talk.columns, self.schema, table))
        if target := talk.wants_sheet(turned.question):
            return _reply(talk.sheet(target, turned.file))
        return self._analysis(turned, info)

    def _after(self, tool: str, args: dict[str, Any], turned: Turn, reply: Callable[[Any], Reply]) -> Calls:
        """Calls one tool, then builds the reply from its result."""
        if not turned.rounds:
            return ((tool, args),)
        found = turned.rounds[0][0]
        return _reply(reply(None if isinstance(found, Failure) else found))

    def _analysis(self, turned: Turn, info: AgentInfo) -> Calls:
        whole = None
        if follow_up.leans(turned.question):
            whole = follow_up.completed(turned.question, turned.earlier, self.reader)
            if whole is None:
                return _reply(ask(_WHOLE))
        elif replies.is_short(turned.question, self.reader) and turned.earlier:
            whole = self._replied(turned)
            whole_itself = replies.is_whole(turned.question, self.reader) or turned.offered is None
            if whole is None and not whole_itself:
                return _reply(ask(_WHOLE))
        remarks = (f"Taken as: '{whole}'.",) if whole and whole != turned.question else ()
        course = self.analyst.answer(whole or turned.question, remarks)
        try:
            plans = next(course)
            for results in turned.rounds:
                plans = course.throw(failed) if (failed := _failed(results)) else course.send(list(_tables(results)))
        except StopIteration as end:
            return _reply(end.value)
        return tuple(("execute_query_plan", _plan_args(p, info)) for p in plans)

    def _replied(self, turned: Turn) -> str | None:
        """The complete question, if the message is a short reply to a clarifying question or one of its choices."""
        if turned.offered is None:
            return None
        if turned.question.strip() in turned.offered:
            return turned.question
        return replies.completed(turned.question, turned.earlier[-1], turned.offered, self.reader)


def _plan_args(plan: QueryPlan, info: AgentInfo) -> dict[str, Any]:
    """The arguments for the plan tool: one `plan` argument or the plan's fields, depending on the tool's schema."""
    args = plan.model_dump(mode="json", exclude_defaults=True)
    tool = next((t for t in info.function_tools if t.name == "execute_query_plan"), None)
    properties: dict[str, Any] = tool.parameters_json_schema.get("properties", {}) if tool else {}
    return args if "table" in properties else {"plan": args}


def _failed(results: tuple[Result, ...]) -> ToolFailed | None:
    for result in results:
        if isinstance(result, Failure):
            text, is_final, _ = result.text.partition(f" {NO_RETRY}")
            return ToolFailed(text, may_retry=not is_final)
        if not isinstance(result, dict) or "rows" not in result:
            return ToolFailed(_error(result))
    return None


def _tables(results: tuple[Result, ...]) -> list[dict[str, Any]]:
    return [r for r in results if isinstance(r, dict)]


def _reply(reply: Reply) -> Calls:
    return ((reply.tool, reply.args),)


def _error(result: Result) -> str:
    """The error message in the result of a failed step."""
    error: Any = result.get("error", result) if isinstance(result, dict) else result
    told = cast("dict[str, Any]", error) if isinstance(error, dict) else {"message": error}
    return str(told.get("message", error))


def _continued(outcome: Result) -> Reply:
    """Summarizes the outcome of the action that the engine took after the last reply."""
    if not isinstance(outcome, dict):
        return done("The last step is done. Ask the next question.")
    if "error" in outcome:
        return ask(f"The last step failed: {_error(outcome)}")
    if "row_count" not in outcome:
        file = outcome.get("file") or outcome.get("workbook")
        return done(f"The last step is done{f': {file}' if file else ''}. Ask the next question.")
    names = ", ".join(str(c.get("name")) for c in outcome.get("columns", ()))
    notes = " ".join(str(n) for n in outcome.get("notes") or ())
    text = f"The table is complete: {outcome['row_count']:,} rows with {names}, saved in {outcome.get('file')}."
    return done(f"{text} {notes}".strip())
