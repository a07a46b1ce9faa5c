"""The tiny company that the benchmarks ask about, in a temporary root."""

import contextlib
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path

import duckdb

from cfo_kernel import Settings, connect
from tests.conftest import LEDGER

NAME = "tiny"


@contextlib.contextmanager
def new_root() -> Generator[Path]:
    """Creates a root with the company, and removes it at the end of the block."""
    folder = Path(tempfile.mkdtemp(prefix="cfo-bench-"))
    try:
        data = folder / NAME / "data"
        data.mkdir(parents=True)
        (data / "ledger.csv").write_text(LEDGER)
        duckdb.sql(f"COPY (FROM read_csv('{data / 'ledger.csv'}')) TO '{folder / 'ledger.parquet'}'")
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def settings(root: Path, base_url: str) -> Settings:
    """Settings for a workbench over this root that uses the model server."""
    return Settings.model_validate(environment(root, base_url, prefix=""))


def environment(root: Path, base_url: str, prefix: str = "CFO_") -> dict[str, str]:
    """The same settings as environment variables, for another process."""
    values = {"ROOT": str(root), "MODEL": "openai:scripted", "BASE_URL": base_url, "OPENAI_API_KEY": "any"}
    return {(prefix + name) if prefix else name.lower(): value for name, value in values.items()}


async def ingest(root: Path, base_url: str) -> None:
    """Ingests the files beforehand, so that ingestion is not part of any measurement."""
    async with connect(settings=settings(root, base_url)) as wb:
        await (await wb.workspace(NAME)).datasets(wait=600)
