"""Determines the encoding of text that is not UTF-8, judging by its letters.

An encoding is right if the letters beyond ASCII are those of one language, inside words and with capitals only where
they belong: `Dvořák` is Czech, but `Dvoøák`, the same bytes in another encoding, is not a word in any language.
Japanese and Chinese are recognized by the bytes of their most common characters.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_SAMPLE = 1 << 16
_CHUNK = 1 << 20
_MOST_LINE = 2000
_PROOF = 0.95
_MARGIN = 0.05
_FEWEST = 3  # letters that prove anything
_UMLAUTS = "äöüß"
_WESTERN = {
    "German": "äöüß",
    "French": "àâæçéèêëîïôœùûüÿ",
    "Spanish": "áéíñóúü",
    "Italian": "àèéìòù",
    "Portuguese": "áâãàçéêíóôõúü",
    "Dutch": "áéèëïóöüĳ",
    "Swedish": "åäöé",
    "Danish": "æøåé",
    "Icelandic": "áðéíóúýþæö",
}
_CENTRAL = {
    "Polish": "ąćęłńóśźż",
    "Czech": "áčďéěíňóřšťúůýž",
    "Slovak": "áäčďéíĺľňóôŕšťúýž",
    "Hungarian": "áéíóöőúüű",
    "Romanian": "ăâîşţ",
    "Croatian": "čćđšž",
}
_CYRILLIC = {
    "Russian": "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
    "Ukrainian": "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя",
    "Serbian": "абвгдђежзијклљмнњопрстћуфхцчџш",
}
_GREEK = {"Greek": "αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋΐΰ"}
_TURKISH = {"Turkish": "çğıiöşüâî"}
_CANDIDATES: tuple[tuple[str, str, dict[str, str], str], ...] = (
    ("cp1252", "Windows-1252", _WESTERN, ""),
    ("cp1250", "Windows-1250", _CENTRAL, _UMLAUTS),
    ("cp1251", "Windows-1251", _CYRILLIC, ""),
    ("mac_roman", "Mac Roman", _WESTERN, ""),
    ("cp850", "DOS code page 850", _WESTERN, ""),
    ("iso8859-2", "ISO 8859-2", _CENTRAL, _UMLAUTS),
    ("cp1253", "Windows-1253", _GREEK, ""),
    ("cp1254", "Windows-1254", _TURKISH, ""),
    ("koi8-r", "KOI8-R", _CYRILLIC, ""),
    ("cp866", "DOS code page 866", _CYRILLIC, ""),
)
_SYMBOLS = frozenset("€£¥§©®°±²³¹ºª¼½¾«»„“”‚‘’–—…•†‡‰¿¡·µ¢¤¦¬´¨¸¯×÷\xa0™№ƒ")
_BETWEEN_LETTERS = frozenset("’´·‘–—")
_LAST_LATIN = 0x24F
_JAPANESE = re.compile(rb"[\x81-\x9f\xe0-\xea][\x40-\x7e\x80-\xfc]")
_CHINESE = re.compile(rb"[\xa1-\xf7][\xa1-\xfe]")
_COMMON_CHINESE = range(0xB0, 0xD8)
_PUNCTUATION = range(0xA1, 0xA4)


@dataclass(frozen=True)
class Encoding:
    """An encoding: its name in Python, and its display name. `is_proven` means that the letters leave no doubt."""

    codec: str
    name: str
    is_proven: bool = True


def encoding_of(path: Path) -> Encoding:
    """The encoding of a text file that is not UTF-8."""
    sample = _lines_beyond_ascii(path)
    if _is_japanese(sample):
        return Encoding("cp932", "Shift JIS")
    if _is_chinese(sample):
        return Encoding("gb18030", "GB 18030")
    texts = [sample.decode(codec, errors="replace") for codec, *_ in _CANDIDATES]
    scores = [
        _coverage(text, [set(letters + more) for letters in languages.values()])
        for text, (_, _, languages, more) in zip(texts, _CANDIDATES, strict=True)
    ]
    best = max(range(len(scores)), key=lambda i: (scores[i], -i))
    is_better = scores[best] >= max(_PROOF, scores[0] + _MARGIN) and texts[best] != texts[0]
    if is_better and sum(byte > 127 for byte in sample) >= _FEWEST:
        rivals = [i for i, score in enumerate(scores) if score >= scores[best] and texts[i] != texts[best]]
        codec, name, *_ = _CANDIDATES[best]
        return Encoding(codec, name, is_proven=not rivals)
    codec, name, languages, _ = _CANDIDATES[0]
    is_western = _coverage(texts[0], [set("".join(languages.values()))]) >= _PROOF
    return Encoding(codec, name, is_proven=is_western and not is_better)


def _lines_beyond_ascii(path: Path) -> bytes:
    """Lines of the file with bytes that are not ASCII."""
    found = bytearray()
    with path.open("rb") as file:
        while (chunk := file.read(_CHUNK)) and len(found) < _SAMPLE:
            if not chunk.isascii():
                for line in chunk.splitlines():
                    if not line.isascii() and len(found) < _SAMPLE:
                        found += line[:_MOST_LINE] + b"\n"
    return bytes(found)


def _coverage(text: str, languages: Iterable[set[str]]) -> float:
    """The greatest share of characters beyond ASCII that one language explains."""
    seen: dict[str, int] = {}
    count = 0
    for at in (i for i, character in enumerate(text) if not character.isascii()):
        count += 1
        character, before, after = text[at], text[at - 1 : at], text[at + 1 : at + 2]
        if not character.isalpha() or character in "ªº":
            is_inside = before.isalpha() and after.isalpha() and character not in _BETWEEN_LETTERS
            key = " " if character in _SYMBOLS and not is_inside else ""
        else:
            is_mixed = ord(character) > _LAST_LATIN and _is_latin(before + after)
            is_final = character == "ς" and after.isalpha()
            is_odd = is_mixed or is_final or (character.isupper() and before.islower())
            key = "" if is_odd else character.lower()
        key = key[:1]  # a lower-case İ is two characters
        seen[key] = seen.get(key, 0) + 1
    if not count:
        return 1
    explained = (sum(n for key, n in seen.items() if key == " " or key in language) for language in languages)
    return max(explained) / count


def _is_latin(text: str) -> bool:
    return any(character.isascii() and character.isalpha() for character in text)


def _is_japanese(sample: bytes) -> bool:
    """Whether most bytes above ASCII form pairs whose first byte is rare in Western text."""
    high = sum(byte > 127 for byte in sample)
    pairs = _JAPANESE.findall(sample)
    common = sum(pair[0] < 0xA0 for pair in pairs)  # kana and most kanji
    covered = sum(1 + (pair[1] > 127) for pair in pairs)
    return 5 * common >= 4 * len(pairs) and len(pairs) > 1 and 10 * covered >= 9 * high


def _is_chinese(sample: bytes) -> bool:
    """Whether most bytes above ASCII form pairs, nearly all of them common characters or punctuation."""
    high = sum(byte > 127 for byte in sample)
    pairs = _CHINESE.findall(sample)
    common = sum(pair[0] in _COMMON_CHINESE or pair[0] in _PUNCTUATION for pair in pairs)
    return len(pairs) > 1 and 20 * len(pairs) >= 9 * high and 10 * common >= 9 * len(pairs)
