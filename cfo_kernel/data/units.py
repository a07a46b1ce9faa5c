"""Recognizes cells that name the unit of figures: `EUR`, `%`, `$'000`, `(in millions)`, `€m`."""

import re
from functools import lru_cache

from cfo_kernel.data import currencies
from cfo_kernel.data.vocabulary import listed, plain

_SCALES = listed(
    "hundreds thousand thousands million millions billion billions trillion trillions m mn mm mio mil mill mln bn mrd"
    " mld md k t tsd teur keur meur kusd musd tausend millionen milliarden mille millier milliers milliard milliards"
    " miles millon millones migliaia milione milioni miliardi milhar milhares milhao milhoes bilhoes"
    " duizend duizenden miljoen miljoenen miljard tusen tusental miljon miljoner miljarder tys tysiac tysiace"
    " lakh lakhs crore crores 000 0000 000s 千円 百万円 億円 千 百万 億 円"
)
_CURRENCIES = listed(
    "dollar dollars euro euros pound pounds sterling yen franc francs krona kronor kroner zloty rupee rupees yuan rmb"
    " rs inr reais real zl kr skr nok dkk sek cent cents pence percent percentage percentages prozent pct bps"
)
_BESIDE = listed(
    "in of en em im i w de di d per and und et y e a except expressed stated all figures amounts angaben us u s"
    " canadian australian singapore hong kong american 単位"
)
"""Words that may accompany a unit."""
_MEASURES = listed(
    "point points bp pp kg g tonne tonnes ton tons km m2 sqm kwh mwh gwh hour hours hrs h day days year years"
    " month months week weeks unit units piece pieces pcs stk stuck share shares fte no number"
)
"""Units that are also names of columns, and are units only in parentheses."""
_SIGNS = "$€£¥￥₹%‰"
_WORD = re.compile(rf"[^\W_]+|[{_SIGNS}]")
_PERCENT = listed("% percent percentage prozent pct")
_CODES = currencies.CODES - {"ALL", "TRY", "TOP"}
_MOST = 14
_THOUSANDS = listed(
    "thousand thousands k t tsd teur keur kusd tausend mille millier milliers mil miles migliaia milhar milhares"
    " duizend duizenden tusen tusental tys tysiac tysiace 000 000s 千円 千"
)
_MILLIONS = listed(
    "million millions m mn mm mio mill mln meur musd millionen millon millones milione milioni milhao milhoes miljoen"
    " miljoenen miljon miljoner 百万円 百万"
)
_BILLIONS = listed("billion billions bn mrd mld md milliarden milliard milliards miliardi bilhoes miljard miljarder")
_NAMED = (
    (_THOUSANDS, "thousands"),
    (_MILLIONS, "millions"),
    (_BILLIONS, "billions"),
    (listed("億円 億"), "100 millions"),
    (listed("lakh lakhs"), "lakhs"),
    (listed("crore crores"), "crores"),
    (listed("bps bp"), "basis points"),
)
_AMBIGUOUS = listed("miles mil mille mill")
_SEGMENT = re.compile(r"[(\[（［][^()\[\]（）［］]*[)\]）］]|[^()\[\]（）［］;,:|–—]+")
_BEFORE = re.compile(r"\b(?=(?:in|en|em|i|w)\s)", re.IGNORECASE)
_CLEAR = 3  # a scale with this many letters needs no currency next to it


@lru_cache(maxsize=1 << 12)
def is_unit(text: str) -> bool:
    """Whether the text is only a unit, a scale or both."""
    words = _words(text)
    measures = _MEASURES if _is_bracketed(text) else frozenset[str]()
    if not 0 < len(words) <= _MOST or not all(_names_unit(w) or w in _BESIDE or w in measures for w in words):
        return False
    return any(_names_unit(word) or word in measures for word in words)


@lru_cache(maxsize=1 << 12)
def scale_of(text: str) -> str | None:
    """The scale of the figures according to a title or name: `thousands` for `Balance sheet (EUR '000)`."""
    for segment in _SEGMENT.findall(text):
        for start in (0, *(found.start() for found in _BEFORE.finditer(segment))):
            words = _words(segment[start:]) if is_unit(segment[start:]) else []
            has_currency = any(word in _SIGNS or word.upper() in _CODES or word in _CURRENCIES for word in words)
            for word in words:
                name = next((name for known, name in _NAMED if word in known), None)
                is_clear = len(word) >= _CLEAR and (len(words) > 1 or word not in _AMBIGUOUS)
                if name and (has_currency or is_clear or _is_bracketed(segment)):
                    return name
    return None


def is_percent(text: str) -> bool:
    """Whether the text is only the unit percent."""
    words = [word for word in _words(text) if word not in _BESIDE]
    return len(words) == 1 and words[0] in _PERCENT


def _names_unit(word: str) -> bool:
    return word in _SIGNS or word.upper() in _CODES or word in _SCALES or word in _CURRENCIES


def _is_bracketed(text: str) -> bool:
    stripped = text.strip()
    return stripped[:1] in ("(", "[") and stripped[-1:] in (")", "]")


def _words(text: str) -> list[str]:
    return [part for word in _WORD.findall(text) for part in _parts(plain(word))]


def _parts(word: str) -> list[str]:
    """A currency and a scale in one word, as in `USDm`, or else the word itself."""
    return [word[:3], word[3]] if len(word) == 4 and word[:3].upper() in _CODES and word[3] in "mk" else [word]
