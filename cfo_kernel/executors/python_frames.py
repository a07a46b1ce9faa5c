"""Converts tables between Parquet and pandas inside the confined process, without losing a digit.

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

from cfo_kernel.executors.sql_names import unique_names

parquet = cast("Any", pyarrow.parquet)
pa = cast("Any", pyarrow)  # pandas-stubs do not include the types of values
_DECIMAL_DIGITS, _USUAL_DIGITS = 38, 18
_MAX_COLUMNS = 1000
_KNOWN_TYPES = (
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float", "double",
    "string", "binary", "large_binary", "date32[day]", "time64[us]", "time64[ns]",
)  # fmt: skip


def load(path: Path) -> pd.DataFrame:
    """Loads a table of the workspace as a new DataFrame."""
    # Without threads or read-ahead, because the process may start few threads and has little memory.
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


def store(result: object, file: Path) -> dict[str, list[int]]:
    """Writes `result_df` to a Parquet file.

    Returns the columns that became text, and those in which NaN became null.
    """
    table, as_text, nan_as_null = _arrow(_frame(result))
    parquet.write_table(table, file, compression="zstd", store_schema=False)
    return {"as_text": as_text, "nan_as_null": nan_as_null}


def _frame(result: object) -> pd.DataFrame:
    """The DataFrame to deliver.

    A Series becomes a column, a meaningful index becomes columns, and names become plain and unique.
    """
    if isinstance(result, pd.Series):
        result = result.to_frame("value" if result.name is None else cast("Any", result.name))
    if not isinstance(result, pd.DataFrame):
        kind = type(result).__name__
        raise TypeError(
            f"result_df is of type {kind}. Make it a DataFrame or a Series, as in pd.DataFrame({{'value': [x]}})"
        )
    if result.shape[1] > _MAX_COLUMNS:
        raise ValueError(f"result_df has {result.shape[1]} columns; the limit is {_MAX_COLUMNS}. Keep fewer")
    if not result.shape[1]:
        raise ValueError("result_df has no columns. Name them, as in pd.DataFrame(rows, columns=['name', 'value'])")
    frame, index = result.reset_index(drop=True), result.index
    # Row numbers carry no information, even if filtering left gaps in them. Any other index is data.
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
    """A column's label as a name: dates lose a time of midnight, and the levels of a tuple are joined by spaces."""
    if isinstance(label, tuple):
        return " ".join(_name(part) for part in cast("tuple[object, ...]", label) if part != "") or "column"
    if isinstance(label, pd.Timestamp) and label == label.normalize():
        return label.date().isoformat()
    return str(label) or "column"


def _arrow(frame: pd.DataFrame) -> tuple[Any, list[int], list[int]]:
    """Converts the columns to types that Parquet and DuckDB have.

    Also returns the positions of the columns that had to become text, and of those in which NaN became null.
    """
    arrays: list[Any] = []
    as_text: list[int] = []
    nan_as_null: list[int] = []
    for position in range(frame.shape[1]):
        series: pd.Series[Any] = frame.iloc[:, position]
        try:
            array = _exact(series)
        except (pa.ArrowException, TypeError, ValueError, ArithmeticError):
            array = None
        if array is None:
            array = pa.array([None if _is_missing(v) else str(v) for v in series], pa.string())
            as_text.append(position)
        if _has_missing_floats(array):
            nan_as_null.append(position)
        arrays.append(array)
    names = [str(c) for c in cast("list[object]", frame.columns.tolist())]
    return pa.table(arrays, names=names), as_text, nan_as_null


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
    return array if _is_known(kind) else None


_is_scalar: Callable[[Any], bool] = pd.api.types.is_scalar
_is_na = cast("Callable[[Any], bool]", pd.isna)


def _decimal(value: Any) -> Any:
    return value if _is_missing(value) else Decimal(value)


def _all_midnight(series: "pd.Series[Any]") -> bool:
    present = series.dropna()
    return bool(len(present)) and bool((present == present.dt.normalize()).all())


def _has_missing_floats(array: Any) -> bool:
    """Whether the column has a null float, even inside lists and structs.

    This matters because pyarrow turns NaN into null everywhere.
    """
    if pa.types.is_list(array.type):
        return _has_missing_floats(array.flatten())
    if pa.types.is_struct(array.type):
        return any(map(_has_missing_floats, array.flatten()))
    return bool(pa.types.is_floating(array.type) and array.null_count)


def _is_missing(value: Any) -> bool:
    if isinstance(value, Decimal):  # pandas would compare it, and a signalling NaN raises when compared
        return value.is_nan()
    return value is None or (_is_scalar(value) and bool(_is_na(value)))


def _is_known(kind: Any) -> bool:
    """Whether DuckDB has a type for the column."""
    if pa.types.is_decimal(kind):
        return 0 <= kind.scale <= kind.precision <= _DECIMAL_DIGITS
    if pa.types.is_list(kind):
        return _is_known(kind.value_type)
    if pa.types.is_struct(kind):
        return all(_is_known(field.type) for field in kind)
    return pa.types.is_timestamp(kind) or str(kind) in _KNOWN_TYPES
