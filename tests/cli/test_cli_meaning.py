"""`cfo meaning`: what the tables mean, and changes of the glossary."""

import re
from pathlib import Path

import pytest

from cfo_kernel.cli_meaning import _changes
from tests.cli.test_cli import Cli, cli

__all__ = ["cli"]


def test_the_meaning_is_shown_changed_drafted_and_undone(cli: Cli, root: Path) -> None:
    file = root / "tiny" / "data" / "datasets.yaml"
    file.write_text("# ours\ncompany: Tiny\n")
    shown = cli("meaning", "show", "-w", "tiny", "LEDGER")
    assert shown.code == 0
    assert shown.out.startswith("ledger: ")
    assert re.search(r"amount +\w+ .*inferred \(\d+%\)", shown.out)
    changed = cli("meaning", "set", "ledger.amount", "role=balance", "synonyms=[value, 'a: b']", "note=", "-w", "tiny")
    assert (changed.code, "version" in changed.out) == (0, True)
    assert "# ours\n" in file.read_text()
    assert "role: balance" in file.read_text()
    again = cli("meaning", "show", "-w", "tiny", "--json").json
    [amount] = [c for c in again["meaning"]["tables"][0]["columns"] if c["column"] == "amount"]
    assert (amount["role"], amount["source"]) == ("stock", "glossary")
    draft = cli("meaning", "draft", "-w", "tiny").out
    assert draft.startswith("# ours\n")
    assert "kind: " in draft
    assert "role: balance" in cli("meaning", "history", "-w", "tiny").out
    assert cli("meaning", "undo", "-w", "tiny").code == 0
    assert file.read_text() == "# ours\ncompany: Tiny\n"
    nothing = cli("meaning", "undo", "-w", "tiny", "--json")
    assert (nothing.code, nothing.json["error"]["code"]) == (1, "nothing_to_undo")


def test_faults_are_listed_and_wrong_changes_refused(cli: Cli, root: Path) -> None:
    file = root / "tiny" / "data" / "datasets.yaml"
    assert (cli("meaning", "check", "-w", "tiny").out, file.exists()) == ("The glossary has no faults.\n", False)
    refused = cli("meaning", "set", "ledger.amunt", "role=flow", "-w", "tiny", "--json")
    assert (refused.code, refused.json["error"]["code"]) == (1, "glossary_name_unknown")
    stale = cli("meaning", "set", "company=x", "--version", "old", "-w", "tiny", "--json")
    assert (stale.code, stale.json["error"]["code"]) == (1, "meaning_changed")
    assert not file.exists()
    file.write_text("tables: {ledger: {columns: {amunt: {}}}}\n")
    found = cli("meaning", "check", "-w", "tiny", "--json")
    assert found.code == 1
    assert "line 1: there is no column ledger.amunt" in found.json["problems"][0]
    unknown = cli("meaning", "show", "nope", "-w", "tiny")
    assert (unknown.code, "unknown_table" in unknown.err) == (1, True)
    assert cli("meaning", "set", "ledger.amount", "-w", "tiny").code == 2


@pytest.mark.parametrize(
    ("entries", "changes"),
    [
        (["fiscal_year_start=July"], {"fiscal_year_start": "July"}),
        (["sales", "date=day", "kind="], {"tables": {"sales": {"date": "day", "kind": None}}}),
        (["s.net amount", "scale=1000"], {"tables": {"s": {"columns": {"net amount": {"scale": 1000}}}}}),
        (["s", "measures={m: {expression: a - b}}"], {"tables": {"s": {"measures": {"m": {"expression": "a - b"}}}}}),
        (["s", "description=such as: this"], {"tables": {"s": {"description": "such as: this"}}}),
        (["s", "description=x\ny: 2"], {"tables": {"s": {"description": "x\ny: 2"}}}),
    ],
)
def test_entries_are_a_patch_of_the_glossary(entries: list[str], changes: dict[str, object]) -> None:
    assert _changes(entries) == changes
