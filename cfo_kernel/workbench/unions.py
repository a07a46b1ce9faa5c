"""Checks a user's decision about which files form one table."""

from collections.abc import Sequence

from cfo_kernel import not_found
from cfo_kernel.data import file_names
from cfo_kernel.data.ingest_cache import DatasetIndex
from cfo_kernel.data.union_parts import MOST_PARTS
from cfo_kernel.errors import InvalidInput, InvalidName


def table_name(name: str) -> str:
    """The name, converted to a valid table name. Raises `InvalidName` unless it contains a letter."""
    table = file_names.identifier(name)
    if not any(character.isalpha() for character in name):
        raise InvalidName(f"{name[:40]!r} is not a valid table name. Use letters, digits and _.")
    return table


def check_files(files: Sequence[str], index: DatasetIndex) -> None:
    """Raises `InvalidInput` or `FileNotFound` unless these are files or tables that can be put together."""
    if len(files) == 1 or len(files) > MOST_PARTS or len({file.lower() for file in files}) < len(files):
        raise InvalidInput(f"Name 2 to {MOST_PARTS} different files to combine, or none to keep them apart.")
    datasets = {dataset.file.lower(): dataset for dataset in index.datasets}
    tables = {name.lower() for name in (*index.tables, *index.parts)}
    for file in files:
        dataset = datasets.get(file.lower())
        if dataset is None and file.lower() not in tables:
            raise not_found.file(file)
        if dataset and len(dataset.tables) > 1:
            listed = ", ".join(table.name for table in dataset.tables[:10])
            raise InvalidInput(f"{file} has several tables. Name one of them: {listed}.")
        if dataset and not dataset.tables:
            raise InvalidInput(f"{file} has no table. Leave it out.")
