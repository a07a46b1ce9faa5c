"""Finds the columns of a sheet whose numbers are shown as codes: 124 as 00124 with the format 00000.

Runs in the ingest worker. The workbook parser returns the stored numbers and no formats.
"""

import re
import zipfile
from collections import defaultdict
from pathlib import Path

from cfo_kernel.data.lost_cells import column_of, parse_part, row_of, xml_parser

_STYLES = "xl/styles.xml"
_MAX_STYLES = 16 << 20
_TOKEN = re.compile(r'(?P<zero>0)|"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|(?P<literal>[-/() ])')


def mask_styles(path: Path) -> dict[str, str]:
    """The number formats that only pad with zeros, by the number of the cell style that uses them."""
    formats: dict[str, str] = {}
    styles: list[str] = []
    within = ""

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal within
        name = tag.rpartition("|")[2]
        if name in ("cellXfs", "cellStyleXfs"):
            within = name
        elif name == "numFmt":
            formats[attributes.get("numFmtId", "")] = attributes.get("formatCode", "")
        elif name == "xf" and within == "cellXfs":
            styles.append(attributes.get("numFmtId", ""))

    with zipfile.ZipFile(path) as archive:
        if _STYLES not in archive.namelist():
            return {}
        with archive.open(_STYLES) as file:
            xml_parser(start).Parse(file.read(_MAX_STYLES), True)
    return {str(i): formats[key] for i, key in enumerate(styles) if is_mask(formats.get(key, ""))}


def column_masks(path: Path, part: str, styles: dict[str, str], below: int) -> dict[int, str]:
    """The mask of each column in which all numbers below the row `below`, counted from zero, have the same one."""
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

    parse_part(path, part, xml_parser(start))
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


def is_mask(code: str) -> bool:
    """Whether a format has at least two zeros, and besides them only characters that are shown as they are."""
    return code.count("0") > 1 and not _TOKEN.sub("", code)
