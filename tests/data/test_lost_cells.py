"""Cells of a workbook that have no value although they are not empty are counted in notes."""

from pathlib import Path

import pytest

from cfo_kernel.data import ingest_worker
from cfo_kernel.errors import UnreadableFile
from tests.data.hostile_files import book, sheet

TITLE = '<row r="1"><c r="D1" t="e"><v>#NAME?</v></c></row>'


def _row(number: int, first: str, second: str) -> str:
    text = f'<c r="C{number}" t="inlineStr"><is><t>{first}</t></is></c>'
    placed = second.replace("<c", f"<c r='D{number}'")
    return f'<row r="{number}">{text}{placed}</row>'


def _notes(folder: Path, cells: list[str]) -> list[str]:
    """The notes on a table in columns C and D, whose second column has these cells and one more."""
    header = _row(3, "account", '<c t="inlineStr"><is><t>amount</t></is></c>')
    rows = [_row(number, "a", cell) for number, cell in enumerate([*cells, "<c><v>5</v></c>"], 4)]
    path = folder / "book.xlsx"
    path.write_bytes(book(sheet(TITLE + header + "".join(rows))))
    [table] = ingest_worker.ingest(str(path), str(folder / "made"))["tables"]
    assert table["row_count"] == len(cells) + 1
    return table["notes"]


@pytest.mark.parametrize(
    ("cells", "note"),
    [
        (['<c t="e"><v>#REF!</v></c>'], "amount: 1 cell has an error (such as #REF!) and was read as empty."),
        (
            ['<c t="e"><v>#N/A</v></c>', '<c t="e"><f>1/0</f><v>#DIV/0!</v></c>'],
            "amount: 2 cells have errors (such as #N/A) and were read as empty.",
        ),
        (["<c><f>1+1</f></c>"], "amount: 1 formula was never calculated, and read as empty."),
        (
            ["<c><f>1+1</f><v></v></c>", '<c><f t="shared" si="0"/></c>', "<c><f>A1</f><v/></c>"],
            "amount: 3 formulas were never calculated, and read as empty.",
        ),
        (
            ["<c><v>NaN</v></c>", "<c><v>1e999</v></c>"],
            "amount: 2 cells were infinite or not a number, and read as empty.",
        ),
    ],
)
def test_lost_cells_are_counted_for_each_column(tmp_path: Path, cells: list[str], note: str) -> None:
    [found] = _notes(tmp_path, cells)
    assert found.startswith(note)


def test_a_column_without_the_values_of_its_formulas_cannot_be_summed(tmp_path: Path) -> None:
    """But a formula that adds up the cells above it leaves nothing out."""
    rows = [_row(3, "account", '<c t="inlineStr"><is><t>amount</t></is></c>')]
    cells = ["<c><v>100</v></c>", "<c><f>B3*1.1</f></c>", "<c><v>300.5</v></c>", "<c><f>SUM(D4:D6)</f></c>"]
    for name, used in {"incomplete": cells, "complete": [cells[0], *cells[2:]]}.items():
        path = tmp_path / f"{name}.xlsx"
        path.write_bytes(book(sheet(rows[0] + "".join(_row(n, f"a{n}", cell) for n, cell in enumerate(used, 4)))))
        [table] = ingest_worker.ingest(str(path), str(tmp_path / name))["tables"]
        kind = table["columns"][1]["type"]
        assert (kind == "VARCHAR") == (name == "incomplete"), kind
        assert any("1 total was never calculated" in note for note in table["notes"])
        assert any("kept as text" in note for note in table["notes"]) == (name == "incomplete")


def test_calculated_formulas_and_empty_strings_are_not_lost(tmp_path: Path) -> None:
    cells = ["<c><f>1+1</f><v>2</v></c>", '<c><f t="shared" si="0"/><v>3</v></c>', '<c t="str"><f>A1</f><v></v></c>']
    assert _notes(tmp_path, cells) == []


def test_two_sheets_of_one_name_are_refused(tmp_path: Path) -> None:
    listed = "".join(f'<sheet name="S" sheetId="{i + 1}" r:id="r{i}"/>' for i in range(2))
    path = tmp_path / "twins.xlsx"
    path.write_bytes(book(sheet(), sheet(), listed=listed))
    with pytest.raises(UnreadableFile, match="two of its sheets are named S"):
        ingest_worker.ingest(str(path), str(tmp_path / "made"))
