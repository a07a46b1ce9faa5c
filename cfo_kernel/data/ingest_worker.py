"""The ingest worker: the process in which uploaded files are opened and workbooks are written.

`file_process` confines the process and serves the requests in `HANDLERS`. A file that crashes a parser ends only this
process. An error says whether another attempt makes sense: a `FileProblem` is caused by the file itself, and remains
until the file is changed.
"""

import contextlib
import errno
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import duckdb

from cfo_kernel.data import (
    archives,
    block_columns,
    csv_blocks,
    csv_reader,
    csv_writer,
    file_formats,
    json_reader,
    nested_columns,
    sections,
    sheet_writer,
    staging,
    staging_formats,
    table_files,
    total_rows,
    union_writer,
    workbook_reader,
    workbook_writer,
)
from cfo_kernel.data.reading_stages import Stage, stages
from cfo_kernel.data.union_source import Source
from cfo_kernel.errors import (
    CfoError,
    FileTooLarge,
    StorageFailed,
    UnreadableFile,
    without_paths,
)
from cfo_kernel.executors.worker_server import Handler
from cfo_kernel.sql_text import quoted

_LISTED_REASONS = 20
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


def file_version(path: str) -> dict[str, Any]:
    """The content hash of a file, after checking that the content matches the file's name."""
    stages.begin(Stage.CHECKING)
    file_formats.check_content(Path(path))
    return {"version": file_formats.content_hash(Path(path))}


def ingest(path: str, folder: str) -> dict[str, Any]:
    """Writes each table in a file to a Parquet file in `folder`.

    Returns a description of each table, with its profile.
    """
    stages.begin(Stage.ROWS)
    source, target = Path(path), Path(folder)
    file_formats.check_content(source)
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".ingest-") as scratch, _file_errors(source.name):
        try:
            tables, notes = _tables(source, Path(scratch), target)
        except BaseException:  # nothing that could pass for a result may be left behind
            shutil.rmtree(target, ignore_errors=True)
            raise
    return {"tables": tables, "notes": notes}


def unite(parts: list[str], sources: list[dict[str, Any]], folder: str) -> dict[str, Any]:
    """Writes the rows of several tables to one Parquet file in `folder`, and describes it (`union_writer`)."""
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".ingest-") as scratch, _file_errors("The files"):
        known = [Source.model_validate(source) for source in sources]
        with staging.connect(Path(scratch)) as connection:
            decisions = union_writer.unite(connection, [Path(part) for part in parts], known)
            return {"tables": [table_files.store(connection, target / "0.parquet", None, decisions)], "notes": []}


