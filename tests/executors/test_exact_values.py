"""Values of every type stay exact from SQL to JSON, a DataFrame and a sheet, or a note says otherwise.

A value that cannot be exact there becomes null or text, with a note unless the value makes it obvious.
"""

import math
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest

from cfo_kernel.data.sheet_writer import write_sheet
from cfo_kernel.dataframes import read_frame
from tests.executors.conftest import Company

# the SQL: in JSON, in a DataFrame, in a sheet
VALUES: dict[str, tuple[Any, Any, Any]] = {
    "CAST(1250.50 AS DECIMAL(18, 2))": (1250.5, Decimal("1250.50"), 1250.5),
    "CAST(0.10 AS DECIMAL(9, 2))": (0.1, Decimal("0.10"), 0.1),
    "CAST('12345678901234567890123456.1234567891' AS DECIMAL(38, 10))": (
        "12345678901234567890123456.1234567891",
        Decimal("12345678901234567890123456.1234567891"),
        "12345678901234567890123456.1234567891",
    ),
    "CAST(5 AS HUGEINT)": (5, Decimal(5), 5),
    "CAST('99999999999999999999999999999999999999' AS HUGEINT)": ("9" * 38, Decimal("9" * 38), "9" * 38),
    "sum(CAST(7 AS BIGINT))": (7, Decimal(7), 7),
    "9007199254740993": ("9007199254740993", 9007199254740993, "9007199254740993"),
    "CAST(-128 AS TINYINT)": (-128, -128, -128),
    "CAST('18446744073709551615' AS UBIGINT)": ("18446744073709551615", 18446744073709551615, "18446744073709551615"),
    "CAST(0.1 AS DOUBLE)": (0.1, 0.1, 0.1),
    "CAST('nan' AS DOUBLE)": (None, math.nan, None),
    "CAST('inf' AS DOUBLE)": (None, math.inf, None),
    "CAST('-inf' AS FLOAT)": (None, -math.inf, None),
    "true": (True, True, True),
    "'=1+1'": ("=1+1", "=1+1", "=1+1"),
    "'Grüße\n\"x\"'": ('Grüße\n"x"', 'Grüße\n"x"', 'Grüße\n"x"'),
    "DATE '2024-02-29'": ("2024-02-29", date(2024, 2, 29), datetime(2024, 2, 29)),
    "TIMESTAMP '2024-01-31 10:00:00.25'": (
        "2024-01-31T10:00:00.250000",
        datetime(2024, 1, 31, 10, 0, 0, 250_000),
        datetime(2024, 1, 31, 10, 0, 0, 250_000),
    ),
    "TIMESTAMPTZ '2024-01-31 10:00:00+02'": (
        "2024-01-31T08:00:00+00:00",
        datetime(2024, 1, 31, 8, tzinfo=UTC),
        datetime(2024, 1, 31, 8),
    ),
    "TIME '10:30:00'": ("10:30:00", time(10, 30), time(10, 30)),
    "INTERVAL '1 month 2 days'": ("1 month 2 days", "1 month 2 days", "1 month 2 days"),
    "CAST('340282366920938463463374607431768211455' AS UHUGEINT)": (
        "340282366920938463463374607431768211455",
        "340282366920938463463374607431768211455",
        "340282366920938463463374607431768211455",
    ),
    "DATE 'infinity'": ("infinity", "infinity", "infinity"),
    "DATE '9999-12-31'": ("9999-12-31", date(9999, 12, 31), datetime(9999, 12, 31)),
    "DATE '0044-03-15 (BC)'": ("0044-03-15 (BC)", "0044-03-15 (BC)", "0044-03-15 (BC)"),
    "TIMESTAMP '-infinity'": ("-infinity", "-infinity", "-infinity"),
    "TIMESTAMPTZ 'infinity'": ("infinity", "infinity", "infinity"),
    "TIMESTAMP_NS '2024-01-31 10:00:00.123456789'": (
        "2024-01-31 10:00:00.123456789",
        pd.Timestamp("2024-01-31 10:00:00.123456789"),
        "2024-01-31 10:00:00.123456789",
    ),
    "TIMESTAMP_NS '2024-01-31 10:00:00'": (
        "2024-01-31T10:00:00",
        datetime(2024, 1, 31, 10),
        datetime(2024, 1, 31, 10),
    ),
    "TIME '24:00:00'": ("24:00:00", "24:00:00", "24:00:00"),
    "TIME_NS '10:30:00.123456789'": ("10:30:00.123456789", "10:30:00.123456789", "10:30:00.123456789"),
    "CAST(1 AS VARIANT)": ("1", "1", "1"),
    "NULL": (None, None, None),
}
NOTED = (
    "nan",
    "inf'",
    "99999",
    "9007199254740993",
    "1844674",
    "90123456.123",
    "INTERVAL",
    "UHUGEINT",
    "TIME_NS",
    "VARIANT",
)


@pytest.mark.parametrize("sql", VALUES)
async def test_a_value_is_exact_in_json_pandas_and_a_sheet(sql: str, company: Company, tmp_path: Path) -> None:
    in_json, in_pandas, in_sheet = VALUES[sql]
    file = tmp_path / "result.parquet"
    answer = company.worker.query(f"SELECT {sql} AS v, 'beside' AS b", 10, str(file))
    assert answer["rows"] == [[in_json, "beside"]]
    assert bool(answer["notes"]) == any(sign in sql for sign in NOTED)

    frame = await read_frame(file)
    found = frame["v"].tolist()[0]
    if in_pandas is None:
        assert pd.isna(found)
    else:
        assert found == in_pandas or (math.isnan(in_pandas) and math.isnan(found))
        assert isinstance(found, Decimal) == isinstance(in_pandas, Decimal)

    book = str(tmp_path / "book.xlsx")
    write_sheet(str(file), book, "Values", "create", to=book)
    cell = openpyxl.load_workbook(book)["Values"]["A2"]
    assert cell.value == in_sheet
    assert cell.data_type != "f"


async def test_a_note_covers_rows_that_are_not_shown(company: Company) -> None:
    sql = "SELECT CASE WHEN n = 999 THEN CAST('nan' AS DOUBLE) ELSE n END AS rate FROM range(1000) t(n) ORDER BY n"
    assert company.worker.query(sql, 5, None)["notes"] == ["rate: NaN or infinity is shown as empty."]
