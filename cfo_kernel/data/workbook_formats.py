"""Opens workbooks, each format with its own safeguards.

Runs in the ingest worker. The parser recognizes the format by itself, so a workbook is parsed only after the safeguards
of the format in its name have confirmed it.
"""

from pathlib import Path

from python_calamine import CalamineWorkbook

from cfo_kernel.data import (
    biff_cells,
    binary_cells,
    file_formats,
    open_document_cells,
    workbook_package,
)
from cfo_kernel.data.cell_marks import CellMarks, PackageMarks
from cfo_kernel.data.file_formats import Content
from cfo_kernel.errors import UnsupportedFile


def open_workbook(path: Path) -> tuple[CalamineWorkbook, CellMarks]:
    """The parsed workbook and its marks. Raises `CalamineError`, `ExpatError`, `UnreadableFile` or `FileTooLarge`."""
    match content := file_formats.content_of(path):
        case Content.OFFICE_OPEN_XML:
            marks = PackageMarks(path, workbook_package.check_package(path, content))
            return CalamineWorkbook.from_filelike(path.open("rb")), marks
        case Content.OLD_WORKBOOK:
            marks = biff_cells.examine(path)
            return CalamineWorkbook.from_path(path), marks  # pyright: ignore[reportUnknownMemberType] - its PathLike
        case Content.BINARY_WORKBOOK:
            workbook_package.check_package(path, content)
            marks = binary_cells.examine(path)
            return CalamineWorkbook.from_filelike(binary_cells.for_parser(path)), marks
        case Content.OPEN_DOCUMENT:
            workbook_package.check_package(path, content)
            marks = open_document_cells.examine(path)
            return CalamineWorkbook.from_path(path), marks  # pyright: ignore[reportUnknownMemberType] - its PathLike
        case _:
            raise UnsupportedFile(f"{path.name} is not a workbook.")
