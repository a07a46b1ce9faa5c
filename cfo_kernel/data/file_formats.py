"""File formats that can be ingested, and the check that a file's content matches the format in its name."""

import codecs
import hashlib
import re
import zipfile
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import assert_never

from cfo_kernel.data import compound_file, tagged_texts
from cfo_kernel.data.file_names import GLOSSARY
from cfo_kernel.errors import EmptyFile, StorageFailed, UnreadableFile, UnsupportedFile


class Content(Enum):
    """The kinds of content. Each has its own check, reader and safeguards."""

    TEXT = auto()
    OFFICE_OPEN_XML = auto()
    OLD_WORKBOOK = auto()
    BINARY_WORKBOOK = auto()
    OPEN_DOCUMENT = auto()
    PARQUET = auto()
    JSON = auto()
    ARCHIVE = auto()
    DOCUMENT = auto()

    @property
    def is_workbook(self) -> bool:
        return self in (self.OFFICE_OPEN_XML, self.OLD_WORKBOOK, self.BINARY_WORKBOOK, self.OPEN_DOCUMENT)


@dataclass(frozen=True, slots=True)
class FileFormat:
    """What files with a given suffix contain, and the media type used to download them.

    A document is stored and listed, but not read. `document` says what kind it is, and `starts` lists the bytes it may
    begin with.
    """

    content: Content
    media_type: str
    document: str | None = None
    starts: tuple[bytes, ...] = ()


FORMATS = {
    ".csv": FileFormat(Content.TEXT, "text/csv"),
    ".tsv": FileFormat(Content.TEXT, "text/tab-separated-values"),
    ".txt": FileFormat(Content.TEXT, "text/plain"),
    ".xlsx": FileFormat(Content.OFFICE_OPEN_XML, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ".xlsm": FileFormat(Content.OFFICE_OPEN_XML, "application/vnd.ms-excel.sheet.macroEnabled.12"),
    ".xls": FileFormat(Content.OLD_WORKBOOK, "application/vnd.ms-excel"),
    ".xlsb": FileFormat(Content.BINARY_WORKBOOK, "application/vnd.ms-excel.sheet.binary.macroEnabled.12"),
    ".ods": FileFormat(Content.OPEN_DOCUMENT, "application/vnd.oasis.opendocument.spreadsheet"),
    ".parquet": FileFormat(Content.PARQUET, "application/vnd.apache.parquet"),
    ".json": FileFormat(Content.JSON, "application/json"),
    ".ndjson": FileFormat(Content.JSON, "application/x-ndjson"),
    ".jsonl": FileFormat(Content.JSON, "application/x-ndjson"),
    ".gz": FileFormat(Content.ARCHIVE, "application/gzip"),
    ".zip": FileFormat(Content.ARCHIVE, "application/zip"),
    ".pdf": FileFormat(Content.DOCUMENT, "application/pdf", "PDF", (b"%PDF-",)),
    ".png": FileFormat(Content.DOCUMENT, "image/png", "picture", (b"\x89PNG\r\n\x1a\n",)),
    ".jpg": FileFormat(Content.DOCUMENT, "image/jpeg", "picture", (b"\xff\xd8\xff",)),
    ".jpeg": FileFormat(Content.DOCUMENT, "image/jpeg", "picture", (b"\xff\xd8\xff",)),
    ".gif": FileFormat(Content.DOCUMENT, "image/gif", "picture", (b"GIF8",)),
    ".webp": FileFormat(Content.DOCUMENT, "image/webp", "picture", (b"RIFF",)),
    ".tif": FileFormat(Content.DOCUMENT, "image/tiff", "picture", (b"II*\0", b"MM\0*")),
    ".tiff": FileFormat(Content.DOCUMENT, "image/tiff", "picture", (b"II*\0", b"MM\0*")),
    ".eml": FileFormat(Content.DOCUMENT, "message/rfc822", "e-mail"),
    ".msg": FileFormat(Content.DOCUMENT, "application/vnd.ms-outlook", "e-mail", (compound_file.SIGNATURE,)),
}
"""The formats by file name suffix."""
SUFFIXES = tuple(FORMATS)
_ZIP, _PARQUET, _COMPOUND = b"PK\x03\x04", b"PAR1", compound_file.SIGNATURE[:4]
_WIDE_TEXT = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)  # the first also begins UTF-32
_GZIP, _ARCHIVE_STARTS = b"\x1f\x8b", (_ZIP, b"PK\x05\x06")  # the second is an empty archive's
_SIGNATURES = {
    _ZIP: "a ZIP archive or workbook",
    b"%PDF": "a PDF",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    _PARQUET: "a Parquet file",
    _GZIP: "a gzip archive",
}
_MARKUP = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!DOCTYPE|html|head|body|table|\?xml)\b", re.IGNORECASE)
_SAVE_AS_XLSX = "Open it in a spreadsheet program and save it as .xlsx."
_SAVE_AGAIN = "Open it in the program it came from and save it again in the format that its file name indicates."


