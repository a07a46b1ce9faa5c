"""Runs the plans of a test, with their checks, and compares their SQL with golden files.

`CFO_GOLDEN=write` rewrites the files; read the difference.
"""

import os
from pathlib import Path
from typing import Any

from cfo_kernel.data.glossary import GlossaryFile
from cfo_kernel.data.hierarchies import NO_TREES, Trees
from cfo_kernel.data.plan import QueryPlan
from cfo_kernel.data.prepared_plan import prepare
from tests.data.conftest import Company

Json = dict[str, Any]
WRITE = os.environ.get("CFO_GOLDEN") == "write"  # read here: the tests themselves see no CFO_ variable


def ask(
    company: Company, plan: Json, glossary: Json | None = None, trees: Trees = NO_TREES
) -> tuple[list[list[Any]], list[str]]:
    """The rows and notes of a plan."""
    notes = GlossaryFile.model_validate(glossary or {})
    ready = prepare(QueryPlan.model_validate(plan), company.tables, notes, trees)
    found = ready.evaluate(company.worker.query(ready.probe_sql, 1, None)["rows"][0]) if ready.probe_sql else []
    company.worker.check(ready.count_sql)
    return [list(row) for row in company.worker.query(ready.sql, 100, None)["rows"]], [*ready.notes, *found]


def golden(folder: str, name: str, sql: str) -> str:
    """The golden SQL of a case, after rewriting it if asked."""
    file = Path(__file__).parent / folder / f"{name}.sql"
    if WRITE:
        file.parent.mkdir(exist_ok=True)
        file.write_text(sql + "\n")
    return file.read_text()[:-1]


def names_in(folder: str) -> set[str]:
    return {path.stem for path in (Path(__file__).parent / folder).iterdir()}
