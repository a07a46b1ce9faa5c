"""Finds the columns of a sheet whose numbers are shown as codes or in percent: 124 as 00124 with the format 00000.

Runs in the ingest worker. The workbook parser returns the stored numbers and no formats.
"""

import re
import zipfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from cfo_kernel.data.lost_cells import column_of, parse_part, row_of, xml_parser

_STYLES = "xl/styles.xml"
_MAX_STYLES = 16 << 20
PERCENT, POINTS = "%", '"%"'
"""The marks of formats that show 0.125 as 12.5%, and of those that only put a percent sign after 12.5."""
_PERCENT_FORMATS = (9, 10)  # built into every workbook
_ENOUGH = 8 << 20  # bytes of a sheet
_QUOTED = re.compile(r'"([^"]*)"|\\(.)|_.|\*.')
_TOKEN = re.compile(r'(?P<zero>0)|"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|(?P<literal>[-/() ])')


def mask_styles(path: Path) -> dict[str, str]:
    """The marks of formats that pad with zeros or show percent, by the number of the cell style that uses them."""
    formats: dict[int, str] = {}
    styles: list[int] = []
    within = ""

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal within
        name = tag.rpartition("|")[2]
        if name in ("cellXfs", "cellStyleXfs"):
            within = name
        elif name == "numFmt":
            formats[_number(attributes.get("numFmtId", ""))] = attributes.get("formatCode", "")
        elif name == "xf" and within == "cellXfs":
            styles.append(_number(attributes.get("numFmtId", "")))

    with zipfile.ZipFile(path) as archive:
        if _STYLES not in archive.namelist():
            return {}
        with archive.open(_STYLES) as file:
            xml_parser(start).Parse(file.read(_MAX_STYLES), True)
    return {str(i): mark for i, mark in style_marks(styles, formats).items()}


def style_marks(styles: Sequence[int], formats: Mapping[int, str]) -> dict[int, str]:
    """The mark of each cell style that has one. `styles` has the format number of each style."""
    marks = {i: PERCENT if key in _PERCENT_FORMATS else mark_of(formats.get(key, "")) for i, key in enumerate(styles)}
    return {i: mark for i, mark in marks.items() if mark}


def column_masks(path: Path, part: str, styles: dict[str, str], below: int) -> dict[int, str]:
    """The mask of each column whose numbers below the row `below`, counted from zero, all have the same mask."""
    masks: dict[int, set[str]] = defaultdict(set)
    row = column = -1
    kind = style = ""

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal row, column, kind, style
        match tag.rpartition("|")[2]:
            case "row":
                row = row_of(attributes.get("r", ""), row + 1)
                column = -1
            case "c":
                column = column_of(attributes.get("r", ""), column + 1)
                kind, style = attributes.get("t", "n"), attributes.get("s", "")
            case "v" if kind == "n" and row > below:
                masks[column].add(styles.get(style, ""))
            case _:
                pass

    # Codes must be proven by every cell; the percent format of a column is evident from its first cells.
    most = None if any(map(is_mask, styles.values())) else _ENOUGH
    parse_part(path, part, xml_parser(start), most)
    return {column: mask for column, found in masks.items() if len(found) == 1 and (mask := min(found))}


def masked(number: float, mask: str) -> str:
    """The number as a spreadsheet shows it with the mask."""
    zeros = sum(token["zero"] is not None for token in _TOKEN.finditer(mask))
    digits = str(int(number)).zfill(zeros)
    shown = [digits[: len(digits) - zeros]]
    rest = iter(digits[len(digits) - zeros :])
    for token in _TOKEN.finditer(mask):
        shown.append(next(rest) if token["zero"] else token["quoted"] or token["escaped"] or token["literal"] or "")
    return "".join(shown)


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 9 else 0


def mark_of(code: str) -> str:
    """The mark of a number format: the format itself if it pads with zeros, `PERCENT`, `POINTS`, or an empty string."""
    if is_mask(code):
        return code
    first = code.partition(";")[0]
    if "%" in _QUOTED.sub("", first):
        return PERCENT
    said = [quoted or escaped for quoted, escaped in _QUOTED.findall(first)]
    return POINTS if any("%" in text for text in said) else ""


def is_mask(code: str) -> bool:
    """Whether a format has at least two zeros, and otherwise only characters that are shown as they are."""
    return code.count("0") > 1 and not _TOKEN.sub("", code)
