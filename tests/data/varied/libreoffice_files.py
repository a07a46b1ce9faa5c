"""Makes the files of `tests/data/files/varied/libreoffice.zip` with LibreOffice, each with its known tables.

    python -m tests.data.varied.libreoffice_files

LibreOffice opens workbooks that XlsxWriter has written, calculates them, and saves them in its formats. Tests read
the files that are stored, and need no LibreOffice.
"""

import io
import json
import subprocess
import tempfile
import zipfile
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from tests.data.known_tables import Column, KnownTable, to_json
from tests.data.varied import xlsxwriter_files
from tests.data.varied.plans import FEATURES, Plan, make_plan

ARCHIVE = Path(__file__).parents[1] / "files" / "varied" / "libreoffice.zip"
KNOWN = "known.json"
_WORKBOOKS = {
    "ods": "ods:calc8",
    "xls": "xls:MS Excel 97",
    "xlsx": "xlsx:Calc MS Excel 2007 XML",
}
_CSV = {
    # separator, quotation mark, character set, first line, formats, language, quote all text, ..., as shown
    "semicolon": "59,34,76,1,,0,false,true,false",
    "quoted": "44,34,76,1,,0,true,true,false",
    "tab": "9,34,76,1,,0,false,true,false",
    "windows": "59,34,1,1,,0,false,true,false",
    "utf_16": "44,34,65535,1,,0,false,true,false",
    "bar": "124,39,76,1,,0,false,true,false",
    "shown": "44,34,76,1,,1033,false,true,true",
    "german": "59,34,76,1,,1031,false,true,true",
    "french": "59,34,76,1,,1036,false,true,true",
}
_FOR_CSV = ["gaps", "odd_cell", "errors", "totals_row", "titles", "footnote", "flags", "formulas", "dates_as_text"]
_FOR_CSV += ["two_header_rows", "shifted", "texts_as_numbers", "empty_rows", "merged_labels", "array_formulas"]
_NOT_FOR_WORKBOOKS = {
    "macros",
    "inline_strings",
    "chart_sheet",
    "zoomed",
    "protected",
    "frozen",
    "print_titles",
    "grouped",
}


def specifications() -> dict[str, tuple[list[str], str, str]]:
    """For each file, its features, its suffix, and the filter that writes it."""
    found: dict[str, tuple[list[str], str, str]] = {}
    for number, feature in enumerate(name for name in FEATURES if name not in _NOT_FOR_WORKBOOKS):
        for i, (suffix, kind) in enumerate(_WORKBOOKS.items()):
            if suffix == "ods" or number % 2 == i - 1:
                found[f"{suffix}_{feature}"] = ([feature], suffix, kind)
    for i, (dialect, options) in enumerate(_CSV.items()):
        for feature in _FOR_CSV[i % 3 :: 3]:
            found[f"csv_{dialect}_{feature}"] = ([feature], "csv", f"csv:Text - txt - csv (StarCalc):{options}")
    return found


def known_tables(plan: Plan, suffix: str) -> list[KnownTable]:
    """The tables of the plan, as LibreOffice writes them: all formulas have a value."""
    tables = plan.known()
    calculated = {
        (column, i): cell.value
        for i, row in enumerate(plan.area.body)
        for column, cell in enumerate(row)
        if not cell.is_calculated
    }
    for i, column in enumerate(tables[0].columns):
        if column.kind == "uncalculated":
            tables[0].columns[i] = Column(
                column.name, "amount", [calculated[i, row] for row in range(tables[0].height)]
            )
        if suffix == "csv" and column.name == "Region":  # in a text file, only the first of merged cells is filled
            tables[0].columns[i] = replace(column, values=[row[i].value for row in plan.area.body])
    return tables


def _without_picture(content: bytes) -> bytes:
    """The file without the picture of its first page, which takes half of the file's size."""
    if not content.startswith(b"PK"):
        return content
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(file, "w") as new:
        for entry in old.infolist():
            if not entry.filename.startswith("Thumbnails"):
                new.writestr(entry, old.read(entry))
    return file.getvalue()


def main() -> None:
    files = specifications()
    known: dict[str, list[object]] = {}
    with tempfile.TemporaryDirectory() as scratch, zipfile.ZipFile(ARCHIVE, "w") as archive:
        jobs: defaultdict[str, list[Path]] = defaultdict(list)
        for number, (name, (features, suffix, kind)) in enumerate(files.items()):
            plan = make_plan(name, 1000 + number, features)
            path = Path(scratch) / f"{name}.xlsx"
            xlsxwriter_files.write(plan, path)
            jobs[kind].append(path)
            known[f"{name}.{suffix}"] = [to_json(table) for table in known_tables(plan, suffix)]
        for kind, paths in jobs.items():
            command = ["soffice", "--headless", f"-env:UserInstallation=file://{scratch}/profile", "--convert-to", kind]
            made = Path(scratch) / "made"
            subprocess.run([*command, "--outdir", str(made), *map(str, paths)], check=True, capture_output=True)
        for name in known:
            # A fixed time, so that the same files make the same archive.
            entry = zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0))
            archive.writestr(entry, _without_picture((made / name).read_bytes()), zipfile.ZIP_DEFLATED)
        archive.writestr(zipfile.ZipInfo(KNOWN, (2024, 1, 1, 0, 0, 0)), json.dumps(known), zipfile.ZIP_DEFLATED)


if __name__ == "__main__":
    main()
