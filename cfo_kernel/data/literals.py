"""Values of a plan as SQL literals of the type of their column, and filters as conditions.

A value never becomes SQL text of its own making: numbers and dates are parsed and written anew, texts are quoted.
"""

import re
from datetime import date, datetime, timedelta

from cfo_kernel.data.plan import Filter, Scalar
from cfo_kernel.data.scope import Place
from cfo_kernel.data.tables import Kind
from cfo_kernel.errors import PlanInvalid

_NUMBER = re.compile(r"[+-]?\d{1,38}(\.\d{1,38})?")


def number(value: Scalar, where: str) -> str:
    """A number literal; exact for ints and decimal texts."""
    if not isinstance(value, bool):
        text = repr(value) if isinstance(value, int | float) else value.strip()
        if _NUMBER.fullmatch(text):
            return text
        if isinstance(value, float) and value == value and abs(value) != float("inf"):
            return text
    raise PlanInvalid(f"{where} is a number, {value!r} is not. Write a plain number such as 1250.5.")


def moment(value: Scalar, where: str) -> date | datetime:
    """A date, or a date with a time, from its ISO text."""
    try:
        text = str(value).strip()
        return date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text)
    except ValueError as error:
        message = f"{where} is a date, {value!r} is not. Write it like 2012-03-31."
        raise PlanInvalid(message) from error


def literal(value: Scalar, place: Place) -> str:
    """The value as a literal of the column's type."""
    name = f"{place.table.name}.{place.column.name}"
    match place.column.kind:
        case Kind.NUMBER:
            return number(value, name)
        case Kind.TIME:
            at = moment(value, name)
            return f"TIMESTAMP '{at}'" if isinstance(at, datetime) else f"DATE '{at}'"
        case _:
            if place.column.type == "BOOLEAN" and isinstance(value, bool):
                return str(value).upper()
            return text(str(value))


def text(value: str) -> str:
    """A quoted text; DuckDB knows no other escape than the doubled quote."""
    if "\0" in value:
        raise PlanInvalid("A text in the plan holds a NUL character. Leave it out.")
    return "'" + value.replace("'", "''") + "'"


def condition(wanted: Filter, place: Place) -> str:
    """The filter as a SQL condition."""
    op, sql = wanted.op, place.sql
    if op in ("is null", "is not null"):
        return f"{sql} {op.upper()}"
    values = wanted.value if isinstance(wanted.value, list) else [wanted.value]
    scalars = [v for v in values if v is not None]
    if op in ("in", "not in"):
        if not scalars:
            raise PlanInvalid(f"The filter on {wanted.column} needs a list of values for '{op}'.")
        return f"{sql} {op.upper()} ({', '.join(literal(v, place) for v in scalars)})"
    if len(scalars) != (2 if op == "between" else 1):
        count = "a list of two values" if op == "between" else "one value"
        raise PlanInvalid(f"The filter on {wanted.column} needs {count} for '{op}'.")
    if op == "like":
        return f"CAST({sql} AS VARCHAR) LIKE {text(str(scalars[0]))}"
    if place.column.kind is Kind.TIME and place.column.type != "DATE":
        return _whole_days(op, scalars, place)
    if op == "between":
        return f"{sql} BETWEEN {literal(scalars[0], place)} AND {literal(scalars[1], place)}"
    return f"{sql} {'<>' if op == '!=' else op} {literal(scalars[0], place)}"


def _whole_days(op: str, values: list[Scalar], place: Place) -> str:
    """Comparisons of a timestamp; a value that is a date stands for its whole day."""
    sql = place.sql
    first, last = literal(values[0], place), literal(values[-1], place)
    end = moment(values[-1], place.column.name)
    after = None if isinstance(end, datetime) else f"DATE '{end + timedelta(days=1)}'"
    match op:
        case "between":
            return f"{sql} >= {first} AND " + (f"{sql} < {after}" if after else f"{sql} <= {last}")
        case "=" if after:
            return f"({sql} >= {first} AND {sql} < {after})"
        case "!=" if after:
            return f"({sql} < {first} OR {sql} >= {after})"
        case "<=" if after:
            return f"{sql} < {after}"
        case ">" if after:
            return f"{sql} >= {after}"
        case _:
            return f"{sql} {'<>' if op == '!=' else op} {first}"
