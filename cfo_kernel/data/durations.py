"""Reads durations such as 36:00 as hours.

Runs in the ingest worker, on the table `staging`.
"""

from cfo_kernel import column_names
from cfo_kernel.data.decisions import Decision, DecisionKind
from cfo_kernel.data.text_column import TextColumn
from cfo_kernel.data.vocabulary import HOUR_NAMES

_DURATION = r"-?\d{1,5}:[0-5]\d(:[0-5]\d)?"
_DAY = 24


def read_durations(column: TextColumn) -> list[Decision] | None:
    """Reads hours and minutes as hours if the header mentions hours, or if one of them is longer than a day.

    Other columns in this format contain times of day.
    """
    if not all(":" in cell for cell in column.sample) or not column.matches(_DURATION):
        return None
    hours = f"CAST(split_part(ltrim({column.value}, '-'), ':', 1) AS INTEGER)"
    is_named = bool({*column_names.words(column.name)} & HOUR_NAMES)
    if not is_named and column.figure(f"max({hours})") < _DAY:
        return None
    minutes, seconds = (f"coalesce(TRY_CAST(split_part({column.value}, ':', {n}) AS DOUBLE), 0)" for n in (2, 3))
    sign = f"CASE WHEN starts_with({column.value}, '-') THEN -1 ELSE 1 END"
    value = f"{sign} * ({hours} + {minutes} / 60 + {seconds} / 3600)"
    column.as_floats(value)
    text = f"{column.name}: durations were read as hours (1:30 as 1.5)."
    return [Decision(kind=DecisionKind.DATES, text=text, column=column.name)]
