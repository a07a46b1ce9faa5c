"""Reads a text table into DuckDB with all that its sniffer overlooks: encodings, ragged rows, ambiguous dates.

Runs in the ingest worker. Each function returns notes for people: what was decided that the file did not say.
"""

import codecs
from pathlib import Path

import duckdb

from cfo_kernel.data.scope import quoted
from cfo_kernel.errors import UnreadableFile

_CHUNK = 1 << 20


def load(connection: duckdb.DuckDBPyConnection, path: Path, scratch: Path) -> list[str]:
    """Creates the table `raw` from the file, floats still as text so that no digit is lost."""
    source, notes = _as_utf8(path, scratch)
    for options in ("", ", strict_mode = false, null_padding = true"):
        try:
            columns = connection.execute(f"DESCRIBE FROM read_csv(?{options})", [str(source)]).fetchall()
            if not options and len(columns) == 1 and any(mark in columns[0][0] for mark in ",;\t|"):
                continue
            floats = {name: "VARCHAR" for name, kind, *_ in columns if kind in ("DOUBLE", "FLOAT")}
            typed = f", types = {_struct(floats)}" if floats else ""
            connection.execute(f"CREATE TABLE raw AS FROM read_csv(?{options}{typed})", [str(source)])
        except duckdb.Error as error:
            if options:
                reason = str(error).splitlines()[0]
                raise UnreadableFile(f"{path.name} cannot be read as a table: {reason}") from error
        else:
            if options:
                notes.append("Rows have different numbers of cells; missing cells are empty.")
            return notes + _ambiguous_dates(connection, source)
    raise UnreadableFile(f"{path.name} cannot be read as a table. Save it again as CSV.")


def _as_utf8(path: Path, scratch: Path) -> tuple[Path, list[str]]:
    """The file, or a copy in UTF-8 where it has another encoding."""
    with path.open("rb") as file:
        head = file.read(2)
    if head in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return _transcoded(path, scratch, "utf-16"), ["The file is UTF-16."]
    try:
        with path.open(encoding="utf-8") as file:
            while file.read(_CHUNK):
                pass
    except UnicodeDecodeError:
        return _transcoded(path, scratch, "cp1252"), ["The file is not UTF-8; it was read as Windows-1252."]
    return path, []


def _transcoded(path: Path, scratch: Path, encoding: str) -> Path:
    copy = scratch / "utf8.csv"
    with path.open(encoding=encoding, errors="replace", newline="") as file, copy.open("w", newline="") as out:
        while chunk := file.read(_CHUNK):
            out.write(chunk)
    return copy


def _ambiguous_dates(connection: duckdb.DuckDBPyConnection, source: Path) -> list[str]:
    """A note for dates that could be read both day first and month first."""
    sniffed = connection.execute("SELECT DateFormat, TimestampFormat FROM sniff_csv(?)", [str(source)]).fetchall()
    formats = [f for f in sniffed[0] if f and "%d" in f and "%m" in f and "%Y-%m" not in f]
    if not formats:
        return []
    notes: list[str] = []
    for name, kind, *_ in connection.execute("DESCRIBE raw").fetchall():
        if not kind.startswith(("DATE", "TIMESTAMP")):
            continue
        [(day, example)] = connection.execute(
            f"SELECT max(day({quoted(name)})), strftime(min({quoted(name)}), ?) FROM raw",  # noqa: S608 - quoted
            [formats[0]],
        ).fetchall()
        if day is not None and day <= 12:
            first = "day" if formats[0].index("%d") < formats[0].index("%m") else "month"
            notes.append(f"{name}: dates such as {example} were read {first} first; no date in the file decides it.")
    return notes


def _struct(types: dict[str, str]) -> str:
    return "{" + ", ".join("'" + n.replace("'", "''") + f"': '{t}'" for n, t in types.items()) + "}"
