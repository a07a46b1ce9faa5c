"""Advice for SQL that DuckDB rejects because it is written in the dialect of another database."""

import re

UNREADABLE_RESULT = "result_df could not be read back. Make it a plain DataFrame and run it again."
_PARTS = r"(?:year|quarter|month|week|day|hour|minute|second|dow|doy)s?"
_PART_FUNCTION = re.compile(r"\b(date_?(?:trunc|part|diff|sub|add))\s*\(", re.IGNORECASE)
_MISSING_PART = re.compile(rf'Referenced column "{_PARTS}" not found', re.IGNORECASE)
_NO_MATCH = re.compile(r"argument types '(?P<name>[^'(]+)\((?P<types>[^']*)\)'")
_NO_FUNCTION = re.compile(r"Function with name \"?(?P<name>\w+)\"? does not exist")
_FORMS = (
    (re.compile(r"\bSELECT\s+(?:ALL\s+|DISTINCT\s+)?TOP\b", re.IGNORECASE), "There is no TOP: end with LIMIT 5."),
    (re.compile(r"\bLIMIT\s+\d+\s*,\s*\d+", re.IGNORECASE), "Write LIMIT 10 OFFSET 5."),
)
_INSTEAD = {
    "coalesce(amount, 0)": ("isnull", "nvl", "zeroifnull"),
    "CASE WHEN amount > 0 THEN 1 ELSE 0 END": ("iif", "decode"),
    "CAST(amount AS DECIMAL(18, 2))": ("convert", "to_number"),
    "strftime(day, '%Y-%m')": ("to_char", "date_format", "format_date", "format_datetime"),
    "strptime(day, '%d.%m.%Y')": ("to_date", "str_to_date", "parse_date"),
    "day + INTERVAL 1 MONTH": ("dateadd", "date_add", "add_months", "adddate"),
    "day - INTERVAL 1 MONTH": ("subdate",),
    "date_diff('day', first, last)": ("timestampdiff", "days_between", "months_between"),
    "last_day(day)": ("eomonth",),
    "current_date": ("getdate", "sysdate", "curdate", "getutcdate"),
    "strpos(name, 'x')": ("charindex", "locate"),
    "string_agg(name, ', ')": ("listagg",),
}
_CANDIDATES = 4
_REPLACEMENTS = {name: instead for instead, names in _INSTEAD.items() for name in names}


def advice(sql: str, message: str) -> str:
    """The DuckDB syntax for what `sql` tries to do, or "" if the dialect does not explain DuckDB's error `message`."""
    missing, unmatched = _NO_FUNCTION.search(message), _NO_MATCH.search(message)
    name = (missing or unmatched or {"name": ""})["name"].lower()
    if "syntax error" in message or name == "top":
        return next((said for form, said in _FORMS if form.search(sql)), "")
    if missing and name in _REPLACEMENTS:
        return f"There is no {name}: write {_REPLACEMENTS[name]}."
    if unmatched and name == "+" and "VARCHAR" in unmatched["types"]:
        return "Concatenate strings with ||."
    called = _PART_FUNCTION.search(sql)
    if called and (_MISSING_PART.search(message) or (unmatched and name.startswith("date"))):
        return _part_first(called[1].lower().replace("date_", "date").replace("date", "date_"))
    return ""


def _part_first(function: str) -> str:
    if function == "date_add":
        return f"Write {_REPLACEMENTS['dateadd']}."
    dates = "first, last" if function in ("date_diff", "date_sub") else "day"
    return f"The date part comes first, as a string: {function}('month', {dates}). Convert strings to dates with CAST."


def without_long_lists(message: str) -> str:
    """The message with only the first of DuckDB's suggestions, of which it may list up to a hundred."""
    head, listed, candidates = message.partition("Candidate functions:")
    lines = [line for line in candidates.split("\n") if line.strip()]
    return message if len(lines) <= _CANDIDATES else head + listed + "\n" + "\n".join(lines[:_CANDIDATES]) + "\n\t..."
