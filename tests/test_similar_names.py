"""The search for similar names takes bounded time, however many names there are and however long they are."""

import difflib
import random

import pytest

from cfo_kernel.data.scope import nearest
from cfo_kernel.similar_names import similar

NAMES = ["general_ledger", "exchange_rates", "accounts", "Departments"]


@pytest.mark.parametrize(
    ("name", "found"),
    [("genral_leger", ["general_ledger"]), ("DEPARTMENT", ["Departments"]), ("acounts", ["accounts"]), ("xyz", [])],
)
def test_a_misspelt_name_finds_the_known_one(name: str, found: list[str]) -> None:
    assert similar(name, NAMES) == found


def test_few_characters_are_compared_slowly_however_many_names_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = 0
    ratio = difflib.SequenceMatcher.ratio

    def counted(matcher: "difflib.SequenceMatcher[str]") -> float:
        nonlocal compared
        compared += len(matcher.a) * len(matcher.b)
        return ratio(matcher)

    monkeypatch.setattr(difflib.SequenceMatcher, "ratio", counted)
    letters = random.Random(1)
    names = ["".join(letters.choices("abcd", k=1_000)) for _ in range(5_000)]
    assert len(nearest(names[0][:-1] + "e", names)) < 4_000
    assert 0 < compared < 50_000  # a comparison of 1,000 characters with each name would be 5,000,000,000
