"""The maximum sizes of tables. Reading a larger one would exceed the memory or the time that a process may use."""

from cfo_kernel.errors import FileTooLarge

MEMORY = 4 << 30
"""Bytes of address space for the reading process: DuckDB's limit of 2 GB, and as much again for a workbook's cells."""
MAX_COLUMNS = 10_000
MAX_SHEETS = 1_000
MAX_CELLS = 32 << 20
"""The cells in all sheets of a workbook, including the empty cells between them: a million rows with 32 columns."""
MAX_UNPACKED = 8 * 10**9
"""Bytes for the values in a Parquet file, and for the disk space that a process may use while it reads."""
MAX_NAME = 1_000
"""The number of characters in a column's name."""
MAX_CELL = 1_000
"""The number of characters in text that may be a number or a date. A column with longer text stays text."""


def check_columns(name: str, count: int) -> None:
    """Raises `FileTooLarge` if a table has too many columns. `name` is the name of the file, or of a sheet in it."""
    if count > MAX_COLUMNS:
        message = f"{name} has {count:,} columns, and at most {MAX_COLUMNS:,} can be read"
        raise FileTooLarge(f"{message}. Keep only the columns that you need, or turn the others into rows.")
