"""Writes values of a plan as SQL literals of their column's type, and filters as SQL conditions.

A value is never copied into the SQL: numbers and dates are parsed and formatted again, and text is quoted.
"""

import re
from calendar import monthrange
from datetime import UTC, date, datetime
from decimal import Decimal

from cfo_kernel.data.plan import Filter, Scalar
from cfo_kernel.data.table_joins import ColumnRef
from cfo_kernel.data.tables import Column, Kind
from cfo_kernel.errors import PlanInvalid
from cfo_kernel.sql_text import text_literal

_NUMBER = re.compile(r"[+-]?([0-9]{1,38})(\.[0-9]{1,38})?")
_PERIOD = re.compile(r"([0-9]{4})(?:-(?:H([12])|Q([1-4])|([01][0-9])))?")
_DIGITS = 38
_MONEY = 19  # digits before the point that a money column must keep besides the decimals of a literal


def number(value: Scalar, where: str, scale: int = 10) -> str:
    """A number literal, which is exact for integers and decimal strings.

    DuckDB compares decimals in a common type of at most 38 digits, and fails if the two do not fit. A number with too
    many digits for a column with `scale` decimals is therefore written as a double: it is larger than any value in the
    column, so its last digits do not matter. The same applies to a number with too many decimals to be compared with
    money.
    """
    if not isinstance(value, bool):
        text = repr(value) if isinstance(value, int | float) else value.strip()
        if match := _NUMBER.fullmatch(text):
            decimals = len(match[2] or ".") - 1
            fits = len(match[1]) + scale <= _DIGITS and decimals + _MONEY <= _DIGITS
            return text if fits else repr(float(text))
        if isinstance(value, float) and value == value and abs(value) != float("inf"):
            return text
    raise PlanInvalid(f"{where} is a number, but {value!r} is not. Write a plain number, such as 1250.5.")


def moment(value: Scalar, where: str) -> date | datetime:
    """A date, or a date with a time, from its ISO text. A time with a zone is converted to UTC, like the data."""
    written = str(value).strip()
    try:
        return date.fromisoformat(written)
    except ValueError:
        pass
    try:
        at = datetime.fromisoformat(written)
        return at.astimezone(UTC).replace(tzinfo=None) if at.tzinfo else at
    except (ValueError, OverflowError) as error:
        message = f"{where} is a date, but {value!r} is not. Write a date like 2012-03-31."
        raise PlanInvalid(message) from error


def literal(value: Scalar, column: Column, where: str) -> str:
    """The value as a literal of the column's type."""
    match column.kind:
        case Kind.NUMBER:
            return number(value, where, column.scale)
        case Kind.TIME:
            at = moment(value, where)
            return f"TIMESTAMP '{at}'" if isinstance(at, datetime) else f"DATE '{at}'"
        case _ if column.type == "BOOLEAN":
            if str(value).lower() not in ("true", "false"):
                raise PlanInvalid(f"{where} is a boolean, but {value!r} is not. Write true or false.")
            return str(value).upper()
        case _:
            return text(str(value))


def text(value: str) -> str:
    """The text as a quoted SQL literal. Raises `PlanInvalid` if SQL cannot contain it."""
    if not is_valid_text(value):
        raise PlanInvalid("A string in the plan contains a NUL or an incomplete character. Remove it.")
    return text_literal(value)


def is_valid_text(value: str) -> bool:
    """Whether SQL can contain the text, which must have no NUL and no unpaired surrogate."""
    return "\0" not in value and not any("\ud800" <= character <= "\udfff" for character in value)


def condition(wanted: Filter, ref: ColumnRef) -> str:
    """The filter as a SQL condition."""
    op = wanted.op
    if op in ("is null", "is not null"):
        return f"{ref.sql} {op.upper()}"
    values = wanted.value if isinstance(wanted.value, list) else [wanted.value]
    scalars = [v for v in values if v is not None]
    if op in ("in", "not in", "in period"):
        if not scalars:
            raise PlanInvalid(f"The filter on {wanted.column} needs a list of values for '{op}'.")
        return _in_periods(scalars, ref) if op == "in period" else _any_of(op, scalars, ref)
    if len(scalars) != (2 if op == "between" else 1):
        count = "a list of two values" if op == "between" else "one value"
        raise PlanInvalid(f"The filter on {wanted.column} needs {count} for '{op}'.")
    if op == "between":
        check_ends(scalars[0], scalars[1], ref.column, ref.name)
    if op == "like":
        return f"CAST({ref.sql} AS VARCHAR) LIKE {text(str(scalars[0]))}"
    return _comparison(op, scalars, ref)


