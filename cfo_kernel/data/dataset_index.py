"""The datasets of a workspace at one moment, with a unique name for each table."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cfo_kernel.data import file_formats, file_names, manifests
from cfo_kernel.data.file_reader import IngestedFile, shown_name
from cfo_kernel.data.reading_stages import Reading
from cfo_kernel.data.tables import Dataset, Table, Tables


@dataclass(frozen=True)
class DatasetIndex:
    """The datasets at one moment: their tables by name, and the Parquet file of each table.

    `parts` are the names of tables that were combined with others. The tables of files that are still being read are
    missing.
    """

    datasets: tuple[Dataset, ...]
    tables: Tables
    files: dict[str, Path]
    parts: frozenset[str] = frozenset()

    @property
    def is_complete(self) -> bool:
        """Whether no file is being read."""
        return not any(dataset.reading for dataset in self.datasets)

    def found(self, name: str) -> Dataset | None:
        """The dataset with this id, file name or table, ignoring case."""
        wanted = name.lower()
        for dataset in self.datasets:
            if wanted in (dataset.id.lower(), dataset.file.lower(), *(t.name.lower() for t in dataset.tables)):
                return dataset
        return None

    def is_read(self, name: str) -> bool:
        """Whether the dataset with this id, file name or table is known, and is not being read."""
        found = self.found(name)
        return name.lower() in self.parts or (found is not None and found.reading is None)


Until = Callable[[DatasetIndex], bool]
"""Whether a caller can use an index. If not, the caller waits for files that are being read."""


def all_read(index: DatasetIndex) -> bool:
    return index.is_complete


def at_once(index: DatasetIndex) -> bool:  # noqa: ARG001 - an `Until`
    return True


def named(files: Sequence[IngestedFile | Path], sizes: Mapping[str, int]) -> tuple[list[Dataset], dict[str, Path]]:
    """The datasets with unique names for their tables, and the Parquet file of each table.

    A path stands for a file that is still being read. The name that its table will probably have is reserved, so that a
    query that uses this name waits for the file.
    """
    read = [file for file in files if isinstance(file, IngestedFile)]
    # Tables are named after their sheets, with the file's name added to repeated ones. Files keep their names.
    name_counts = Counter(file.plain_name(table) for file in read for table in file.manifest.tables)
    datasets: list[Dataset] = []
    ids: set[str] = set()
    taken: set[str] = set()
    paths: dict[str, Path] = {}
    for file in files:
        path = file if isinstance(file, Path) else file.path
        stem = file_formats.table_stem(path)
        dataset_id = manifests.unique_name(file_names.identifier(stem), ids)
        ids.add(dataset_id)
        about = Dataset(id=dataset_id, file=shown_name(path.name), version="", size=sizes[path.name])
        if isinstance(file, Path):
            taken.update(_reserved(file, stem, taken))
            datasets.append(about.model_copy(update={"reading": Reading()}))
            continue
        tables: list[Table] = []
        for table in file.manifest.tables:
            name = file.plain_name(table)
            if table.sheet and name_counts[name] > 1:
                name = file_names.identifier(f"{stem} {table.sheet}")
            name = manifests.unique_name(name, taken)
            taken.add(name)
            paths[name] = file.folder / table.file
            tables.append(manifests.described(table, name, dataset_id))
        outcome = {
            "version": file.version,
            "tables": tuple(tables),
            "notes": file.manifest.notes,
            "problem": file.problem,
            "document": None if file.problem else file_formats.document_of(path),
            "is_stopped": file.is_stopped,
        }
        datasets.append(about.model_copy(update=outcome))
    return datasets, paths


def _reserved(path: Path, stem: str, taken: set[str]) -> set[str]:
    """The name of the table in a file that is still being read.

    Empty for a workbook, whose tables are named after its sheets.
    """
    known = file_formats.FORMATS.get(path.suffix.lower())
    is_one_table = known is not None and not known.content.is_workbook and not known.document
    return {manifests.unique_name(file_names.identifier(stem), taken)} if is_one_table else set()
