"""Parses numbers as people write them: 1,000,000 · 1.5m · 500k · $5,000 · 20 percent · five."""

import re
from dataclasses import dataclass

from cfo_kernel.agent.analyst.words import Word

_DIGITS = re.compile(r"(\d+(?:,\d{3})*(?:\.\d+)?)(k|mn|mio|m|bn|b)?")
_SHORT = {"k": 10**3, "m": 10**6, "mn": 10**6, "mio": 10**6, "bn": 10**9, "b": 10**9}
_SCALES = _SHORT | {"thousand": 10**3, "million": 10**6, "billion": 10**9, "mill": 10**6}
_NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_SPELLED = {name: i for i, name in enumerate(_NAMES)} | {"fifteen": 15, "twenty": 20, "fifty": 50, "hundred": 100}
_MONEY = ("dollar", "dollars", "usd", "eur", "euro", "euros", "cad", "aud", "gbp")


@dataclass(frozen=True, slots=True)
class Number:
    """A number, and whether it was written as a percentage (20 percent has the value 20, not 0.2) or as money."""

    value: int | float
    percent: bool = False
    money: bool = False


def number_at(words: tuple[Word, ...], at: int) -> tuple[Number, int] | None:
    """The number that begins at this word, and its length in words."""
    first = words[at].norm
    match = _DIGITS.fullmatch(first)
    if match:
        value = float(match.group(1).replace(",", "")) * _SCALES.get(match.group(2) or "", 1)
    elif first in _SPELLED:
        value = float(_SPELLED[first])
    else:
        return None
    end = at + 1
    while end < len(words) and words[end].norm in _SCALES and not words[end].before:
        value *= _SCALES[words[end].norm]
        end += 1
    percent = end < len(words) and words[end].norm in ("percent", "pct")
    end += percent
    money = any(sign in words[at].before for sign in "$€£")
    if end < len(words) and words[end].norm in _MONEY and not percent:
        money, end = True, end + 1
    return Number(int(value) if value == int(value) else value, percent, money), end - at
