"""Parquet files as DataFrames; decimals stay `decimal.Decimal`, so that money stays exact."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from cfo_kernel.errors import ResultNotFound, UnreadableFile

if TYPE_CHECKING:
    import pandas as pd


async def read_frame(path: Path) -> "pd.DataFrame":
    """The whole file as a DataFrame, read in a thread of its own. Raises `ResultNotFound` or `UnreadableFile`."""
    try:
        return await asyncio.to_thread(_read, path)
    except FileNotFoundError as error:
        raise ResultNotFound(f"The file {path.name} is no longer there. Ask again.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is damaged or not whole"
        raise UnreadableFile(f"The file {path.name} cannot be read ({reason}). Ask again.") from error


def _read(path: Path) -> "pd.DataFrame":
    import pandas as pd

    from cfo_kernel import out_of_range_times  # which needs DuckDB, as nothing else does that only reads

    return pd.read_parquet(out_of_range_times.in_words(path) or path)
