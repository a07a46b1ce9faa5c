"""Entries of the glossary are changed in its text, and every other line stays as it is."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from cfo_kernel.data.glossary_editor import edited
from cfo_kernel.errors import GlossaryInvalid, InvalidInput

SAMPLE = (Path(__file__).parents[2] / "workspaces/adventure_works/data/datasets.yaml").read_text()
FILES = ["sales_2023.csv", "Umsatz, März.csv", "no: true.csv"]
ODD = """\
# Ours
company:   'Tiny'   # as in the register

tables:
    ledger: {name: Ledger,
       synonyms: [gl,
                  "postings"]}   # a long one
    # the chart
    accounts:
        synonyms:
        - chart
        - coa
        description: >-
            # not a comment
            A folded text
            of two lines.
        # before the columns
        columns:
            account: {values: {No: [never], Yes: ["yes"]}}
union: {other: [a.csv, b.csv], sales: false}
# the end
"""
TEXTS = {
    "none": "",
    "comment": "# nothing yet\n",
    "sample": SAMPLE,
    "odd": ODD,
    "windows": ODD.replace("\n", "\r\n"),
    "no last line end": ODD.rstrip(),
    "braces": "{company: Tiny}\n",
    "empty entries": "company:\ntables:\nunion:\n",
}
CHANGES: dict[str, dict[str, Any]] = {
    "a new entry": {"tables": {"accounts": {"columns": {"account": {"role": "key", "synonyms": ["A: b", "1:30"]}}}}},
    "a new table": {"tables": {"fresh": {"joins": [{"to": "accounts", "by": {"a": "b"}}], "date": "day"}}},
    "another value": {"company": "Yes", "tables": {"ledger": {"name": "Ours\nof old"}}},
    "a removal": {"company": None, "tables": {"ledger": {"name": None}, "accounts": {"description": None}, "x": None}},
    "another case": {"TABLES": {"Accounts": {"Columns": {"ACCOUNT": {"note": "x"}}}}},
    "many odd names": {
        "tables": {
            "t": {"joins": [{"to": "a", "by": {f"{'N' * i} # no": f"{'N' * i} # no"}} for i in range(1, 30)]},
            "u": {"one_row_per": [f"Col {i} #" for i in range(40)], "columns": {"A #": {"role": "key"}, "n" * 200: {}}},
        }
    },
    "files": {"union": {"sales": FILES}},
    "files apart": {"union": {"sales": False}},
}  # fmt: skip


def merged(value: Any, changes: Any) -> Any:
    """RFC 7396, where keys are compared without case."""
    if not isinstance(changes, dict):
        return changes
    found = dict(value) if isinstance(value, dict) else {}
    for name, change in changes.items():
        key = next((key for key in found if key.lower() == name.lower()), name)
        if change is None:
            found.pop(key, None)
        else:
            found[key] = merged(found.get(key), change)
    return found


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("change", CHANGES)
def test_only_the_change_is_changed(text: str, change: str) -> None:
    before, changes = TEXTS[text], CHANGES[change]
    after = edited(before, changes)
    value = yaml.safe_load(before) or {}
    assert yaml.safe_load(after) == merged(value, changes)
    lines = before.splitlines()
    gone = [line for line in lines if line not in after.splitlines()]
    touched = sum(line.strip() != "" for line in gone)
    assert touched <= (12 if change == "a removal" else 4), gone  # the entries that are named, and no others
    assert [line for line in lines if line.startswith("#")] == [x for x in after.splitlines() if x.startswith("#")]
    assert after.count("\r\n") in (0, after.count("\n"))


def test_new_entries_look_like_those_around_them() -> None:
    after = edited(ODD, {"tables": {"accounts": {"one_row_per": ["a", "b"]}}, "company": "Big"})
    assert "company:   'Tiny'   # as" not in after
    assert re.search(r"\ncompany: 'Big' +# as in the register\n", after)
    assert '            account: {values: {No: [never], Yes: ["yes"]}}\n        one_row_per: [a, b]\n' in after
    assert edited(ODD, {"company": "Tiny", "nothing": None}) == ODD


@pytest.mark.parametrize("text", ["- a\n", "company: [\n", "a: 1\n\0", "a: 1\na: 2\n", "a: &x [1]\nb: *x\n"])
def test_a_file_that_cannot_be_read_as_a_whole_is_left_alone(text: str) -> None:
    with pytest.raises(GlossaryInvalid, match=r"datasets\.yaml, line \d"):
        edited(text, {"company": "x"})


@pytest.mark.parametrize(
    "changes", [{"a": {1: "x"}}, {"a": "\x1b[31m"}, {"a": b"x"}, {"a": "x" * 10_001}, {"a": [1] * 6_000}, {"": 1}]
)
def test_changes_that_are_not_plain_values_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        edited("", changes)


TEXT = st.text(alphabet="aB1 :#-'\"[]{},\n.%&*!|>@~é=?", max_size=12)
VALUES = st.recursive(
    TEXT | st.booleans() | st.integers(-9, 9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT.filter(bool), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.dictionaries(st.sampled_from(["company", "tables", "new", "n o"]), VALUES, min_size=1),
    st.sampled_from(["", ODD]),
)
@settings(max_examples=40)
def test_any_value_is_read_back_as_it_was_written(changes: dict[str, Any], text: str) -> None:
    try:
        after = edited(text, changes)
    except (GlossaryInvalid, InvalidInput):
        return
    assert yaml.safe_load(after) == merged(yaml.safe_load(text) or {}, changes)


def test_a_file_of_very_many_lines_is_changed_by_hand() -> None:
    lines = "".join(f"  t{n}:\n    name: T\n" for n in range(2_000))
    with pytest.raises(GlossaryInvalid, match="more than 4,000 lines, too many to change it here"):
        edited(f"tables:\n{lines}", {"company": "Ours"})
