"""Recognizes the labels of totals, in all supported languages.

The patterns work in both RE2 (DuckDB) and Python, and expect text in lower case.
"""

import re
from enum import IntEnum

from cfo_kernel.data.vocabulary import plain

_WORDS = (
    r"(?:sub|sous|grand)?tota(?:l|ls|le|les|li|al|len|is|ux|lt)|sum|sums|sumas?|sumy|sumi|som[ae]s?|somme|summor"
    r"|\w*summ(?:e|en|a|or)|\w*totaal|gesamt\w*|insgesamt|razem|og[oó][lł]em|[lł][aą]cznie|overall|en ?semble"
    r"|complessiv[oaei]|net movement|итого|всего|сумма"
)
_JAPANESE = r"合計|小計|総計|累計|[産債入出益用費部上]計\s*$|^\s*計\s*$"
_NO_LETTER = "[^a-zß-öø-ÿāăąćčďđēęěğģīįıķłļńņňōőœŕřśšşťţūůűųźżžа-я]"
PATTERN = rf"(?:^|{_NO_LETTER})(?:{_WORDS})(?:{_NO_LETTER}|$)|{_JAPANESE}"
"""Matches text with a word for totals anywhere: `College total`, `TOTAL1`, `Gesamtaufwand`."""
_TOTAL = re.compile(PATTERN)
_HINT = re.compile(r"\s*(?:all\s+\w+|(?:[hs][12]|fy|full year|ytd)[\s/-]*(?:\d{2}|\d{4})?)\s*")
_FILLERS = (
    r"grand|general|générale?|generale|geral|main|net|report|table|column|row|final|sub|sous|all|of|in|the|en|de"
    r"|im|für|alle|to|for|date|and|końcow[ya]|og[oó]ln[ay]|totale?|sum"
)
_BARE = re.compile(rf"(?:{_NO_LETTER})*(?:(?:{_WORDS}|{_FILLERS}|{_JAPANESE})(?:{_NO_LETTER})*)+")
_BALANCES = (
    r"(?:opening|closing|beginning|ending|starting|initial|final|previous) balance"
    r"|(?:balance )?(?:brought|carried) (?:forward|down)|balance [bc]/[fd]|balance (?:as )?(?:at|of|on)"
    r"|(?:anfangs|end|schluss|eröffnungs|alt|neu)(?:saldo|bestand)|\w*vortrag|kontostand"
    r"|(?:solde|saldo) (?:au|al|ao|am|per|op|na dzień)"
    r"|solde (?:initial|final|d'ouverture|de clôture|précédent|reporté)|(?:ancien|nouveau) solde|report à nouveau"
    r"|saldo (?:inicial|final|anterior|iniziale|finale|precedente|de apertura|de cierre)"
    r"|(?:begin|eind|open(?:ings)?|slot)saldo|(?:ingående|utgående) (?:saldo|balans)"
    r"|saldo (?:początkowe|końcowe|otwarcia|zamknięcia)|期首残高|期末残高|[前次]月繰越|[前次]期繰越|繰越残高"
)
BALANCE = rf"(?:^|{_NO_LETTER})(?:{_BALANCES})(?:{_NO_LETTER}|$)"
"""Matches text that labels an opening or closing balance among movements."""
_PLAIN_BALANCE = re.compile(rf"(?:^|[^a-z])(?:{plain(_BALANCES)})(?:[^a-z]|$)")


_RESULTS = (
    r"(?:gross|operating|net|trading) (?:\w+ )?"
    r"(?:profit|income|loss|earnings|margin|surplus|deficit|result|sales|revenue|assets|cash|debt)"
    r"|(?:profit|income|loss|earnings|surplus|deficit|result)s?(?: \W?loss\W?)?"
    r" (?:before|after|from (?:\w+ )?operations|for the (?:year|period|quarter|month))|ebitd?a?"
    r"|\w*ergebnis|\w*uberschuss|roh(?:ertrag|gewinn|marge)|(?:rein|jahres)gewinn|jahres(?:verlust|fehlbetrag)"
    r"|deckungsbeitrag(?: \w+)?|resultats?|marge|benefice|excedent|resultado|beneficio|margen|utilidad"
    r"|risultato|utile|margine|lucro|margem|resultaat|winst|vinst|wynik|zysk"
)
_RESULT = re.compile(rf"(?:^|[^a-z])(?:{_RESULTS})(?:[^a-z]|$)|利益|損益")
_COMPANY = re.compile(
    r"\b(?:ltd|limited|inc|corp|corporation|company|llc|llp|plc|gmbh|ag|kg|se|sa|sas|sarl|srl|spa|nv|bv|ab|oy|as|aps"
    r"|sp|co|kk|lda|energies)\b\.?(?:\s+\w+)?\s*$|株式会社|有限会社"
)
_SUBTOTAL = re.compile(r"\bsub[\s-]*(?:tot|sum)|\bzwischensumme|\bsous[\s-]*tot|\bdelsumm|\btussentot|小計")


class Label(IntEnum):
    """How strongly a label says that its row is a total.

    Not at all, possibly (`All regions`, `H1`), with a word in a longer text, or with nothing but such words.
    """

    NONE = 0
    HINT = 1
    WORD = 2
    BARE = 3


def label_of(text: str) -> Label:
    """How strongly the text labels a total."""
    lowered = text.lower()[:200]
    if not _TOTAL.search(lowered):
        return Label.HINT if _HINT.fullmatch(lowered) else Label.NONE
    if _COMPANY.search(lowered):
        return Label.NONE
    return Label.BARE if _BARE.fullmatch(lowered) else Label.WORD


def is_subtotal(text: str) -> bool:
    """Whether the text has a word for subtotals, which never occurs in the name of a line."""
    return _SUBTOTAL.search(text.lower()[:200]) is not None


def is_result(text: str) -> bool:
    """Whether the text labels a line of a statement that follows from other lines, such as a gross profit."""
    return _RESULT.search(plain(text[:200])) is not None


def is_balance(text: str) -> bool:
    """Whether the text labels an opening or closing balance."""
    return _PLAIN_BALANCE.search(plain(text[:200])) is not None


def name_in(text: str) -> frozenset[str]:
    """The words of a label without those for totals, such as `rent` in `Total rent`."""
    words = re.findall(r"\w+", text.lower()[:200])
    return frozenset(word for word in words if not _BARE.fullmatch(word))
