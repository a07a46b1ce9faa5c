"""Descriptions of the tables in a folder of a workspace's `.cache/`, as the ingest worker returns them."""

from collections.abc import Container
from pathlib import Path

from pydantic import Field, ValidationError

from cfo_kernel.data import file_records
from cfo_kernel.data.decisions import Decision
from cfo_kernel.data.tables import Column, Table
from cfo_kernel.values import Value

_NAME = "tables.json"


class IngestedTable(Value):
    """A worker's description of a table, and the name of its Parquet file."""

    sheet: str | None
    file: str = Field(pattern=r"^\d{1,4}\.parquet$")
    row_count: int
    columns: tuple[Column, ...]
    decisions: tuple[Decision, ...] = ()
    notes: tuple[str, ...]


class Manifest(Value):
    """The tables of a file, and notes on the file as a whole."""

    tables: tuple[IngestedTable, ...]
    notes: tuple[str, ...] = ()


def read_manifest(folder: Path) -> Manifest | None:
    """The descriptions of a file's tables from an earlier ingest, if all of their Parquet files are still there."""
    try:
        manifest = Manifest.model_validate_json((folder / _NAME).read_bytes())
    except (OSError, ValidationError):
        return None
    return manifest if all((folder / table.file).is_file() for table in manifest.tables) else None


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Stores the descriptions. They are written last, so that the folder of a crashed ingest is ignored."""
    file_records.write_atomically(folder / _NAME, manifest.model_dump_json())


def described(table: IngestedTable, name: str, dataset_id: str) -> Table:
    """Builds a `Table` from a worker's description of it."""
    return Table(
        name=name,
        dataset=dataset_id,
        sheet=table.sheet,
        row_count=table.row_count,
        columns=table.columns,
        decisions=table.decisions,
        notes=table.notes,
    )


def unique_name(name: str, taken: Container[str]) -> str:
    """The name, with a number appended if it is taken."""
    count = 2
    unique = name
    while unique in taken:
        unique, count = f"{name}_{count}", count + 1
    return unique
