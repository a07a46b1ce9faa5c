"""What passes between a component and its page: commands come in, answers and the events of runs go out.

The other end is `widgets/js/src/shared/wire.ts`; the names are those of the interface and of the events.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from cfo_kernel import CfoError
from cfo_kernel.errors import ServerUnavailable, ThreadNotFound
from cfo_kernel.values import Value


class Command(Value):
    """What a person did on the page; `request` names the answer to it."""

    request: str


@dataclass(frozen=True)
class Answer:
    """What a command gives back: a JSON value, and bytes beside it."""

    value: Any = None
    buffers: Sequence[bytes] = field(default=())


def answer(request: str, value: Any) -> dict[str, Any]:
    return {"type": "answer", "request": request, "value": value}


def problem(request: str, error: CfoError) -> dict[str, Any]:
    return {"type": "problem", "request": request, "problem": told(error)}


def told(error: CfoError) -> dict[str, str]:
    """An error as the page tells it."""
    return {"code": error.code, "message": in_words(error)}


def in_words(error: CfoError) -> str:
    """What to tell a person: who reads it on a page did not start the server, and knows no ids."""
    if isinstance(error, ThreadNotFound):
        return (
            "This thread is gone; it was deleted, perhaps in another tab. Go on in another thread, and take along what "
            "you wrote here."
        )
    server = error.details.get("server")
    if not isinstance(error, ServerUnavailable) or not server:
        return error.message
    return (
        "The workbench's server does not answer. What you wrote is kept, and this page goes on by itself as soon as "
        f"the server is back. If that takes long, tell whoever looks after it: {server}"
    )
