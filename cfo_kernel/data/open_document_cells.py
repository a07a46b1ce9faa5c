"""Examines the cells of a .ods workbook: finds errors, formulas never calculated, codes, hidden rows, and merged cells.

Runs in the ingest worker. The parser returns the first two as empty cells, and does not return formats or merged cells.
"""

import re
import zipfile
from pathlib import Path
from xml.parsers import expat

from cfo_kernel.data.cell_marks import ExaminedMarks, SheetMarks
from cfo_kernel.data.lost_cells import xml_parser
from cfo_kernel.data.number_masks import PERCENT
from cfo_kernel.data.sheet_values import MAX_ROWS
from cfo_kernel.errors import FileTooLarge

_CONTENT, _STYLES = "content.xml", "styles.xml"
_CHUNK = 1 << 20
_OVERLAP = 4096
_SUSPECT = re.compile(
    rb"""value-type=["'](?:error|percentage)|visibility=["'](?:collapse|filter)|min-integer-digits=["'](?:[2-9]|1\d)|"""
    rb"""\b(?<!matrix-)(?:columns|rows)-spanned=["'](?:[2-9]|\d\d)|"""
    rb"""<(?:[\w-]{1,20}:)?table-cell\b(?=[^>]{0,999}\bformula=)(?![^>]{0,999}\bvalue-type=)"""
)
"""A cell with an error or a percentage, a hidden row or column, a format that pads with zeros, a merged cell, or a
formula without a value."""
_HIDDEN = ("collapse", "filter")
_MOST_REPEATED = 1_000
_MOST_UNCALCULATED = 2_000_000


def examine(path: Path) -> ExaminedMarks:
    """The marks of the workbook. Raises `ExpatError` if its XML is not well-formed."""
    with zipfile.ZipFile(path) as archive:
        names = [name for name in (_STYLES, _CONTENT) if name in archive.namelist()]
        if not any(_is_suspect(archive, name) for name in names):
            return ExaminedMarks({})
        cells = _Cells()
        for name in names:
            parser = xml_parser(cells.start)
            parser.EndElementHandler = cells.end
            parser.CharacterDataHandler = cells.text
            _parse(archive, name, parser)
    return ExaminedMarks(cells.sheets)


def _is_suspect(archive: zipfile.ZipFile, name: str) -> bool:
    with archive.open(name) as part:
        tail = b""
        while chunk := part.read(_CHUNK):
            text = tail + chunk
            if _SUSPECT.search(text):
                return True
            tail = text[-_OVERLAP:]
    return False


def _parse(archive: zipfile.ZipFile, name: str, parser: expat.XMLParserType) -> None:
    with archive.open(name) as part:
        while chunk := part.read(_CHUNK):
            parser.Parse(chunk)


class _Cells:
    """Follows the cells while the document is parsed.

    `_masks` has the masks of number formats, and later of cell styles.
    """

    def __init__(self) -> None:
        self.sheets: dict[str, SheetMarks] = {}
        self._masks: dict[str, str] = {}
        self._style = ""
        self._mask: str | None = None
        self._sheet = SheetMarks()
        self._row = self._column = self._rows = self._columns = 0
        self._defaults: list[str] = []
        self._error: int | None = None
        self._text = ""
        self._uncalculated = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        found = {key.rpartition("|")[2]: value for key, value in attributes.items()}
        match tag.rpartition("|")[2]:
            case "number-style":
                self._style, self._mask = found.get("name", ""), ""
            case "number" if self._mask is not None:
                digits = found.get("min-integer-digits", "0")
                is_plain = found.get("decimal-places", "0") == "0" and found.get("grouping") != "true"
                is_mask = is_plain and digits in map(str, range(2, 20))
                self._mask = self._mask + "0" * int(digits) if is_mask else None
            case "style" if found.get("family") == "table-cell" and found.get("data-style-name") in self._masks:
                self._masks[found.get("name", "")] = self._masks[found["data-style-name"]]
            case "table":
                self._sheet = self.sheets[found.get("name", "")] = SheetMarks()
                self._row = self._columns = 0
                self._defaults = []
            case "table-column":
                style = found.get("default-cell-style-name", "")
                count = _count(found, "columns")
                if found.get("visibility") in _HIDDEN:
                    self._sheet.hide_columns(self._columns, self._columns + count - 1)
                self._columns += count
                self._defaults += [style] * min(count, _MOST_REPEATED)
            case "table-row":
                self._column, self._rows = 0, _count(found, "rows")
                if found.get("visibility") in _HIDDEN:
                    self._sheet.hidden.rows.update(range(self._row, self._row + min(self._rows, MAX_ROWS)))
                    self._sheet.hidden.is_filtered |= found["visibility"] == "filter"
            case "table-cell" | "covered-table-cell":
                # The attribute may occur in two namespaces, of which only the newer one has a type for errors.
                self._cell(found, {v for key, v in attributes.items() if key.endswith("|value-type")})
            case _:
                pass

    def text(self, text: str) -> None:
        if self._mask is not None and self._style:
            self._mask += "".join(f"\\{character}" for character in text.strip("\n"))
        if self._error is not None:
            self._text = (self._text + text)[:20]

    def end(self, tag: str) -> None:
        match tag.rpartition("|")[2]:
            case "number-style":
                if self._mask and self._mask.count("0") > 1:
                    self._masks[self._style] = self._mask
                self._mask = None
            case "table-cell" if self._error is not None:
                self._sheet.add_error(self._row, self._error, self._text.strip() or "an error")
                self._error, self._text = None, ""
            case "table-row":
                self._row += self._rows
            case _:
                pass

    def _cell(self, found: dict[str, str], kinds: set[str]) -> None:
        count = _count(found, "columns")
        self._sheet.add_merged(self._row, self._column, _spanned(found, "rows"), _spanned(found, "columns"))
        if not kinds and "formula" in found:
            self._uncalculated += min(count, _MOST_REPEATED)
            if self._uncalculated > _MOST_UNCALCULATED:
                problem = f"The workbook has more than {_MOST_UNCALCULATED:,} formulas that were never calculated"
                raise FileTooLarge(f"{problem}. Open it in LibreOffice and save it.")
        style = found.get("style-name") or (self._defaults[self._column] if self._column < len(self._defaults) else "")
        for column in range(self._column, self._column + min(count, _MOST_REPEATED)):
            if "error" in kinds:
                self._error = column
            elif "float" in kinds:
                self._sheet.add_number(self._row + self._rows - 1, column, self._masks.get(style, ""))
            elif "percentage" in kinds:
                self._sheet.add_number(self._row + self._rows - 1, column, PERCENT)
            elif not kinds and "formula" in found:
                self._sheet.uncalculated[column].append(self._row)
        self._column += count


def _count(found: dict[str, str], what: str) -> int:
    """How many times a row or cell is repeated."""
    return _number(found.get(f"number-{what}-repeated", ""))


def _spanned(found: dict[str, str], what: str) -> int:
    """How many rows or columns a cell covers."""
    return _number(found.get(f"number-{what}-spanned", ""))


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 9 else 1
