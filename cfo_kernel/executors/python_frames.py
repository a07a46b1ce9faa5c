"""Converts tables between Parquet, pandas and JSON inside the confined process, without losing a digit.

In a DataFrame, money is `decimal.Decimal`, whole numbers with nulls are Int64 instead of floats, and dates are
datetime64.
"""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pandas as pd
import pyarrow
import pyarrow.parquet

from cfo_kernel.executors import json_cells
from cfo_kernel.executors.sql_names import unique_names

parquet = cast("Any", pyarrow.parquet)
pa = cast("Any", pyarrow)  # its stubs do not know the types of values
_DECIMAL_DIGITS, _USUAL_DIGITS = 38, 18
_MAX_COLUMNS = 1000
_DUCKDB_NAMES = {
    "bool": "BOOLEAN",
    "int8": "TINYINT", "int16": "SMALLINT", "int32": "INTEGER", "int64": "BIGINT",
    "uint8": "UTINYINT", "uint16": "USMALLINT", "uint32": "UINTEGER", "uint64": "UBIGINT",
    "float": "FLOAT", "double": "DOUBLE",
    "date32[day]": "DATE", "binary": "BLOB", "large_binary": "BLOB", "time64[us]": "TIME", "time64[ns]": "TIME",
}  # fmt: skip


def load(path: Path) -> pd.DataFrame:
    """Loads a table of the workspace as a new DataFrame."""
    # Without threads and read-ahead: the process may start few threads, and has little memory.
    table = parquet.ParquetFile(path, pre_buffer=False).read(use_threads=False)
    frame = table.to_pandas(use_threads=False, date_as_object=False, split_blocks=True)
    for position, field in enumerate(table.schema):
        column = table.column(position)
        if pa.types.is_integer(field.type) and column.null_count:
            frame[field.name] = column.to_pandas(types_mapper=_nullable)
    return frame


def _nullable(kind: Any) -> Any:
    """The nullable type: Int64 for int64, UInt8 for uint8, and so on."""
    name = str(kind)
    return pd.api.types.pandas_dtype(name[:2].upper() + name[2:] if name[0] == "u" else name.capitalize())


def store(result: object, file: Path, cap: int) -> dict[str, Any]:
    """Writes `result_df` to a Parquet file. Returns its columns, its first rows, its row count, and notes."""
    table, notes = _arrow(_frame(result))
    parquet.write_table(table, file, compression="zstd", store_schema=False)
    first = table.slice(0, cap)
    columns = [first.column(i).to_pylist() for i in range(first.num_columns)]
    rows = [[json_cells.to_json(cell) for cell in row] for row in zip(*columns, strict=True)] if columns else []
    for name, cells in zip(table.column_names, columns, strict=True):
        notes += _json_notes(name, cells)
    return {
        "columns": [{"name": f.name, "type": _duckdb_name(f.type)} for f in table.schema],
        "rows": rows,
        "row_count": table.num_rows,
        "truncated": table.num_rows > len(rows),
        "notes": notes,
    }


def _frame(result: object) -> pd.DataFrame:
    """The DataFrame to deliver: a Series becomes a column, a meaningful index becomes columns, and names are plain and
    unique.
    """
    if isinstance(result, pd.Series):
        result = result.to_frame("value" if result.name is None else cast("Any", result.name))
    if not isinstance(result, pd.DataFrame):
        kind = type(result).__name__
        raise TypeError(f"result_df is a {kind}. Make it a DataFrame or a Series, as in pd.DataFrame({{'value': [x]}})")
    if result.shape[1] > _MAX_COLUMNS:
        raise ValueError(f"result_df has {result.shape[1]} columns, more than {_MAX_COLUMNS}. Keep fewer")
    if not result.shape[1]:
        raise ValueError("result_df has no columns. Name them, as in pd.DataFrame(rows, columns=['name', 'value'])")
    frame, index = result.reset_index(drop=True), result.index
    # Row numbers mean nothing: a range, or what filtering has left of one. Any other index is data.
    is_data = not isinstance(index, pd.RangeIndex) and not (
        index.name is None and index.nlevels == 1 and pd.api.types.is_integer_dtype(index.dtype)
    )
    names = [_name(c) for c in frame.columns]
    if is_data:
        names = [_name("index" if n is None else n) for n in index.names] + names
        frame.columns = pd.RangeIndex(frame.shape[1])
        levels = [pd.Series(index.get_level_values(i)) for i in range(index.nlevels)]
        frame = pd.concat([*levels, frame], axis=1)
    frame.columns = pd.Index(unique_names(names), dtype=object)
    return frame


def _name(label: object) -> str:
    """A column's label as a name: a date without its midnight, the levels of a tuple joined by spaces."""
    if isinstance(label, tuple):
        return " ".join(_name(part) for part in cast("tuple[object, ...]", label) if part != "") or "column"
    if isinstance(label, pd.Timestamp) and label == label.normalize():
        return label.date().isoformat()
    return str(label) or "column"


