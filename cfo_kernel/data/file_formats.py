"""File formats that can be ingested, and the check that a file's content matches the format in its name."""

import hashlib
import zipfile
from pathlib import Path

from cfo_kernel.data.file_names import GLOSSARY
from cfo_kernel.errors import EmptyFile, StorageFailed, UnreadableFile, UnsupportedFile

TEXT_SUFFIXES = (".csv", ".tsv", ".txt")
BOOK_SUFFIXES = (".xlsx", ".xlsm")
SUFFIXES = (*TEXT_SUFFIXES, *BOOK_SUFFIXES, ".parquet")
_ARCHIVE = b"PK\x03\x04"
_SIGNATURES = {
    _ARCHIVE: "a ZIP archive or workbook",
    b"%PDF": "a PDF",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"\xd0\xcf\x11\xe0": "an old .xls or .doc file",
    b"PAR1": "a Parquet file",
    b"\x1f\x8b": "a gzip archive",
}
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_SAVE_AGAIN = "Open it in the program it came from and save it again in the format that its file name indicates."


def check_suffix(path: Path) -> None:
    """Raises `UnsupportedFile` if the name does not end in one of `SUFFIXES`."""
    suffix = path.suffix.lower()
    if suffix in (".yaml", ".yml"):
        place = f"If it is the glossary, put it into the workspace's data/ folder as {GLOSSARY}"
        raise UnsupportedFile(f"{path.name} is not a table. {place}.")
    if suffix not in SUFFIXES:
        raise UnsupportedFile(f"{path.name} is not a table. Send one of {', '.join(SUFFIXES)}.")


def check_content(path: Path) -> None:
    """Raises `UnsupportedFile`, `EmptyFile` or `UnreadableFile` if a file's content does not match its name.

    Raises `StorageFailed` if the file cannot be opened at the moment.
    """
    check_suffix(path)
    suffix = path.suffix.lower()
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        reason = f"{path.name} cannot be opened ({error.strerror})"
        raise StorageFailed(f"{reason}. Check the file and its permissions, then try again.") from error
    if not head:
        raise EmptyFile(f"{path.name} is empty. Export it again and send the new file.")
    found = next((what for signature, what in _SIGNATURES.items() if head.startswith(signature)), None)
    if suffix in BOOK_SUFFIXES:
        if not zipfile.is_zipfile(path):
            if head.startswith(_ARCHIVE):
                raise UnreadableFile(f"{path.name} is damaged or incomplete. Copy it again, or save it again as .xlsx.")
            content = found or "its content is something else"
            raise UnreadableFile(f"{path.name} is not a workbook ({content}). {_SAVE_AGAIN}")
    elif suffix == ".parquet":
        if not head.startswith(b"PAR1"):
            raise UnreadableFile(f"{path.name} is not a Parquet file. {_SAVE_AGAIN}")
    elif found or (b"\0" in head and not head.startswith(_UTF16_MARKS)):
        raise UnreadableFile(f"{path.name} is {found or 'a binary file'}, not text. {_SAVE_AGAIN}")


def content_hash(path: Path) -> str:
    """The SHA-256 hash of the file's content, in hexadecimal. It is the dataset's version."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
