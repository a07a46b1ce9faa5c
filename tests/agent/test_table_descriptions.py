"""Descriptions of tables for a model contain every figure and no empty parts."""

from cfo_kernel.agent.table_descriptions import described_table, listed_tables
from cfo_kernel.data.glossary import GlossaryFile
from cfo_kernel.data.ingest_cache import DatasetIndex
from cfo_kernel.data.tables import Column, Dataset, Table, Tables
from cfo_kernel.data.workspace_data import SchemaContext


def test_a_table_without_rows_says_so() -> None:
    columns = (Column(name="amount", type="BIGINT", minimum="0", maximum="0"),)
    table = Table(name="ledger", dataset="ledger", columns=columns, row_count=0)
    dataset = Dataset(id="ledger", file="ledger.csv", version="1", size=1, tables=(table,))
    schema = SchemaContext(DatasetIndex((dataset,), Tables([table]), {}), GlossaryFile())
    [listed] = listed_tables(schema)["datasets"]
    assert listed == {"dataset": "ledger", "table": "ledger", "rows": 0, "columns": ["amount"]}
    described = described_table(table, schema, [])
    assert described["row_count"] == 0
    assert described["columns"] == [{"name": "amount", "type": "BIGINT", "min": "0", "max": "0"}]
