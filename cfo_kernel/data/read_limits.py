"""How large a table may be to be read. What is larger would take more memory or time than a process gets."""

from cfo_kernel.errors import FileTooLarge

MEMORY = 4 << 30
"""Bytes of address space of the process that reads: DuckDB's own limit of 2 GB, and as much for a workbook's cells."""
MAX_COLUMNS = 2_000
MAX_SHEETS = 1_000
MAX_CELLS = 32 << 20
"""Of all sheets of a workbook, with the empty cells between them: a million rows with 32 columns."""
MAX_UNPACKED = 8 * 10**9
"""Bytes of the values of a Parquet file, and of what a process may put on disk while it reads."""
MAX_NAME = 1_000
"""Characters of a column's name."""
MAX_CELL = 1_000
"""Characters of a text that may be a number or a date; a column with a longer one is text."""


def check_columns(name: str, count: int) -> None:
    """Raises `FileTooLarge` for a table with too many columns. `name` is that of the file, or of a sheet in it."""
    if count > MAX_COLUMNS:
        message = f"{name} has {count:,} columns, and at most {MAX_COLUMNS:,} can be read"
        raise FileTooLarge(f"{message}. Keep the columns that are needed, or write the rest below each other.")
