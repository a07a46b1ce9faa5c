"""Checks which columns join tables, and the path from one table to another."""

from cfo_kernel.data.tables import Column, Kind, Relation, Table, Tables

KEY = Column(name="account_key", type="BIGINT", distinct=3)
NAME = Column(name="name", type="VARCHAR", distinct=3)


def table(name: str, *columns: Column, row_count: int = 3) -> Table:
    return Table(name=name, dataset=name, columns=columns, row_count=row_count)


def pointers(*tables: Table) -> list[tuple[str, str]]:
    return [(relation.table, relation.to_table) for relation in Tables(tables).relations]


def test_a_column_with_the_name_of_another_tables_unique_key_points_at_it() -> None:
    ledger = table("ledger", KEY, row_count=9)
    [relation] = Tables([ledger, table("accounts", KEY, NAME)]).relations
    assert relation == Relation(table="ledger", column="account_key", to_table="accounts", to_column="account_key")


def test_a_key_that_is_not_unique_is_not_pointed_at() -> None:
    assert pointers(table("ledger", KEY, row_count=9), table("budget", KEY, row_count=9)) == []
    assert pointers(table("ledger", KEY, row_count=9), table("accounts", KEY.model_copy(update={"nulls": 1}))) == []
    assert pointers(table("ledger", KEY, row_count=0), table("nothing", KEY, row_count=0)) == []


def test_a_unique_column_that_is_not_called_a_key_is_not_pointed_at() -> None:
    """Two tables may each have a name column without being related."""
    assert pointers(table("ledger", NAME, row_count=9), table("accounts", NAME)) == []


def test_a_key_of_texts_does_not_point_at_a_key_of_numbers() -> None:
    text = KEY.model_copy(update={"type": "VARCHAR"})
    assert pointers(table("ledger", text, row_count=9), table("accounts", KEY)) == []


def column(name: str, distinct: int) -> Column:
    return Column(name=name, type="BIGINT", distinct=distinct)


def test_the_path_is_the_shortest_from_many_rows_to_one() -> None:
    tables = Tables([
        table("ledger", column("unit_id", 3), column("group_id", 2), row_count=9),
        table("units", column("unit_id", 3), column("region_id", 2)),
        table("regions", column("region_id", 2), column("group_id", 1), row_count=2),
        table("groups", column("group_id", 1), row_count=1),
    ])  # fmt: skip
    assert [r.to_table for r in tables.path("Ledger", "Groups") or ()] == ["groups"]
    assert [r.to_table for r in tables.path("ledger", "regions") or ()] == ["units", "regions"]
    assert tables.path("ledger", "ledger") == ()
    assert tables.path("groups", "ledger") is None


def test_the_type_says_what_kind_of_values_there_are() -> None:
    kinds = {
        "DECIMAL(18,2)": Kind.NUMBER,
        "BIGINT": Kind.NUMBER,
        "DOUBLE": Kind.NUMBER,
        "VARCHAR": Kind.TEXT,
        "DATE": Kind.TIME,
        "TIMESTAMP WITH TIME ZONE": Kind.TIME,
        "TIMESTAMP_NS": Kind.TIME,
        "TIME": Kind.OTHER,
        "BOOLEAN": Kind.OTHER,
        "BIGINT[]": Kind.OTHER,
        "DECIMAL(18,2)[]": Kind.OTHER,
    }
    assert {name: Column(name="x", type=name).kind for name in kinds} == kinds
    assert [Column(name="x", type=name).scale for name in ("DECIMAL(18,2)", "DECIMAL(18,2)[]", "BIGINT")] == [2, 0, 0]
