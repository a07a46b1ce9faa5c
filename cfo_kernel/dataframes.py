"""Reads Parquet files as DataFrames. Decimals stay `decimal.Decimal`, so that amounts of money are exact."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from cfo_kernel.errors import ResultNotFound, UnreadableFile

if TYPE_CHECKING:
    import pandas as pd


async def read_frame(path: Path) -> "pd.DataFrame":
    """Reads the whole file as a DataFrame, in another thread. Raises `ResultNotFound` or `UnreadableFile`."""
    try:
        return await asyncio.to_thread(_read, path)
    except FileNotFoundError as error:
        raise ResultNotFound(f"The file {path.name} was deleted. Ask the question again.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is damaged or incomplete"
        raise UnreadableFile(f"The file {path.name} cannot be read ({reason}). Ask the question again.") from error


def _read(path: Path) -> "pd.DataFrame":
    import pandas as pd

    from cfo_kernel import (
        out_of_range_times,  # imported here because it loads DuckDB, which a remote workbench does not otherwise need
    )

    return pd.read_parquet(out_of_range_times.as_texts(path) or path)
