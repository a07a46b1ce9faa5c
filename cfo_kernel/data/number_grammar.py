"""The grammar of figures as people write them, as patterns that RE2 (DuckDB) and Python read alike, ignoring case.

A figure is a number with an optional sign and currency, or a percent sign, or a debit or credit side. Its decimal mark
is a point or a comma; the other mark, spaces of any width, apostrophes and Indian grouping may separate thousands.
Parentheses, a minus sign of any kind before or after the number, and the credit side (`Cr`, `H`) make a figure
negative. No number has leading zeros: 00124 is an account code, and 01,234 is a slip that is better left unchanged.
"""

from typing import Literal

from cfo_kernel.data.currencies import CURRENCY, SIGNS

Mark = Literal[".", ","]
SPACES = " \t\u00a0\u2007\u2009\u202f\u3000\ufeff"
"""The characters that may surround a cell or separate thousands: plain, no-break, figure, thin and narrow spaces."""
_SPACE = f"[{SPACES}]"
_GAP = f"{_SPACE}*"
MINUS = "-−–—‐‑﹣－▲△"
"""The characters that are read as minus signs."""
_SIGN = f"[{MINUS}+＋]"
_UNSIGNED = f"[^{MINUS}+＋]*"
_PERCENT = f"{_GAP}[%％]"
_BEFORE, _BEHIND = f"({CURRENCY}{_GAP})?", f"({_GAP}{CURRENCY})?"
_CREDIT = r"(cr|credit|haben)\.?$|[hc]$"

PLAIN = r"[+-]?((0|[1-9]\d*)(\.\d*)?|\.\d+)"
"""A number without separators."""
WHOLE = r"[+-]?(0|[1-9]\d*)"
FLOAT = rf"{PLAIN}(e[+-]\d+)?|[+-]?\d+\.\d+e\d+|[+-]?inf(inity)?"  # 12E4 is a code, 1.2E4 and 12E+4 are numbers
SCIENTIFIC = r"\d(\.\d+)?e\+\d{2}"
"""A positive number as a spreadsheet abbreviates it."""
ONE_SIGN = f"{_UNSIGNED}{_SIGN}?{_UNSIGNED}"
"""A pattern for at most one sign, which every figure must match too, because two signs contradict each other."""
_DASH = "[-–—]"
PADDED_DASH = (
    f"{_GAP}-{_SPACE}{{2,}}|{_SPACE}+-{_SPACE}+|{_GAP}{CURRENCY}{_GAP}-{_GAP}|{_GAP}-{_GAP}{CURRENCY}{_GAP}|"
    f"{_GAP}[{SIGNS}]{_GAP}{_DASH}{_GAP}|{_GAP}{_DASH}{_GAP}[{SIGNS}%％]{_GAP}"
)
"""A zero in accounting formats of spreadsheets: a dash next to a currency or percent sign, or padded like one."""


def _number(mark: Mark) -> str:
    point, comma = (r"\.", ",") if mark == "." else (",", r"\.")
    groups = "|".join(rf"[1-9]\d{{0,2}}({gap}\d{{3}})+" for gap in (comma, _SPACE, "['’]"))
    if mark == ".":  # Indian groups have commas; 10.01.001 is a code
        groups += r"|[1-9]\d?(,\d{2})+,\d{3}"
    return rf"((0|[1-9]\d*|{groups})({point}\d*)?|{point}\d+)"


def plainly_grouped(mark: Mark) -> str:
    """Unsigned numbers with this decimal mark. Their thousands are separated by the other mark, or not at all."""
    point, comma = (r"\.", ",") if mark == "." else (",", r"\.")
    return rf"(0|[1-9]\d*|[1-9]\d{{0,2}}({comma}\d{{3}})+)({point}\d*)?"


_EITHER = r"(0|[1-9]\d*|[1-9]\d{0,2}[.,]\d{3})"


def amount(mark: Mark | None) -> str:
    """Amounts with this decimal mark. For None, amounts whose only mark may separate either thousands or decimals."""
    number = _number(mark) if mark else _EITHER
    signed = f"({_SIGN}{_GAP})?{_BEFORE}({_SIGN}{_GAP})?{number}{_BEHIND}({_GAP}{_SIGN})?{_BEHIND}"
    bracketed = rf"(-{_GAP})?{_BEFORE}\({_GAP}({_SIGN}{_GAP})?{_BEFORE}{number}{_BEHIND}{_GAP}\){_BEHIND}"
    return f"{signed}|{bracketed}"


