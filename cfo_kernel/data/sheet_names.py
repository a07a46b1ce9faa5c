"""Checks the names of workbooks and sheets against Excel's rules."""

import re
import unicodedata

from cfo_kernel.data.file_names import safe_name
from cfo_kernel.errors import InvalidName, SheetInvalid

_FORBIDDEN = re.compile(r"[\[\]:*?/\\]")


def workbook_name(name: str) -> str:
    """The file name under which a workbook is stored. Raises `SheetInvalid` if the name is not valid."""
    try:
        safe = safe_name(name)
    except InvalidName as error:
        raise SheetInvalid(error.message) from error
    if not safe.lower().endswith(".xlsx"):
        raise SheetInvalid(f"{safe} is not a valid workbook name. Use a name that ends in .xlsx.")
    return safe


def check_sheet_name(sheet: str) -> None:
    """Raises `SheetInvalid` unless Excel allows the name."""
    hidden = any(unicodedata.category(c)[0] == "C" for c in sheet)
    if not sheet.strip() or len(sheet) > 31 or _FORBIDDEN.search(sheet) or sheet.strip("'") != sheet or hidden:
        shown = sheet[:40].encode("ascii", "replace").decode()
        rule = "Use 1 to 31 characters, none of [ ] : * ? / \\, and no apostrophe at either end."
        raise SheetInvalid(f"{shown!r} is not a valid sheet name. {rule}")
