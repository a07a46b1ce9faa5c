"""The messages between a component and its page: commands, their responses, and the events of runs.

The page's TypeScript types (`widgets/js/src/shared/wire_types.ts`) are generated from these models by `make types`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from typing_extensions import TypedDict

from cfo_kernel import CfoError, Numbered
from cfo_kernel.errors import ServerUnavailable, ThreadNotFound, TooManyStreams
from cfo_kernel.replies import Problem
from cfo_kernel.values import Value


class Command(Value):
    """A request from the page. The response has the same `request` id."""

    request: str


class Ping(Command):
    """Checks whether Python is still responding. Sent when the response to another command is late."""

    type: Literal["here"]


@dataclass(frozen=True)
class CommandResult:
    """The result of a command: a JSON value and binary buffers."""

    value: Any = None
    buffers: Sequence[bytes] = field(default=())


class AnswerMessage(TypedDict):
    """The result of the command with this `request` id."""

    type: Literal["answer"]
    request: str
    value: Any


class ProblemMessage(Value):
    """The reason why the command with this `request` id failed."""

    type: Literal["problem"] = "problem"
    request: str
    problem: Problem


class EventsMessage(Value):
    """New events of a run. A page ignores events of unknown types."""

    type: Literal["events"] = "events"
    run_id: str
    events: Sequence[Numbered]


PageMessage = AnswerMessage | ProblemMessage | EventsMessage


def answer_message(request: str, value: Any) -> AnswerMessage:
    return {"type": "answer", "request": request, "value": value}


def problem_message(request: str, error: CfoError) -> dict[str, Any]:
    return ProblemMessage(request=request, problem=_problem(error)).model_dump()


def events_message(run_id: str, events: Sequence[Numbered]) -> dict[str, Any]:
    return EventsMessage(run_id=run_id, events=events).model_dump(mode="json", by_alias=True)


def problem_dict(error: CfoError) -> dict[str, Any]:
    """Converts an error to the value of a trait."""
    return _problem(error).model_dump()


def _problem(error: CfoError) -> Problem:
    return Problem(code=error.code, message=message_for_person(error))


def message_for_person(error: CfoError) -> str:
    """Returns the error's message for a page, whose readers did not start the server and do not know any ids."""
    if isinstance(error, ThreadNotFound):
        return (
            "This thread was deleted, perhaps in another tab. Copy anything you wrote here, then continue in another "
            "thread."
        )
    if isinstance(error, TooManyStreams):
        return (
            "Many people are using the workbench at this moment, and it has reached its limit. Nothing is lost: "
            "replies appear here when they are ready. Try uploads and downloads again in a moment."
        )
    server = error.details.get("server")
    if not isinstance(error, ServerUnavailable) or not server:
        return error.message
    return (
        "The workbench server is not responding. Your text is saved, and this page reconnects as soon as the server is "
        f"back. If this takes too long, contact your administrator. The server is {server}"
    )
