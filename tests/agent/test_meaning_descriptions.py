"""The description of a table for a model says what its columns mean."""

from cfo_kernel.agent.meaning_descriptions import with_meaning
from cfo_kernel.data.semantics.meaning import ColumnMeaning, JoinMeaning, Meaning, Role, TableKind, TableMeaning


def test_roles_grain_and_joins_are_added_to_a_description() -> None:
    columns = (
        ColumnMeaning(column="day", role=Role.DATE),
        ColumnMeaning(column="site", role=Role.REFERENCE, refers_to="sites.id"),
        ColumnMeaning(column="heads", role=Role.STOCK, confidence=0.6),
        ColumnMeaning(column="total", role=Role.FLOW, once_for=("site",), is_repeated=True, unit_column="currency"),
    )
    table = TableMeaning(
        table="staff", kind=TableKind.SNAPSHOT, grain=("day", "site"), time_axis="day", columns=columns
    )
    join = JoinMeaning(table="staff", to_table="sites", equal=(("site", "id"),))
    rate = JoinMeaning(
        kind="interval", table="staff", to_table="rates", equal=(("site", "site"),), column="day", low="valid"
    )
    described = {"table": "staff", "columns": [{"name": name} for name in ("day", "site", "heads", "total", "other")]}
    assert with_meaning(described, Meaning(tables=(table,), joins=(join, rate))) == {
        "table": "staff",
        "kind": "snapshot",
        "one_row_per": ["day", "site"],
        "date_column": "day",
        "columns": [
            {"name": "day", "role": "date"},
            {"name": "site", "role": "reference", "refers_to": "sites.id"},
            {"name": "heads", "role": "stock?"},
            {"name": "total", "role": "flow", "currency_in": "currency", "repeated_for_each": "site"},
            {"name": "other"},
        ],
        "inferred_joins": [
            "staff.site = sites.id",
            "staff.site = rates.site and staff.day between rates.valid and the next row",
        ],
        "stocks": "never summed over time: use last_of, or filter to one date",
    }
    assert with_meaning({"table": "other"}, Meaning()) == {"table": "other"}