NEGATED = rf"-{_GAP}{_BEFORE}\(.*"
"""An amount with a minus sign in front of its parentheses."""


def percentage(mark: Mark | None) -> str:
    """Percentages. Zero may lack the percent sign, because its value is the same without it."""
    number = _number(mark) if mark else _EITHER
    signed = f"({_SIGN}{_GAP})?{number}({_PERCENT}({_GAP}{_SIGN})?|{_GAP}{_SIGN}{_PERCENT})"
    return rf"{signed}|\({_GAP}{number}({_PERCENT}{_GAP}\)|{_GAP}\){_PERCENT})|0([.,]0*)?"


def with_percentages(mark: Mark | None) -> str:
    """Amounts with some percentages among them."""
    return f"{amount(mark)}|{percentage(mark)}"


SCALES = {
    **dict.fromkeys(("k", "tsd", "thousand", "tausend", "tys", "mil", "mille", "tusen"), 3),
    **dict.fromkeys(("m", "mm", "mn", "mio", "mln", "mill", "million", "millions", "millionen", "milj", "miljoen"), 6),
    **dict.fromkeys(("b", "bn", "mrd", "mld", "md", "billion", "billions", "milliarden", "miljard"), 9),
    **dict.fromkeys(("lakh", "lac"), 5),
    **dict.fromkeys(("crore", "cr"), 7),
}
"""The scales that may follow a figure, as in 1.2m, and their powers of ten."""
VAGUE_SCALES = frozenset(("m", "b", "cr", "mil"))
"""The scales that may also mean something else: metres, bytes, credit."""
SCALE = f"({'|'.join(sorted(SCALES, key=lambda word: (-len(word), word)))})"
_SCALED = rf"({_GAP}{SCALE}\.?)?"


def scaled(mark: Mark | None) -> str:
    """Amounts followed by their scale, such as 1.2m and 350k."""
    number = _number(mark) if mark else _EITHER
    signed = f"({_SIGN}{_GAP})?{_BEFORE}({_SIGN}{_GAP})?{number}{_SCALED}{_BEHIND}"
    return rf"{signed}|{_BEFORE}\({_GAP}{_BEFORE}{number}{_SCALED}{_BEHIND}{_GAP}\)"


def scale_of(value: str) -> str:
    """SQL for the scale of the figure `value` in lower case, or an empty string."""
    return rf"lower(regexp_extract({value}, '[0-9.,]{_GAP}{SCALE}\b', 1, 'i'))"


def without_scale(value: str) -> str:
    """SQL for the figure `value` without its scale."""
    return rf"regexp_replace({value}, '([0-9.,]){_GAP}{SCALE}\b\.?', '\1', 'i')"


_SIDE = r"(dr|db|debit|soll|cr|credit|haben)\.?"


def sided(mark: Mark | None) -> str:
    """Amounts followed by the word for their side: debit or credit."""
    number = _number(mark) if mark else _EITHER
    return rf"{_BEFORE}{number}{_BEHIND}{_GAP}{_SIDE}|0([.,]0*)?"


def lettered(mark: Mark | None) -> str:
    """Amounts followed by one letter for their side, such as S and H."""
    number = _number(mark) if mark else _EITHER
    return rf"{_BEFORE}{number}{_BEHIND}{_GAP}[sdhc]|0([.,]0*)?"


ANY = "|".join(f"({form(mark)})" for form in (amount, percentage, sided) for mark in (".", ","))
"""A figure in any notation."""


NO_DIGITS = r"[a-zA-ZÀ-ɏА-яё]+\.?|[^0-9.,]"
"""The characters that may surround the digits and marks of a figure."""
SIDE_BEHIND = rf"({_SIDE}|[sdhc])$"


def digits(value: str, mark: Mark) -> str:
    """SQL for the digits of the figure `value`, with a point before the decimals."""
    bare = f"regexp_replace({value}, '{NO_DIGITS}', '', 'g')"
    return f"replace({bare}, ',', '')" if mark == "." else f"replace(replace({bare}, '.', ''), ',', '.')"


def sign(value: str, *, has_sides: bool = False) -> str:
    """SQL for the minus sign of the figure `value`, or an empty string."""
    credit = f" OR regexp_matches({value}, '{_CREDIT}', 'i')" if has_sides else ""
    return f"CASE WHEN regexp_matches({value}, '[{MINUS}(]'){credit} THEN '-' ELSE '' END"


def without_side(value: str) -> str:
    """SQL for the figure `value` without the word or letter for its side."""
    return f"regexp_replace({value}, '{SIDE_BEHIND}', '', 'i')"