def _tables(source: Path, scratch: Path, target: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """Writes the tables in a file to `target`. Returns their descriptions, and notes on the file."""
    if file_formats.content_of(source) is file_formats.Content.ARCHIVE:
        source = archives.unpack(source, scratch / "unpacked")
        file_formats.check_content(source)
    content = file_formats.content_of(source)
    if content is file_formats.Content.TEXT and source.stat().st_size <= csv_blocks.MAX_BYTES:
        return _text_tables(source, scratch, target), []
    if not content.is_workbook and content is not file_formats.Content.JSON:
        with staging.connect(scratch) as connection:
            rows, decisions = staging.load(connection, source, scratch)
            if nested := nested_columns.flatten(connection):
                decisions += nested + staging.settle_types(connection, rows, is_typed=True)
            is_typed = content is file_formats.Content.PARQUET
            stages.enter(Stage.TOTALS)
            decisions = total_rows.remove_total_rows(connection, rows, decisions, is_typed=is_typed)
            decisions += block_columns.add_columns(connection, rows)
            stages.enter(Stage.STORING)
            return [table_files.store(connection, target / "0.parquet", None, decisions)], []
    found: list[dict[str, Any]] = []
    left_out: list[str] = []
    for sheet in workbook_reader.read_sheets(source) if content.is_workbook else json_reader.read_tables(source):
        if sheet.table is None:
            left_out.append(f"The sheet {sheet.name} was left out: {sheet.left_out}.")
            continue
        stages.enter(Stage.ROWS)
        with staging.connect(scratch) as connection:
            connection.register("sheet", sheet.table)
            connection.execute("CREATE TABLE staging AS FROM sheet")
            if sheet.blocks:
                block_columns.keep(connection, sheet.blocks.names, sheet.blocks.values, sheet.blocks.headings)
            for column in sheet.in_percent:
                staging_formats.mark_points(connection, column)
            for column in sheet.as_percent:
                staging_formats.mark_percent(connection, "staging", column)
            decisions = sheet.decisions + staging.settle_types(connection, sheet.rows)
            stages.enter(Stage.TOTALS)
            decisions = total_rows.remove_total_rows(connection, sheet.rows, decisions)
            for column in sheet.incomplete:  # last, so that no step turns it back into figures
                connection.execute(f"ALTER TABLE staging ALTER {quoted(column)} TYPE VARCHAR")
            decisions += block_columns.add_columns(connection, sheet.rows)
            decisions += sections.add_sections(connection)
            stages.enter(Stage.STORING)
            file = target / f"{len(found)}.parquet"
            found.append(table_files.store(connection, file, sheet.name or None, decisions))
    if not found:
        reasons = " ".join(left_out[:_LISTED_REASONS])
        raise UnreadableFile(f"{source.name} contains no table. {reasons} Add one header row.")
    return found, table_files.bounded_texts(left_out)


def _text_tables(source: Path, scratch: Path, target: Path) -> list[dict[str, Any]]:
    """Writes the tables in a small text file to `target`. Returns their descriptions."""
    found: list[dict[str, Any]] = []
    for table in csv_reader.divided(csv_reader.open_table(source, scratch), scratch):
        stages.enter(Stage.ROWS)
        with staging.connect(scratch) as connection:
            rows, decisions = staging.load_text(connection, table, scratch)
            stages.enter(Stage.TOTALS)
            decisions = total_rows.remove_total_rows(connection, rows, decisions)
            decisions += block_columns.add_columns(connection, rows)
            decisions += sections.add_sections(connection)
            stages.enter(Stage.STORING)
            file = target / f"{len(found)}.parquet"
            found.append(table_files.store(connection, file, None, decisions))
    return found


@contextlib.contextmanager
def _file_errors(name: str) -> Generator[None]:
    """Converts a library's error to a problem with the file, unless the disk may be the cause."""
    try:
        yield
    except (CfoError, MemoryError, SystemExit, KeyboardInterrupt):
        raise
    except duckdb.OutOfMemoryException as error:  # its own limit, or the limit on what it may put on disk
        raise MemoryError from error
    except BaseException as error:  # a panic in a Rust library is not an Exception
        number = error.errno if isinstance(error, OSError) else None
        if _is_full(error):
            raise StorageFailed(f"The disk is too full to read {name}. Free some space, then try again.") from error
        if number == errno.EFBIG or "File too large" in str(error):
            raise FileTooLarge(f"{name} takes more than 8 GB on disk when it is read. Split the file.") from error
        if number is not None:
            message = f"{name} cannot be read ({error}). Check the file and the disk, then try again."
            raise StorageFailed(without_paths(message)) from error
        message = f"{name} cannot be read ({type(error).__name__}): part of it is malformed."
        raise UnreadableFile(f"{message} Save it again in the program it came from.") from error


@contextlib.contextmanager
def _export_errors() -> Generator[None]:
    """Raises `StorageFailed` if the disk is too full for an export, whatever error the library raises."""
    try:
        yield
    except Exception as error:
        if _is_full(error) or _is_full(error.__cause__):
            raise StorageFailed("The disk is too full to write the file. Free some space, then try again.") from error
        raise


def _is_full(error: BaseException | None) -> bool:
    return (isinstance(error, OSError) and error.errno in _NO_SPACE) or "No space left" in str(error)


def ready() -> dict[str, Any]:
    """Returns an empty answer, which shows that the process has started."""
    return {}


HANDLERS: dict[str, Handler] = {
    "ready": ready,
    "file_version": file_version,
    "ingest": ingest,
    "unite": unite,
    "write_sheet": _export_errors()(sheet_writer.write_sheet),
    "write_workbook": _export_errors()(workbook_writer.write_workbook),
    "write_csv": _export_errors()(csv_writer.write_csv),
}
"""The requests that the process answers, with their handlers."""
