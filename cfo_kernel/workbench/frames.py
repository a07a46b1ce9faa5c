"""Parquet files as DataFrames; decimals stay `decimal.Decimal`, so that money stays exact."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


async def read_frame(path: Path) -> "pd.DataFrame":
    """The whole file as a DataFrame, read in a thread of its own."""
    import pandas as pd

    return await asyncio.to_thread(pd.read_parquet, path)
