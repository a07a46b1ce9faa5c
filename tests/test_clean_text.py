"""Text from foreign servers and models is made safe to store and to show."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfo_kernel.clean_text import clean_text

DIRECTIONS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


@given(st.text(st.characters(exclude_categories=())))
def test_what_remains_can_be_stored_and_hides_nothing(text: str) -> None:
    cleaned = clean_text(text)
    cleaned.encode()
    assert clean_text(cleaned) == cleaned
    assert all(unicodedata.category(c) != "Cc" or c in "\t\n" for c in cleaned)
    assert not DIRECTIONS & {unicodedata.bidirectional(c) for c in cleaned}


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("4\u202f400,55 € in Zürich, 日本, 👨\u200d👩\u200d👧", "4\u202f400,55 € in Zürich, 日本, 👨\u200d👩\u200d👧"),
        ("a\tb\r\nc\rd\u2028e", "a\tb\nc\nd\ne"),
        ("\x1b[31mred\x1b[0m \x1b]0;title\x07x \x1b]8;;http://x\x1b\\link \x9b1mbold", "red x link bold"),
        ("\x1b[31", "[31"),
        ("paid \u202e001$\u202c now\x00\ufeff", "paid 001$ now"),
        ("half \ud83d of it", "half \ufffd of it"),
        ("seen\U000e0041\U000e0042", "seen"),
    ],
)
def test_a_text(text: str, cleaned: str) -> None:
    assert clean_text(text) == cleaned
