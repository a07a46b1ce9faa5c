"""`union:` is changed in the glossary, and nothing else in it."""

from pathlib import Path

import pytest
import yaml

from cfo_kernel.data.glossary_writer import with_union
from cfo_kernel.errors import GlossaryInvalid

FILES = ["sales_2023.csv", "Umsatz, März.csv", "no: true.csv"]
BEFORE = "# Ours\ncompany: Tiny\n"
AFTER = "tables:\n  ledger:\n    name: 'Ledger'  # comment\n"

TEXTS = {
    "none": "",
    "only a comment": "# nothing yet\n",
    "without a union": BEFORE + AFTER,
    "without a last line end": (BEFORE + AFTER).rstrip(),
    "at the end": f"{BEFORE}{AFTER}union:\n  other: [a.csv, b.csv]\n",
    "in the middle": f"{BEFORE}union:\n  other:\n    - a.csv\n    - b.csv\n  Sales: [old.csv, older.csv]\n{AFTER}",
    "in braces": f"{BEFORE}union: {{other: [a.csv, b.csv], sales: false}}\n{AFTER}",
    "in lines of braces": f"{BEFORE}union: {{other: [a.csv,\n  b.csv]}}\n\n# next\n{AFTER}",
    "empty": f"{BEFORE}union:\n{AFTER}",
    "with Windows line ends": f"{BEFORE}union:\n  other: [a.csv, b.csv]\n{AFTER}".replace("\n", "\r\n"),
}


@pytest.mark.parametrize("case", TEXTS)
@pytest.mark.parametrize("files", [FILES, []])
def test_a_union_is_written_and_the_rest_stays(tmp_path: Path, case: str, files: list[str]) -> None:
    text = TEXTS[case]
    (tmp_path / "datasets.yaml").write_text(text, newline="")
    changed = with_union(tmp_path, "sales", files)
    value = yaml.safe_load(changed)
    assert value.pop("union")["sales"] == (files or False)
    before = yaml.safe_load(text) or {}
    unions = before.pop("union", None) or {}
    assert value == before
    assert yaml.safe_load(changed)["union"].get("other") == unions.get("other")
    assert all(line in changed for line in text.splitlines() if "#" in line)


def test_a_file_is_made_if_there_is_none(tmp_path: Path) -> None:
    assert with_union(tmp_path, "sales", FILES[:2]) == "union:\n  sales: [sales_2023.csv, 'Umsatz, März.csv']\n"


@pytest.mark.parametrize("text", ["{company: Tiny}\n", "- a\n", "company: [\n", "a: 1\n\0"])
def test_a_file_that_cannot_be_changed_safely_is_left_alone(tmp_path: Path, text: str) -> None:
    (tmp_path / "datasets.yaml").write_text(text)
    with pytest.raises(GlossaryInvalid, match=r"datasets\.yaml, line"):
        with_union(tmp_path, "sales", FILES)
