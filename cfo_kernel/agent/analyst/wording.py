"""Formats figures, names and conditions for people to read."""

from typing import Any

from cfo_kernel.data.plan import Filter

NOT_MEANINGFUL = "n.m."


def figure(value: Any, decimals: int | None = None) -> str:
    """Formats a number for people to read. None, the sum of no rows or of empty cells, becomes 'no value'."""
    if value is None:
        return "no value"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value).removesuffix("T00:00:00").removesuffix(" 00:00:00")
    if decimals is not None:
        return f"{value:z,.{decimals}f}"
    if float(value).is_integer():
        return f"{int(value):,}"
    return f"{value:z,.6g}" if abs(value) < 10 else f"{value:z,.2f}"


def percent(value: Any) -> str:
    """Formats a fraction as a percentage. None, for a base that is zero or negative, becomes 'n.m.'."""
    return NOT_MEANINGFUL if value is None else f"{value * 100:z,.1f} %"


def joined(parts: list[str]) -> str:
    """Joins the parts into a list: 'A, B and C'."""
    return f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else "".join(parts)


def phrase(*parts: str) -> str:
    """Joins the parts that are not empty with spaces."""
    return " ".join(part for part in parts if part)


def plural(label: str) -> str:
    if label.endswith("s"):
        return label
    return f"{label[:-1]}ies" if label.endswith("y") and label[-2:-1] not in "aeou" else f"{label}s"


def condition(wanted: Filter, label: str) -> str:
    """Puts a filter on a number into words: 'fiscal year 2012', 'amount > 50,000', 'amount between 10 and 20'."""
    if wanted.op == "=":
        return f"{label} {wanted.value}"
    values = wanted.value if isinstance(wanted.value, list) else [wanted.value]
    return f"{label} {wanted.op} {' and '.join(figure(v) for v in values)}"
