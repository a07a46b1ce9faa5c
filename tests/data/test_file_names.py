import pytest

from cfo_kernel.data.file_names import identifier, safe_name
from cfo_kernel.errors import InvalidName


@pytest.mark.parametrize("name", ["ledger.csv", "Büro 2024 (1).xlsx", "数据.parquet", "a" * 196 + ".csv", "[1].csv"])
def test_a_plain_name_is_unchanged(name: str) -> None:
    assert safe_name(f" {name} ") == name


def test_a_name_is_normalized_to_composed_characters() -> None:
    assert safe_name("u\u0308ber.csv") == "über.csv"


@pytest.mark.parametrize(
    "name",
    ["", " ", ".", "..", "../x.csv", "a/b.csv", "a\\b.csv", ".hidden", "~lock.csv", "a\0.csv", "a\n.csv", "a\u202e.csv",
     "a" * 300, "ü" * 150, "C:x.csv", "a|b", "\ud800.csv"],
)  # fmt: skip
def test_a_name_that_could_leave_its_folder_or_be_hidden_is_refused(name: str) -> None:
    with pytest.raises(InvalidName, match="cannot be a file name here"):
        safe_name(name)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Net Sales (USD)", "net_sales_usd"),
        ("2024", "t_2024"),
        ("Umsätze", "umsatze"),
        ("数据", "t_"),
        ("--", "t_"),
        ("x" * 300, "x" * 60),
        ('a"; DROP TABLE x', "a_drop_table_x"),
    ],
)
def test_an_identifier_is_plain(text: str, name: str) -> None:
    assert identifier(text) == name