def _arrow(frame: pd.DataFrame) -> tuple[Any, list[str]]:
    """Converts to types that Parquet and DuckDB have, with a note on each column that had to become text."""
    arrays: list[Any] = []
    notes: list[str] = []
    for position, name in enumerate(frame.columns):
        series: pd.Series[Any] = frame.iloc[:, position]
        try:
            array = _exact(series)
        except (pa.ArrowException, TypeError, ValueError, ArithmeticError):
            array = None
        if array is None:
            array = pa.array([None if _is_missing(v) else str(v) for v in series], pa.string())
            notes.append(f"{name}: values of mixed or unusual types are shown as text.")
        if _has_missing_floats(array):
            notes.append(f"{name}: NaN is shown as empty.")
        arrays.append(array)
    return pa.table(arrays, names=[str(c) for c in cast("list[object]", frame.columns.tolist())]), notes


def _exact(series: "pd.Series[Any]") -> Any:
    """The column in its own type, or None if Parquet or DuckDB has no such type."""
    if isinstance(series.dtype, pd.CategoricalDtype):
        series = series.astype(series.cat.categories.dtype)
    if series.dtype == object:
        present = [v for v in series if not _is_missing(v)]
        if any(type(v) is int for v in present) and all(type(v) in (int, Decimal) for v in present):
            whole = [v for v in present if type(v) is int and not -(2**63) <= v < 2**63]
            if whole or any(type(v) is Decimal for v in present):  # beyond BIGINT, or both kinds: exact as decimals
                series = series.map(_decimal)
    array = pa.array(series, from_pandas=True)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    kind = array.type
    if pa.types.is_timestamp(kind) and kind.tz is None and _all_midnight(series):
        return array.cast(pa.date32())
    if pa.types.is_null(kind) or pa.types.is_large_string(kind) or str(kind) == "string_view":
        return array.cast(pa.string())
    if pa.types.is_timestamp(kind) and kind.unit == "s":
        return array.cast(pa.timestamp("ms", kind.tz))
    if pa.types.is_decimal128(kind) and kind.precision < _USUAL_DIGITS:
        return array.cast(pa.decimal128(_USUAL_DIGITS, kind.scale))
    if pa.types.is_float16(kind):
        return array.cast(pa.float32())
    return None if _duckdb_name(kind) == "" else array


_is_scalar: Callable[[Any], bool] = pd.api.types.is_scalar
_is_na = cast("Callable[[Any], bool]", pd.isna)


def _decimal(value: Any) -> Any:
    return value if _is_missing(value) else Decimal(value)


def _all_midnight(series: "pd.Series[Any]") -> bool:
    present = series.dropna()
    return bool(len(present)) and bool((present == present.dt.normalize()).all())


def _has_missing_floats(array: Any) -> bool:
    """Whether the column, also in its lists and structs, has a null float: pyarrow turns NaN into null everywhere."""
    if pa.types.is_list(array.type):
        return _has_missing_floats(array.flatten())
    if pa.types.is_struct(array.type):
        return any(map(_has_missing_floats, array.flatten()))
    return bool(pa.types.is_floating(array.type) and array.null_count)


def _is_missing(value: Any) -> bool:
    if isinstance(value, Decimal):  # pandas would compare it, and a signalling NaN raises when compared
        return value.is_nan()
    return value is None or (_is_scalar(value) and bool(_is_na(value)))


def _duckdb_name(kind: Any) -> str:
    """DuckDB's name for the column's type, or "" if it has no such type."""
    if pa.types.is_decimal(kind):
        return f"DECIMAL({kind.precision},{kind.scale})" if 0 <= kind.scale <= kind.precision <= _DECIMAL_DIGITS else ""
    if pa.types.is_timestamp(kind):
        return "TIMESTAMP WITH TIME ZONE" if kind.tz else "TIMESTAMP_NS" if kind.unit == "ns" else "TIMESTAMP"
    if pa.types.is_list(kind):
        inner = _duckdb_name(kind.value_type)
        return f"{inner}[]" if inner else ""
    if pa.types.is_struct(kind):
        fields = [(field.name, _duckdb_name(field.type)) for field in kind]
        return f"STRUCT({', '.join(f'{n} {t}' for n, t in fields)})" if all(t for _, t in fields) else ""
    return _DUCKDB_NAMES.get(str(kind), "VARCHAR" if pa.types.is_string(kind) else "")


def _json_notes(name: str, cells: list[Any]) -> list[str]:
    """Notes on values that JSON cannot show as they are."""
    notes: list[str] = []
    inner = [leaf for cell in cells for leaf in json_cells.leaves(cell)]
    if any(isinstance(c, float) and json_cells.to_json(c) is None for c in inner):
        notes.append(f"{name}: NaN or infinity is shown as empty.")
    if any(isinstance(c, int | Decimal) and isinstance(json_cells.to_json(c), str) for c in inner):
        notes.append(f"{name}: numbers too long for a double are shown as text, to keep every digit.")
    return notes
