"""Unpacks a .gz or .zip archive that contains one data file.

Runs in the ingest worker. An archive may claim any size, never end, or name its file so that it would be written
outside the folder. The file in it is therefore written under a checked name, and never beyond the limit.
"""

import gzip
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from cfo_kernel.data import file_formats, workbook_package
from cfo_kernel.data.file_formats import Content
from cfo_kernel.data.file_names import safe_name
from cfo_kernel.errors import EmptyFile, FileTooLarge, InvalidName, UnreadableFile

_MAX_BYTES = 2 << 30
_CHUNK = 1 << 20
_ENCRYPTED = 1
_LINK = 0o12  # the file type of a link in Unix attributes
_LISTED = 5
_BY_SYSTEMS = ("__MACOSX/", ".DS_Store", "Thumbs.db", "desktop.ini")
_UNPACK = "Unpack the archive, and send the file itself."
_ARCHIVES = (".gz", ".zip", ".7z", ".rar", ".tar", ".tgz", ".bz2", ".xz", ".zst")


def unpack(path: Path, folder: Path) -> Path:
    """The data file in the archive, unpacked into the folder. Raises a `FileProblem` if there is no such file."""
    try:
        if path.suffix.lower() == ".gz":
            with gzip.open(path) as file:
                return _write(path.name, path.stem, file, folder)
        workbook_package.check_directory(path)
        with zipfile.ZipFile(path) as archive:
            entry = _only_file(path.name, archive)
            with archive.open(entry) as file:
                made = _write(path.name, entry.filename, file, folder)
            if made.stat().st_size != entry.file_size:
                raise UnreadableFile(
                    f"{path.name} is damaged: the file in it is not the size that the archive states. {_UNPACK}"
                )
            return made
    except (zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise UnreadableFile(f"{path.name} is damaged or incomplete, and cannot be unpacked. Pack it again.") from error


def _only_file(name: str, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    """The archive's only data file. Folders, and files added by operating systems, are ignored."""
    entries = [entry for entry in archive.infolist() if not entry.is_dir() and not _is_by_system(entry.filename)]
    names = {entry.filename for entry in entries}
    if "[Content_Types].xml" in names or "mimetype" in names:
        raise UnreadableFile(f"{name} is an office document, not an archive. Give it its usual suffix, such as .xlsx.")
    if not entries:
        raise EmptyFile(f"{name} contains no file. Pack it again.")
    if len(entries) > 1:
        listed = ", ".join(_shown(entry.filename) for entry in entries[:_LISTED])
        problem = f"{name} contains {len(entries):,} files ({listed}), and only an archive of one file can be read"
        raise UnreadableFile(f"{problem}. Unpack it, and send the files themselves.")
    [entry] = entries
    if entry.flag_bits & _ENCRYPTED:
        raise UnreadableFile(f"{name} is password-protected. {_UNPACK}")
    if entry.external_attr >> 28 == _LINK:
        raise UnreadableFile(f"{name} contains a link, not a file. {_UNPACK}")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise UnreadableFile(f"{name} is compressed in an unusual way. {_UNPACK}")
    if entry.file_size > _MAX_BYTES:
        raise _too_large(name)
    return entry


def _is_by_system(name: str) -> bool:
    return name.startswith(_BY_SYSTEMS[0]) or name.rsplit("/", 1)[-1] in _BY_SYSTEMS


def _write(archive: str, written_name: str, source: IO[bytes] | gzip.GzipFile, folder: Path) -> Path:
    """Writes the unpacked file into the folder, named after the last part of its path in the archive."""
    path = folder / _checked_name(archive, written_name)
    path.parent.mkdir(exist_ok=True)
    size = 0
    with path.open("wb") as made:
        for chunk in _chunks(source):
            size += len(chunk)
            if size > _MAX_BYTES:
                raise _too_large(archive)
            made.write(chunk)
    return path


def _chunks(source: IO[bytes] | gzip.GzipFile) -> Iterator[bytes]:
    while chunk := source.read(_CHUNK):
        yield chunk


def _checked_name(archive: str, name: str) -> str:
    """The last part of the name. Refuses a path that points outside the archive, and a file that is not a data file."""
    parts = name.replace("\\", "/").split("/")
    shown = _shown(name)
    if ".." in parts or not parts[0] or ":" in parts[0]:
        raise UnreadableFile(f"{archive} contains a file whose path points outside the archive: {shown}. {_UNPACK}")
    try:
        last = safe_name(parts[-1])
    except InvalidName as error:
        raise UnreadableFile(f"{archive} contains a file whose name cannot be used: {shown}. {_UNPACK}") from error
    if last.lower().endswith(_ARCHIVES):
        raise UnreadableFile(f"{archive} contains another archive: {shown}. {_UNPACK}")
    known = file_formats.FORMATS.get(Path(last).suffix.lower())
    if known is None or known.content in (Content.ARCHIVE, Content.DOCUMENT):
        advice = "Give the file the suffix of its format, such as ledger.csv, and pack it again"
        raise UnreadableFile(f"{archive} contains {shown}, whose name does not show that it is a table. {advice}.")
    return last


def _shown(name: str) -> str:
    return name[-60:].encode("ascii", "replace").decode()


def _too_large(name: str) -> FileTooLarge:
    return FileTooLarge(f"{name} unpacks to more than {_MAX_BYTES >> 30} GB. Split the file.")
