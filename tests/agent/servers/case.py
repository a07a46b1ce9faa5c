"""A case in the tables of this folder: what a model server sends, and what the user must see."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.agent.servers.wire import Turn, one_call

MESSAGE = "Total is 6,700.85."
SQL = {"sql": "SELECT sum(amount) AS total FROM ledger"}
COUNT = {"sql": "SELECT count(*) AS n FROM ledger"}
PLAN = {"table": "ledger", "metrics": [{"function": "sum", "column": "ledger.amount", "alias": "total"}]}
TOTAL: tuple[tuple[Any, ...], ...] = ((6700.85,),)
QUERY = one_call("execute_sql", SQL)
RESULT = one_call("task_result", {"message": MESSAGE}, "call_9")


@dataclass(frozen=True)
class Works:
    """The run succeeds: its reply's message, the rows of its table, and the number of requests."""

    requests: int
    rows: tuple[tuple[Any, ...], ...] | None
    message: str = MESSAGE
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fails:
    """The run fails: the error's code, and strings that its message must or must not contain."""

    code: str
    says: tuple[str, ...]
    never: tuple[str, ...] = ()
    requests: int | None = None


@dataclass(frozen=True)
class Case:
    """The turns of a server, of which the last repeats, and how a run with it ends.

    `seen` is a public report of the behavior.
    """

    turns: Sequence[Turn]
    ends: Works | Fails
    seen: str = ""


def works(
    *turns: Turn,
    requests: int = 2,
    rows: tuple[tuple[Any, ...], ...] | None = TOTAL,
    message: str = MESSAGE,
    choices: tuple[str, ...] = (),
    seen: str = "",
) -> Case:
    return Case(turns, Works(requests, rows, message, choices), seen)


def fails(
    *turns: Turn,
    code: str,
    says: Sequence[str],
    never: Sequence[str] = (),
    requests: int | None = None,
    seen: str = "",
) -> Case:
    return Case(turns, Fails(code, tuple(says), tuple(never), requests), seen)
