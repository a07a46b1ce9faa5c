"""Pages need additional column names, which a result may already use."""

import duckdb

from cfo_kernel.data.result_pages import PageRequest, Sort, free_name, page_sql
from cfo_kernel.data.tables import Column, Table


def test_a_free_name_is_not_taken_in_any_case() -> None:
    assert free_name("position", ["amount"]) == "position"
    assert free_name("position", ["Position", "position_", "amount"]) == "position__"


def test_a_result_may_have_columns_with_the_name_of_the_sort_key() -> None:
    columns = tuple(Column(name=name, type="BIGINT") for name in ("Position", "position_"))
    table = Table(name="result", dataset="result", columns=columns, row_count=3)
    with duckdb.connect() as connection:
        connection.execute('CREATE TABLE result AS FROM (VALUES (7, 1), (8, 0), (9, 1)) v("Position", position_)')
        found = connection.execute(page_sql(table, PageRequest(sort=(Sort(column="position_"),)))).fetchall()
    assert found == [(8, 0), (7, 1), (9, 1)]
