"""What passes between a component and its page: commands come in, answers and the events of runs go out.

The other end is `widgets/js/src/shared/wire.ts`; the names are those of the interface and of the events.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from cfo_kernel import CfoError
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
    return {"type": "problem", "request": request, "problem": {"code": error.code, "message": error.message}}
