"""What the tables mean is read, corrected, undone and refused in the same way on every front end."""

from pathlib import Path

import pytest

from cfo_kernel.errors import (
    GlossaryInvalid,
    GlossaryNameUnknown,
    InvalidInput,
    JoinDoesNotHold,
    MeaningChanged,
    MeasureCircular,
    NothingToUndo,
)
from tests.replies import ANSWER
from tests.scenarios.conftest import Opened, one_database

GLOSSARY = "# Ours\ntables:\n  ledger:\n    columns:\n      amount: {synonyms: [value]}  # as people say\n"


@one_database
async def test_the_meaning_is_corrected_and_undone(front: Opened, root: Path) -> None:
    file = root / "tiny" / "data" / "datasets.yaml"
    file.write_text(GLOSSARY)
    opened = await front(ANSWER)
    place, other = await opened.workspace(), await (await opened.another()).workspace("tiny")
    seen = await place.meaning()
    assert (seen.text, seen.problems) == (GLOSSARY, ())
    amount = seen.meaning.column("ledger", "amount")
    assert amount is not None
    assert amount.source == "inferred"
    assert amount.evidence
    now = await place.set_meaning(
        {"tables": {"ledger": {"columns": {"AMOUNT": {"role": "balance"}}}}}, version=seen.version
    )
    amount = now.meaning.column("ledger", "amount")
    assert amount is not None
    assert (amount.role, amount.source) == ("stock", "glossary")
    assert file.read_text() == GLOSSARY.replace("value]} ", "value], role: balance}")
    with pytest.raises(MeaningChanged, match="role: balance"):
        await other.set_meaning({"company": "Theirs"}, version=seen.version)
    now = await other.set_meaning({"company": "Theirs"}, version=(await other.meaning()).version)
    now = await place.undo_meaning(version=now.version)
    now = await place.undo_meaning(version=now.version)
    assert (now.text, now.version, file.read_text()) == (GLOSSARY, seen.version, GLOSSARY)
    with pytest.raises(NothingToUndo):
        await place.undo_meaning(version=now.version)
    assert [one.origin for one in await other.meaning_history()] == ["undo", "undo", "edit", "edit", "file"]
    assert "role: balance" not in now.draft().partition("amount")[0]
    assert now.draft().startswith("# Ours\n")
    assert "role:" in now.draft()
    assert "amount" in now._repr_mimebundle_()["text/html"]


@one_database
async def test_nothing_is_written_if_a_part_of_a_change_is_wrong(front: Opened, root: Path) -> None:
    file = root / "tiny" / "data" / "datasets.yaml"
    file.write_text(GLOSSARY)
    (root / "tiny" / "data" / "depts.csv").write_text("department,head\nSales,Ann\nSales,Bob\n")
    place = await (await front(ANSWER)).workspace()
    version = (await place.meaning()).version
    good = {"synonyms": ["gl"]}
    for table, kind, says in (
        ({"columns": {"amunt": {"role": "flow"}}}, GlossaryNameUnknown, "no column ledger.amunt; the most similar is"),
        ({"measures": {"a": {"expression": "b"}, "b": {"expression": "a"}}}, MeasureCircular, "a → b → a"),
        ({"joins": [{"to": "depts", "by": "department"}]}, JoinDoesNotHold, "match more than one row"),
        ({"columns": {"amount": {"role": "blue"}}}, GlossaryInvalid, "must be 'key'"),
        ({"synonyms": ["\x00"]}, InvalidInput, "control character"),
    ):
        with pytest.raises(kind, match=says):
            await place.set_meaning({"company": "x", "tables": {"ledger": {**good, **table}}}, version=version)
    assert file.read_text() == GLOSSARY
    assert [*await place.meaning_history()] == []