def check_ends(first: Scalar, last: Scalar, column: Column | None, where: str) -> None:
    """Raises `PlanInvalid` if the ends of a `between` are swapped, so that no value can lie between them."""
    kind = column.kind if column else Kind.NUMBER
    if kind is Kind.NUMBER:
        is_swapped = Decimal(number(first, where)) > Decimal(number(last, where))
    elif kind is Kind.TIME:
        start, end = moment(first, where), moment(last, where)
        if isinstance(start, datetime) and isinstance(end, datetime):
            is_swapped = start > end
        else:  # a date means its whole day, so a time on that day is not after it
            is_swapped = _day(start) > _day(end)
    else:
        is_swapped = str(first) > str(last)
    if is_swapped:
        raise PlanInvalid(f"{where} is compared with {first} and {last} in the wrong order. Write the lower one first.")


def _day(at: date | datetime) -> date:
    return at.date() if isinstance(at, datetime) else at


def period(value: Scalar, where: str) -> tuple[date, date]:
    """The first and the last day of a calendar period: 2012, 2012-H1, 2012-Q3, 2012-03, or a day."""
    written = str(value).strip().upper()
    if match := _PERIOD.fullmatch(written):
        year, half, quarter, month = (int(part) if part else 0 for part in match.groups())
        if year and month <= 12:
            first = month or (quarter * 3 - 2 if quarter else 0) or (half * 6 - 5 if half else 1)
            last = month or quarter * 3 or half * 6 or 12
            return date(year, first, 1), date(year, last, monthrange(year, last)[1])
    try:
        day = date.fromisoformat(written)
    except ValueError as error:
        message = (
            f"{value!r} is not a valid period for {where}. Write it like 2012, 2012-H1, 2012-Q3, 2012-03 or 2012-03-31."
        )
        raise PlanInvalid(message) from error
    return day, day


def _in_periods(values: list[Scalar], ref: ColumnRef) -> str:
    if ref.column.kind is not Kind.TIME:
        raise PlanInvalid(f"{ref.name} is {ref.column.type}, not a date. Use a date column for periods.")
    days = [[day.isoformat() for day in period(value, ref.name)] for value in values]
    each = [_comparison("between", list[Scalar](pair), ref) for pair in days]
    return each[0] if len(each) == 1 else "(" + " OR ".join(f"({one})" for one in each) + ")"


def _any_of(op: str, values: list[Scalar], ref: ColumnRef) -> str:
    if _has_clock(ref.column):
        each = [_comparison("=" if op == "in" else "!=", [value], ref) for value in values]
        return "(" + (" OR " if op == "in" else " AND ").join(each) + ")"
    return f"{_comparable(ref)} {op.upper()} ({', '.join(literal(v, ref.column, ref.name) for v in values)})"


def _comparison(op: str, values: list[Scalar], ref: ColumnRef) -> str:
    if _has_clock(ref.column):
        return _whole_days(op, values, ref)
    sql = _comparable(ref)
    literals = [literal(value, ref.column, ref.name) for value in values]
    if op == "between":
        return f"{sql} BETWEEN {literals[0]} AND {literals[1]}"
    return f"{sql} {'<>' if op == '!=' else op} {literals[0]}"


def _has_clock(column: Column) -> bool:
    return column.kind is Kind.TIME and column.type != "DATE"


def _comparable(ref: ColumnRef) -> str:
    """The column, cast to the type of its literals.

    Types other than number, text, time and boolean are converted to text.
    """
    is_odd = ref.column.kind is Kind.OTHER and ref.column.type != "BOOLEAN"
    return f"CAST({ref.sql} AS VARCHAR)" if is_odd else ref.sql


def _whole_days(op: str, values: list[Scalar], ref: ColumnRef) -> str:
    """Compares a timestamp with a date, where the date means the whole day."""
    sql = ref.sql
    first, last = (literal(value, ref.column, ref.name) for value in (values[0], values[-1]))
    end = moment(values[-1], ref.name)
    if isinstance(end, datetime):
        if op == "between":
            return f"{sql} BETWEEN {first} AND {last}"
        return f"{sql} {'<>' if op == '!=' else op} {first}"
    after = f"{last} + 1"  # DuckDB computes the next day, because the day after 9999-12-31 overflows in Python
    match op:
        case "between":
            return f"{sql} >= {first} AND {sql} < {after}"
        case "=":
            return f"({sql} >= {first} AND {sql} < {after})"
        case "!=":
            return f"({sql} < {first} OR {sql} >= {after})"
        case "<=":
            return f"{sql} < {after}"
        case ">":
            return f"{sql} >= {after}"
        case _:
            return f"{sql} {op} {first}"
