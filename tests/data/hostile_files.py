"""Files that claim to contain, hide, or unpack to more than any machine can read. Each is small on disk."""

import gzip
import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.data import open_documents

_MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_ROWS = (
    '<row r="1"><c r="A1" t="inlineStr"><is><t>a</t></is></c><c r="B1" t="inlineStr"><is><t>b</t></is></c></row>'
    '<row r="2"><c r="A2"><v>1</v></c><c r="B2"><v>2</v></c></row>'
)
_TEXTS = '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>0</v></c></row>'


def sheet(rows: str = _ROWS, before: str = "", after: str = "") -> str:
    return f"<worksheet {_MAIN}>{before}<sheetData>{rows}</sheetData>{after}</worksheet>"


def book(*sheets: str | bytes, texts: str | bytes | None = None, listed: str | None = None, **parts: bytes) -> bytes:
    """A workbook with these sheets, as raw XML. `listed` replaces the list of sheets, and `parts` adds others."""
    links = [f'<Relationship Id="r{i}" Type="{_OFFICE}/worksheet" Target="s{i}.xml"/>' for i in range(len(sheets))]
    if texts is not None:
        links.append(f'<Relationship Id="t" Type="{_OFFICE}/sharedStrings" Target="sharedStrings.xml"/>')
    names = listed or "".join(f'<sheet name="S{i}" sheetId="{i + 1}" r:id="r{i}"/>' for i in range(len(sheets)))
    linked = f'<Relationships xmlns="{_PACKAGE}/relationships">{"".join(links)}</Relationships>'
    root = f'<Relationship Id="w" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/>'
    content = {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types"/>',
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">{root}</Relationships>',
        "xl/workbook.xml": f'<workbook {_MAIN} xmlns:r="{_OFFICE}"><sheets>{names}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": linked,
        **{f"xl/s{i}.xml": xml for i, xml in enumerate(sheets)},
        **({} if texts is None else {"xl/sharedStrings.xml": texts}),
        **parts,
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in content.items():
            archive.writestr(name, body)
    return file.getvalue()


def cell(reference: str, row: int = 3) -> str:
    """A sheet with one cell far from its table."""
    return sheet(f'{_ROWS}<row r="{row}"><c r="{reference}"><v>1</v></c></row>')


def unpacking_to(size: int, file: bytes, part: bytes) -> bytes:
    """The workbook, with its ZIP directory changed to claim this size for one part, as in a ZIP bomb."""
    changed = bytearray(file)
    at = changed.rfind(part) - 46
    struct.pack_into("<I", changed, at + 24, size)
    return bytes(changed)


def encrypted(file: bytes) -> bytes:
    """The workbook with every part marked as encrypted."""
    changed, at = bytearray(file), 0
    while (at := changed.find(b"PK\x01\x02", at) + 1) > 0:
        changed[at + 7] |= 1
    return bytes(changed)


def packed_again(file: bytes, compression: int = zipfile.ZIP_DEFLATED, suffix: str = ".xml") -> bytes:
    """The workbook with its sheets compressed in another way, or with another suffix."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(file)) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            is_sheet = name.startswith("xl/s")
            body = old.read(name).replace(b's0.xml"', f's0{suffix}"'.encode())
            new.writestr(
                name.replace(".xml", suffix) if is_sheet else name,
                body,
                compression if is_sheet else zipfile.ZIP_DEFLATED,
            )
    return made.getvalue()


def _parts(count: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for i in range(count):
            archive.writestr(str(i), "")
    return file.getvalue()


def _zip_of(name: str, content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, content)
    return file.getvalue()


def _link() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        link = zipfile.ZipInfo("xl/workbook.xml")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    return file.getvalue()


def _entities(declared: str) -> str:
    text = '<row r="1"><c r="A1" t="inlineStr"><is><t>&z;</t></is></c></row>'
    return f"<!DOCTYPE x [{declared}]>{sheet(text)}"


def _parquet(columns: int = 1) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table({f"c{i}": [1] for i in range(columns)}), file)
    return file.getvalue()


def _forged_parquet(change: Callable[[bytearray, int, int], None]) -> bytes:
    """A Parquet file whose footer was changed. `change` receives its position and length."""
    file = bytearray(_parquet())
    (length,) = struct.unpack("<I", file[-8:-4])
    change(file, len(file) - 8 - length, length)
    return bytes(file)


def _footer_length(file: bytearray, _: int, __: int) -> None:
    file[-8:-4] = struct.pack("<I", 0xFFFFFFF0)


def _footer_noise(file: bytearray, at: int, length: int) -> None:
    file[at + 4 : at + length] = b"\xff" * (length - 4)


_LAUGHS = '<!ENTITY a "xxxxxxxxxx">' + "".join(
    f'<!ENTITY {name} "{f"&{inner};" * 10}">' for inner, name in zip("abcdefgh", "bcdefghz", strict=True)
)
_MANY = "".join(f'<sheet name="S{i}" sheetId="{i + 1}" r:id="r0"/>' for i in range(1001))
_WIDE = "".join(f'<row r="{row}">{"<c><v>1</v></c>" * 10_001}</row>' for row in (1, 2))

REFUSED: dict[str, tuple[bytes, str]] = {
    "far_cell.xlsx": (book(cell("XFD1048576", 1048576)), "spread over 1,048,576 rows and 16,384 columns"),
    "far_cell_quoted_otherwise.xlsx": (book(cell("XFD1048576", 1048576).replace('"', "'")), "1,048,576 rows"),
    "row_of_four_billion.xlsx": (book(cell("A4294967295", 4294967295)), "a cell in row 4,294,967,295"),
    "only_the_row_of_four_billion.xlsx": (
        book(sheet(f'{_ROWS}<row r="4294967295"><c><v>1</v></c></row>')),
        "a cell in row 4,294,967,295",
    ),
    "only_the_cell_of_four_billion.xlsx": (book(cell("A4294967295")), "a cell in row 4,294,967,295"),
    "column_that_no_sheet_has.xlsx": (book(cell("ZZZZ3")), "a cell in column 475,254"),
    "four_billion_texts.xlsx": (
        book(sheet(_TEXTS), texts=f'<sst {_MAIN} count="4294967295" uniqueCount="4294967295"><si><t>a</t></si></sst>'),
        r"sharedStrings\.xml claims to contain more than fits in its 138 bytes",
    ),
    "text_of_two_gigabytes.xlsx": (
        unpacking_to(
            2 << 30, book(sheet(_TEXTS), texts=f"<sst {_MAIN}><si><t>a</t></si></sst>"), b"xl/sharedStrings.xml"
        ),
        "unpacks to 2,048 MB, and at most 1,024 MB can be read",
    ),
    "text_that_is_not_there.xlsx": (
        book(sheet(_TEXTS.replace("<v>0", "<v>4294967295")), texts=f"<sst {_MAIN}><si><t>a</t></si></sst>"),
        "damaged or incomplete",
    ),
    "bomb.xlsx": (unpacking_to(0xFFFFFFF0, book(sheet()), b"xl/s0.xml"), "unpacks to 4,096 MB"),
    "bomb_that_claims_to_be_small.xlsx": (
        unpacking_to(100, book(sheet(" " * (8 << 20) + _ROWS)), b"xl/s0.xml"),
        "ZIP archive cannot be unpacked",
    ),
    "password.xlsx": (encrypted(book(sheet())), "is password-protected"),
    "many_parts.xlsx": (_parts(10_001), "more than 10,000 parts"),
    "many_sheets.xlsx": (book(sheet(), listed=_MANY), "has 1,001 sheets, and at most 1,000 can be read"),
    "many_columns.xlsx": (
        book(sheet(_WIDE)),
        r"The sheet S0 of many_columns\.xlsx has 10,001 columns, and at most 10,000",
    ),
    "laughs.xlsx": (book(_entities(_LAUGHS)), r"s0\.xml defines a document type"),
    "entity_of_a_file.xlsx": (book(_entities('<!ENTITY z SYSTEM "file:///etc/passwd">')), "defines a document type"),
    "entity_across_two_chunks.xlsx": (
        book(" " * ((1 << 20) - 4) + _entities('<!ENTITY z SYSTEM "file:///etc/passwd">')),
        "defines a document type",
    ),
    "far_cell_in_capitals.xlsx": (packed_again(book(cell("XFD1048576", 1048576)), suffix=".XML"), "1,048,576 rows"),
    "packed_with_lzma.xlsx": (packed_again(book(sheet()), zipfile.ZIP_LZMA), "compressed in an unusual way"),
    "link.xlsx": (_link(), "damaged or incomplete"),
    "only_the_end_is_missing.xlsx": (book(sheet())[:-30], "damaged or incomplete"),
    "size_that_is_no_size.xlsx": (
        book(sheet(before='<dimension ref="ZZZ9999999999999:A0"/>')),
        "damaged or incomplete",
    ),
    "open_elements.xlsx": (book(f"<worksheet {_MAIN}><sheetData>" + "<a>" * 300_000), "damaged or incomplete"),
    "old.xlsx": (b"\xd0\xcf\x11\xe0" + bytes(4096), r"not a workbook \(an old \.xls"),
    "open_document.xlsx": (_parts(3), "damaged or incomplete"),
    "packed.csv": (gzip.compress(b"a,b\n1,2\n"), "a gzip archive, not text"),
    "packed.xlsx": (gzip.compress(b"a,b\n1,2\n"), "a gzip archive"),
    "nul.csv": (b"a,b\n1,2\n" * 1000 + bytes(1000), "NUL bytes"),
    "nul_in_utf16.csv": (
        ("a,b\n1,2\n" * 1000 + "\0" * 1000).encode("utf-16"),
        "NUL characters",
    ),
    "long_line.csv": (b"a,b\n1," + b"x" * (33 << 20) + b"\n2,3\n", "a line of more than 32 MB"),
    "first_line_without_end.csv": (b"x" * (5 << 20), "its first line does not end within 4 MB"),
    "many_columns.csv": (
        b",".join(b"c%d" % i for i in range(100_000)) + b"\n",
        "has 100,000 columns, and at most 10,000",
    ),
    "many_columns_below.csv": (b"a,b\n1,2\n" + b"1," * 100_000 + b"1\n", "has 100,001 columns"),
    "unclosed.csv": (b'a,b\n1,"' + b"x,y\n" * 10_000, "a quotation mark is opened and never closed"),
    "unclosed_in_the_middle.csv": (b'a,b\n1,2\n3,"x\n5,6\n7,8\n', "a quotation mark is opened and never closed"),
    "names_too_long_below_a_title.csv": (
        b"Report\n" + b",".join(b"name_of_column_%030d" % i for i in range(1900)) + b"\n" + b"1," * 1899 + b"1\n",
        "no row looks like a header",
    ),
    "as_open_document.xlsx": (book(sheet(), **{"content.xml": b"<x/>"}), "not in the format that its name indicates"),
    "binary.xlsx": (book(sheet(), **{"xl/workbook.bin": b"x"}), "not in the format that its name indicates"),
    "old_in_front.xlsx": (b"\xd0\xcf\x11\xe0" + bytes(600) + book(sheet()), "is not a workbook"),
    "many_columns.parquet": (_parquet(10_001), "has 10,001 columns"),
    "cut.parquet": (_parquet()[:-20] + b"PAR1", "damaged or incomplete"),
    "long_footer.parquet": (_forged_parquet(_footer_length), "damaged or incomplete"),
    "noise.parquet": (_forged_parquet(_footer_noise), "damaged or incomplete"),
}
"""For each name: the content, and a regular expression for the error."""

READ: dict[str, bytes] = {
    "formats_far_away.xlsx": book(sheet(f'{_ROWS}<row r="1048576"><c r="XFD1048576" s="0"/></row>')),
    "wrong_size.xlsx": book(sheet(before='<dimension ref="A1:XFD1048576"/>')),
    "merged.xlsx": book(sheet(after="<mergeCells>" + '<mergeCell ref="A1:XFD1048576"/>' * 50_000 + "</mergeCells>")),
    "nested.xlsx": book(sheet("<a>" * 50_000 + "</a>" * 50_000 + _ROWS)),
    "long_name.xlsx": book(sheet(), listed=f'<sheet name="{"x" * 1_000_000}" sheetId="1" r:id="r0"/>'),
    "long_header.xlsx": book(sheet(_ROWS.replace("<t>a</t>", f"<t>{'h' * 1_000_000}</t>"))),
    "picture_of_gigabytes.xlsx": unpacking_to(
        0xFFFFFFF0, book(sheet(), **{"xl/media/image1.png": b"x"}), b"xl/media/image1.png"
    ),
    "packed.csv.gz": gzip.compress(b"a,b\n1,2\n"),
    "packed.zip": _zip_of("data.csv", b"a,b\n1,2\n"),
    "records.ndjson": b'{"a": 1, "b": {"c": [2]}}\n',
    "open.ods": open_documents.book(
        open_documents.row(open_documents.cell("a"), open_documents.cell("b")),
        open_documents.row(open_documents.cell(1), open_documents.cell(2)),
    ),
    "long_cells.csv": b"a,b\n" + b"9" * 3_000_000 + b"," + b"1.234" * 300_000 + b"\n",
}
"""Files that look hostile but contain a table with one row, which is read."""

CRASHES = {
    "far_cell_in_disguise.xlsx": book(
        sheet(f'{_ROWS}<row  r = "1048576"><c s="0"\tr = "XFD1048576"><v>1</v></c></row>'),
    ),
}
"""Files that only the limits of the process stop."""


def written(folder: Path, files: dict[str, bytes]) -> Path:
    """Writes these files to the folder."""
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder
