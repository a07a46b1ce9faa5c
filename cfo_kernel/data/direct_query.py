"""Queries that run without a model, and the messages that request them: `SQL:`, `PLAN:` or `PYTHON:`."""

import re

from pydantic import ValidationError

from cfo_kernel import validation_errors
from cfo_kernel.data.plan import QueryPlan
from cfo_kernel.errors import InvalidInput, PlanInvalid
from cfo_kernel.values import Value

_PREFIX = re.compile(r"\s*(SQL|PYTHON|PLAN):[ \t]*", re.IGNORECASE)


class Direct(Value):
    """A query that runs without a model: exactly one of SQL, a plan, and a Python program."""

    sql: str | None = None
    plan: QueryPlan | None = None
    python: str | None = None

    @property
    def message(self) -> str:
        """The message that requests this query in a thread. Raises `InvalidInput` unless exactly one query is given."""
        self.check()
        if self.plan is not None:
            return f"PLAN: {self.plan.model_dump_json(exclude_defaults=True)}"
        if self.sql is not None:
            return f"SQL: {self.sql}"
        code = self.python or ""
        # If the first line is indented or empty, the program starts on a new line, so that its lines stay aligned.
        # Otherwise it starts right after the prefix, where its first line makes a good title for the thread.
        return f"PYTHON:{chr(10) if code[:1].isspace() else ' '}{code}"

    def check(self) -> None:
        """Raises `InvalidInput` unless exactly one of the three fields is set."""
        if sum(part is not None for part in (self.sql, self.plan, self.python)) != 1:
            raise InvalidInput("Exactly one of `sql`, `plan` and `python` is needed. Send one of them.")


def is_direct(message: str) -> bool:
    """Whether the message requests a query without a model: it begins with `SQL:`, `PYTHON:`, or `PLAN:` and JSON."""
    found = _PREFIX.match(message)
    # "Plan: what did we want to spend on rent?" is a question, so `PLAN:` must be followed by JSON.
    return found is not None and (found[1].upper() != "PLAN" or message[found.end() :].lstrip().startswith("{"))


def sql_in(message: str) -> str | None:
    """The SQL in a message that begins with `SQL:`, or None."""
    found = _PREFIX.match(message)
    return message[found.end() :] if found and found[1].upper() == "SQL" else None


def read_direct(message: str) -> Direct:
    """Reads the query from a message that contains one. Raises `PlanInvalid` if its plan is not valid."""
    found = _PREFIX.match(message)
    if found is None:
        raise InvalidInput("The message is not a query. Begin it with SQL:, PYTHON: or PLAN:.")
    kind, text = found[1].upper(), message[found.end() :]
    if kind == "SQL":
        return Direct(sql=text)
    if kind == "PYTHON":
        return Direct(python=text.removeprefix("\r").removeprefix("\n"))
    try:
        return Direct(plan=QueryPlan.model_validate_json(text))
    except ValidationError as error:
        first = validation_errors.faults(error.errors(include_url=False))[0]
        message = f"The plan is not valid: {first.describe(first.path or 'it')}. Correct it, then send it again."
        raise PlanInvalid(message) from error
