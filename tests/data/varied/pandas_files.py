"""Writes known tables with pandas, with every option that changes a file."""

import csv
import random
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from tests.data.known_tables import Column, KnownTable, make_table

Frame = Any
Write = Callable[[Frame, Path], None]


@dataclass(frozen=True)
class PandasFile:
    """A file to be written. `change` turns the table into what a reader can recover of it at best."""

    suffix: str
    write: Write
    kinds: tuple[str, ...] = ("amount", "date", "text", "whole")
    change: Callable[[KnownTable], None] | None = None
    prepare: Callable[[Frame], Frame] | None = None
    gaps: bool = False


def known_table(name: str, file: PandasFile) -> KnownTable:
    r = random.Random(name)
    known = make_table(r, file.kinds)
    if file.gaps:
        for column in [column for column in known.columns if column.kind not in ("label", "text")]:
            for row in r.sample(range(1, known.height), known.height // 4):
                column.values[row] = None
    known.lines = list(range(2, known.height + 2))
    return known


def frame_of(known: KnownTable) -> Frame:
    """The table as a DataFrame, with figures as floats as most programs have them."""
    columns: dict[str, Any] = {}
    for column in known.columns:
        match column.kind:
            case "amount" | "rate" | "percent":
                columns[column.name] = pd.Series(
                    [None if v is None else float(v) for v in column.values], dtype="float64"
                )
            case "whole":
                columns[column.name] = pd.Series(column.values, dtype="Int64" if None in column.values else "int64")
            case "date" | "moment":
                columns[column.name] = pd.to_datetime(pd.Series(column.values))
            case _:
                columns[column.name] = pd.Series(column.values, dtype=object)
    return pd.DataFrame(columns)


def make(name: str, file: PandasFile, folder: Path) -> tuple[Path, list[KnownTable]]:
    """Writes the file, and returns it with its known tables."""
    known = known_table(name, file)
    path = folder / f"{name}.{file.suffix}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame = frame_of(known)
        file.write(file.prepare(frame) if file.prepare else frame, path)
    if file.change:
        file.change(known)
    return path, [known]


def _csv(**options: Any) -> Write:
    return lambda frame, path: frame.to_csv(path, **{"index": False, **options})


def _excel(engine: str, **options: Any) -> Write:
    return lambda frame, path: frame.to_excel(path, engine=engine, **{"index": False, **options})


def _json(**options: Any) -> Write:
    return lambda frame, path: frame.to_json(path, **{"date_format": "iso", "double_precision": 15, **options})


def _numbered(known: KnownTable) -> None:
    known.columns.insert(0, Column("column_1", "whole", list(range(known.height))))


def _by_name(frame: Frame) -> Frame:
    return frame.set_index(frame.columns[0])


def _grouped(frame: Frame) -> Frame:
    """Columns of two levels, as a pivot table has them."""
    figures = list(frame.columns[1:])
    made = frame.set_index(frame.columns[0])
    made.columns = pd.MultiIndex.from_tuples([("2023" if i % 2 else "2024", name) for i, name in enumerate(figures)])
    made.index.name = frame.columns[0]
    return made


def _grouped_names(known: KnownTable) -> None:
    """The name of the rows is in a separate row, like the heading of a section, and stays there."""
    label, *figures = known.columns
    known.columns = [Column("column_1", "label", [label.name, *label.values])]
    known.columns += [replace(column, values=[None, *column.values]) for column in figures]
    known.lines = [known.lines[0] - 1, *known.lines]
    known.columns[1:] = [
        replace(column, name=f"{'2023' if i % 2 else '2024'} {column.name}")
        for i, column in enumerate(known.columns[1:])
    ]
    known.lines = [line + 2 for line in known.lines]


def _two_keys(frame: Frame) -> Frame:
    made = frame.copy()
    made.insert(0, "Region", [f"Region {chr(65 + i // 3)}" for i in range(len(frame))])
    return made.set_index(["Region", frame.columns[0]])


def _two_key_names(known: KnownTable) -> None:
    label = known.columns.pop(0)
    regions = [f"Region {chr(65 + i // 3)}" for i in range(len(label.values))]
    known.columns[:0] = [Column("Region", "text", regions), label]
    known.label = 1


def _sums(frame: Frame) -> Frame:
    """A row with the sums of the amounts below the rows."""
    amounts = frame.select_dtypes("float64").sum()
    return pd.concat([frame, pd.DataFrame([{frame.columns[0]: "Total", **amounts}])], ignore_index=True)


def _sum_row(known: KnownTable) -> None:
    known.others = {"Total": known.height + 2}


def _moments(known: KnownTable) -> None:
    """Dates as numbers of milliseconds since 1970."""
    for i, column in enumerate(known.columns):
        if column.kind == "date":
            values = [
                int(datetime(v.year, v.month, v.day, tzinfo=UTC).timestamp() * 1000) if v else None
                for v in column.values
            ]
            known.columns[i] = Column(column.name, "whole", values)


AMOUNTS = ("amount", "amount", "rate")
FILES: dict[str, PandasFile] = {
    **{
        f"csv_{name}": PandasFile("csv", _csv(**options), gaps=True)
        for name, options in {
            "plain": {},
            "semicolon": {"sep": ";"},
            "german": {"sep": ";", "decimal": ","},
            "german_tab": {"sep": "\t", "decimal": ","},
            "bar": {"sep": "|"},
            "quoted": {"quoting": csv.QUOTE_ALL},
            "quoted_text": {"quoting": csv.QUOTE_NONNUMERIC},
            "escaped": {"quoting": csv.QUOTE_NONE, "escapechar": "\\"},
            "single_quotes": {"quotechar": "'", "quoting": csv.QUOTE_ALL},
            "backslashes": {"doublequote": False, "escapechar": "\\"},
            "na": {"na_rep": "NA"},
            "null": {"na_rep": "NULL"},
            "nan": {"na_rep": "nan"},
            "dash": {"na_rep": "-"},
            "hash": {"na_rep": "#N/A"},
            "none": {"na_rep": "None"},
            "bom": {"encoding": "utf-8-sig"},
            "utf_16": {"encoding": "utf-16"},
            "utf_16_le": {"encoding": "utf-16-le"},
            "latin": {"encoding": "latin-1"},
            "windows": {"encoding": "cp1252", "sep": ";", "decimal": ","},
            "utf_32": {"encoding": "utf-32"},
            "crlf": {"lineterminator": "\r\n"},
            "cr": {"lineterminator": "\r"},
            "british_dates": {"date_format": "%d/%m/%Y"},
            "american_dates": {"date_format": "%m/%d/%Y"},
            "german_dates": {"date_format": "%d.%m.%Y", "sep": ";", "decimal": ","},
            "named_months": {"date_format": "%d-%b-%y"},
            "compact_dates": {"date_format": "%Y%m%d"},
            "times": {"date_format": "%Y-%m-%dT%H:%M:%S"},
            "six_places": {"float_format": "%.6f"},
            "exponents": {"float_format": "%.12e"},
            "thousands": {"float_format": "{:,.2f}".format},
        }.items()
    },
    "csv_numbered": PandasFile("csv", _csv(index=True), change=_numbered),
    "csv_by_name": PandasFile("csv", _csv(index=True), prepare=_by_name),
    "csv_two_keys": PandasFile("csv", _csv(index=True), prepare=_two_keys, change=_two_key_names),
    "csv_two_levels": PandasFile("csv", _csv(index=True), AMOUNTS, prepare=_grouped, change=_grouped_names),
    "csv_total": PandasFile("csv", _csv(), ("amount", "amount"), prepare=_sums, change=_sum_row),
    "csv_gzip": PandasFile("csv.gz", _csv()),
    "csv_zip": PandasFile("csv.zip", _csv()),
    "text_tabs": PandasFile("txt", _csv(sep="\t")),
    "text_fixed": PandasFile("txt", lambda frame, path: path.write_text(frame.to_string(index=False))),
    "tsv": PandasFile("tsv", _csv(sep="\t")),
    **{
        f"json_{name}": PandasFile(suffix, _json(**options), gaps=gaps)
        for name, suffix, gaps, options in (
            ("records", "json", True, {"orient": "records"}),
            ("lines", "jsonl", True, {"orient": "records", "lines": True}),
            ("indented", "json", True, {"orient": "records", "indent": 2}),
            ("split", "json", True, {"orient": "split", "index": False}),
            ("gzip", "json.gz", True, {"orient": "records"}),
            ("ascii", "ndjson", False, {"orient": "records", "lines": True, "force_ascii": True}),
        )
    },
    "json_epoch": PandasFile("json", _json(orient="records", date_format="epoch"), change=_moments),
    **{
        f"excel_{engine}_{name}": PandasFile("xlsx", _excel(engine, **options), gaps=gaps, **more)
        for engine in ("openpyxl", "xlsxwriter")
        for name, gaps, options, more in (
            ("plain", True, {}, {}),
            ("frozen", False, {"freeze_panes": (1, 1)}, {}),
            ("filter", False, {"autofilter": True}, {}),
            ("sheet", False, {"sheet_name": "P&L <2024>"}, {}),
            ("na", True, {"na_rep": "n/a"}, {}),
            ("numbered", False, {"index": True}, {"change": _numbered}),
            ("by_name", False, {"index": True}, {"prepare": _by_name}),
            ("two_keys", False, {"index": True}, {"prepare": _two_keys, "change": _two_key_names}),
            (
                "two_keys_apart",
                False,
                {"index": True, "merge_cells": False},
                {"prepare": _two_keys, "change": _two_key_names},
            ),
            ("two_levels", False, {"index": True}, {"kinds": AMOUNTS, "prepare": _grouped, "change": _grouped_names}),
            ("total", False, {}, {"kinds": ("amount", "amount"), "prepare": _sums, "change": _sum_row}),
        )
    },
    "parquet": PandasFile("parquet", lambda frame, path: frame.to_parquet(path), gaps=True),
    "parquet_gzip": PandasFile("parquet", lambda frame, path: frame.to_parquet(path, compression="gzip")),
    "parquet_category": PandasFile(
        "parquet", lambda frame, path: frame.astype({frame.columns[0]: "category"}).to_parquet(path)
    ),
}
UNREADABLE: dict[str, Write] = {
    "xml": lambda frame, path: (
        frame.rename(columns=str.upper).rename(columns=lambda name: name.replace(" ", "_")).to_xml(path, parser="etree")
    ),
    "html": lambda frame, path: frame.to_html(path),
    "feather": lambda frame, path: frame.to_feather(path),
    "orc": lambda frame, path: frame.to_orc(path),
    "pkl": lambda frame, path: frame.to_pickle(path),
    "pickle": lambda frame, path: frame.to_pickle(path),
    "dta": lambda frame, path: frame.astype({frame.columns[0]: str}).to_stata(path),
    "h5": lambda _, path: path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100)),
}
"""Formats that are refused, under their own name or under that of a format that is read."""
