"""Files of four writers are read without an error, and every figure that differs from the known one is in a decision.

`make test` reads a sample, which is the same for the same commit, and `make files` reads all of them.
"""

import functools
import json
import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from cfo_kernel.errors import FileProblem
from tests.data.conftest import Ingest
from tests.data.known_tables import KnownTable, differences, from_json
from tests.data.varied import libreoffice_files, openpyxl_files, pandas_files, xlsxwriter_files
from tests.data.varied.plans import FEATURES, Plan, make_plan
from tests.seeds import commit_seed

Make = Callable[[Path], tuple[Path, list[KnownTable]]]
"""Writes a file to a folder, and returns it with its known tables."""
_SAMPLED = 20
_EXCLUDE = {
    "inline_strings": {"list_object", "merged_labels", "hidden", "grouped", "stacked", "side_by_side"},
    "list_object": {"hidden"},
    "serial_dates": {"epoch_1904"},
    "merged_labels": {"empty_rows"},
    "styled_empty_cells": {"stacked"},
}
"""Features that a writer cannot combine, or that contradict each other."""


def _planned(write: Callable[[Plan, Path], None], name: str, features: list[str]) -> Make:
    suffix = "xlsm" if "macros" in features and write is xlsxwriter_files.write else "xlsx"

    def make(folder: Path) -> tuple[Path, list[KnownTable]]:
        plan = make_plan(name, len(name) + sum(map(ord, name)), features, suffix)
        path = folder / f"{name}.{suffix}"
        write(plan, path)
        return path, plan.known()

    return make


def _combined(r: random.Random) -> list[str]:
    features = r.sample(list(FEATURES), r.randint(3, 6))
    out = {name for feature in features for name in _EXCLUDE.get(feature, ())}
    return [feature for feature in features if feature not in out]


def _from_archive(name: str) -> Make:
    def make(folder: Path) -> tuple[Path, list[KnownTable]]:
        with zipfile.ZipFile(libreoffice_files.ARCHIVE) as archive:
            archive.extract(name, folder)
            known = json.loads(archive.read(libreoffice_files.KNOWN))
        return folder / name, [from_json(table) for table in known[name]]

    return make


@functools.cache
def cases() -> dict[str, Make]:
    """All files by their names."""
    r = random.Random(2024)
    found: dict[str, Make] = {}
    for writer, write in (("xlsxwriter", xlsxwriter_files.write), ("openpyxl", openpyxl_files.write)):
        chosen = {feature: [feature] for feature in FEATURES}
        chosen |= {f"combined_{i}": _combined(r) for i in range(20)}
        for feature, features in chosen.items():
            found[f"{writer}_{feature}"] = _planned(write, f"{writer}_{feature}", features)
    for name, file in pandas_files.FILES.items():
        found[f"pandas_{name}"] = functools.partial(pandas_files.make, name, file)
    with zipfile.ZipFile(libreoffice_files.ARCHIVE) as archive:
        found |= {f"libreoffice_{n}": _from_archive(n) for n in archive.namelist() if n != libreoffice_files.KNOWN}
    return found


def _check(name: str, ingest: Ingest, folder: Path) -> None:
    path, known = cases()[name](folder)
    read = ingest(path)
    assert len(read) == len(known), [table.types for table in read]
    for table, expected in zip(read, known, strict=True):
        silent, _ = differences(expected, table)
        assert not silent, (silent, table.notes)


SAMPLE = random.Random(commit_seed()).sample(sorted(cases()), _SAMPLED)


@pytest.mark.parametrize("name", SAMPLE)
def test_a_sample_of_files(name: str, ingest: Ingest, tmp_path: Path) -> None:
    _check(name, ingest, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", cases())
def test_no_figure_of_a_file_changes_without_a_decision(name: str, ingest: Ingest, tmp_path: Path) -> None:
    _check(name, ingest, tmp_path)


def test_there_are_enough_files() -> None:
    assert len(cases()) >= 200


@pytest.mark.parametrize("suffix", pandas_files.UNREADABLE)
def test_other_formats_are_named_errors_under_every_name(suffix: str, ingest: Ingest, tmp_path: Path) -> None:
    known = pandas_files.known_table("parquet", pandas_files.FILES["parquet"])
    path = tmp_path / f"file.{suffix}"
    pandas_files.UNREADABLE[suffix](pandas_files.frame_of(known), path)
    for other in ("", ".csv", ".xlsx", ".json"):
        named = path.rename(f"{path}{other}")
        with pytest.raises(FileProblem, match=named.name):
            ingest(named)
        named.rename(path)
