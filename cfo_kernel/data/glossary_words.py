"""The words that people may write in the glossary for a value: `July` for a month, `thousands` for a scale.

Each function is the `BeforeValidator` of a field. A value that it does not know is returned unchanged, and the field
then rejects it.
"""

from datetime import date
from typing import Any, cast

from cfo_kernel.data.vocabulary import MONTHS, plain

_SCALES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}
_BALANCE = "balance"


def named_role(value: Any) -> Any:
    """A column's role. In the glossary, `balance` stands for the role that the engine calls a stock."""
    return "stock" if value == _BALANCE else value


def scale_number(value: Any) -> Any:
    """The number for a scale in words: 1000 for `thousands`."""
    return _SCALES.get(value.lower().removesuffix("s"), value) if isinstance(value, str) else value


def month_number(value: Any) -> Any:
    """The number of a month given by name, in any supported language."""
    return MONTHS.get(plain(value.strip()), value) if isinstance(value, str) else value


def listed(value: Any) -> Any:
    """A list of names. A single name may be written without brackets."""
    return (value,) if isinstance(value, str) else value


def pairs_of_names(value: Any) -> Any:
    """Pairs of columns. A name on its own, or in a list, stands for columns that have this name in both tables."""
    names = listed(value)
    if isinstance(names, list | tuple) and all(isinstance(name, str) for name in cast("list[Any]", names)):
        return {name: name for name in cast("list[str]", names)}
    return value


def text_of_period(value: Any) -> Any:
    """A period as a string. YAML reads a year as a number, and a day as a date."""
    return str(value) if isinstance(value, int | date) and not isinstance(value, bool) else value