def check_suffix(path: Path) -> None:
    """Raises `UnsupportedFile` if the name does not end in a suffix of `FORMATS`."""
    suffix = path.suffix.lower()
    if suffix in (".yaml", ".yml"):
        place = f"If it is the glossary, put it into the workspace's data/ folder as {GLOSSARY}"
        raise UnsupportedFile(f"{path.name} is not a table. {place}.")
    if suffix not in FORMATS and (form := tagged_texts.form_of_suffix(suffix)):
        raise UnsupportedFile(form.problem(path.name))
    if suffix not in FORMATS:
        raise UnsupportedFile(f"{path.name} is not a table. Send one of {', '.join(_tables())}.")


def _tables() -> list[str]:
    """The suffixes of files that are read as tables."""
    return [suffix for suffix, known in FORMATS.items() if known.content is not Content.DOCUMENT]


def document_of(path: Path) -> str | None:
    """What kind of document the name indicates, such as a PDF, a picture or an e-mail. None for a table."""
    known = FORMATS.get(path.suffix.lower())
    return known.document if known else None


def content_of(path: Path) -> Content:
    """The kind of content that the file's name promises. Raises `UnsupportedFile`.

    Accounting systems also give the suffix .xls to text and to newer workbooks.
    """
    check_suffix(path)
    content = FORMATS[path.suffix.lower()].content
    if content is Content.OLD_WORKBOOK:
        head = _head(path)
        if head.startswith(_ZIP):
            return Content.OFFICE_OPEN_XML
        is_text = head.startswith(_WIDE_TEXT) or b"\0" not in head
        if head and is_text and not head.startswith((*_SIGNATURES, _COMPOUND)):
            return Content.TEXT
    return content


def table_stem(path: Path) -> str:
    """The file's name without its suffixes, after which its table is named: `ledger` for `ledger.csv.gz`."""
    inner = Path(path.stem)
    is_packed = path.suffix.lower() in (".gz", ".zip") and inner.suffix.lower() in FORMATS
    return inner.stem if is_packed else path.stem


def check_content(path: Path) -> None:
    """Raises `UnsupportedFile`, `EmptyFile` or `UnreadableFile` if a file's content does not match its name.

    Raises `StorageFailed` if the file cannot be opened at the moment.
    """
    content = content_of(path)
    head = _head(path)
    if not head:
        raise EmptyFile(f"{path.name} is empty. Export it again and send the new file.")
    found = next((what for signature, what in _SIGNATURES.items() if head.startswith(signature)), None)
    if head.startswith(_COMPOUND):
        found = compound_file.kind(path)
        if found == compound_file.ENCRYPTED:
            problem = f"{path.name} is encrypted with a password"
            raise UnreadableFile(f"{problem}. Open it, save it without a password, and send that file.")
    match content:
        case Content.OLD_WORKBOOK:
            if found != compound_file.WORKBOOK:
                problem = found or "its content has a different format"
                raise UnreadableFile(f"{path.name} is not a workbook ({problem}). {_SAVE_AGAIN}")
        case Content.OFFICE_OPEN_XML | Content.BINARY_WORKBOOK | Content.OPEN_DOCUMENT:
            # Other bytes before the archive may be those of another format, which the parser would then read.
            if not head.startswith(_ZIP):
                problem = found or "its content has a different format"
                raise UnreadableFile(f"{path.name} is not a workbook ({problem}). {_SAVE_AGAIN}")
            if not zipfile.is_zipfile(path):
                raise UnreadableFile(f"{path.name} is damaged or incomplete. Copy it again, or save it again as .xlsx.")
        case Content.PARQUET:
            if not head.startswith(_PARQUET):
                raise UnreadableFile(f"{path.name} is not a Parquet file. {_SAVE_AGAIN}")
        case Content.ARCHIVE:
            if not head.startswith(_GZIP if path.suffix.lower() == ".gz" else _ARCHIVE_STARTS):
                problem = found or "its content has a different format"
                raise UnreadableFile(f"{path.name} is not an archive ({problem}). Pack the file again.")
        case Content.DOCUMENT:
            if (starts := FORMATS[path.suffix.lower()].starts) and not head.startswith(starts):
                raise UnreadableFile(
                    f"{path.name} is damaged, or not in the format that its name indicates. {_SAVE_AGAIN}"
                )
        case Content.JSON:
            if found:
                raise UnreadableFile(f"{path.name} is {found}, not JSON. {_SAVE_AGAIN}")
        case Content.TEXT:
            if form := tagged_texts.form_of_content(head):
                raise UnsupportedFile(form.problem(path.name))
            if _MARKUP.match(head):
                raise UnreadableFile(f"{path.name} is a web page, not a table. {_SAVE_AS_XLSX}")
            if found:
                raise UnreadableFile(f"{path.name} is {found}, not text. {_SAVE_AGAIN}")
        case _:
            assert_never(content)


def _head(path: Path) -> bytes:
    """The first bytes of a file. Raises `StorageFailed` if it cannot be opened at the moment."""
    try:
        with path.open("rb") as file:
            return file.read(4096)
    except OSError as error:
        reason = f"{path.name} cannot be opened ({error.strerror})"
        raise StorageFailed(f"{reason}. Check the file and its permissions, then try again.") from error


def content_hash(path: Path) -> str:
    """The SHA-256 hash of the file's content, in hexadecimal. It is the dataset's version."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
