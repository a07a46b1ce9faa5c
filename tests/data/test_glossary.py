"""The glossary is written by hand, so every mistake in it is reported with its line."""

from pathlib import Path

import pytest

from cfo_kernel.data import glossary
from cfo_kernel.errors import GlossaryInvalid, StorageFailed
from tests.data.conftest import Company

SAMPLE = """\
# What people know about the tables.
company: Adventure Works
tables:
  ledger:
    name: General ledger
    synonyms: [gl, postings]
    questions:
      - total by department
    date: posted
    defaults: {ledger.dept: Sales}
    balances:
      accounts.account: [Bank]
    kept_apart: [ledger.dept]
    columns:
      amount:
        name: posted amount
        synonyms: [value]
        unit: {source: ledger.dept, unless: {accounts.account: [Heads]}}
        values: {}
  accounts:
    columns:
      account:
        values: {Salaries: [wages, payroll]}
  account_groups:
    hierarchy:
      key: group_key
      parent: group_key
      label: group_name
      operator: group_name
"""


def loaded(folder: Path, text: str | bytes, company: Company) -> glossary.GlossaryFile:
    path = folder / glossary.FILE_NAME
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    value, node = glossary.load(folder)
    glossary.check(value, node, company.tables)
    return value


def test_every_field_of_the_sample_is_read(tmp_path: Path, company: Company) -> None:
    value = loaded(tmp_path, SAMPLE, company)
    assert value.company == "Adventure Works"
    assert value.table("ledger").questions == ("total by department",)
    assert value.column("ledger", "amount").synonyms == ("value",)
    assert value.column("accounts", "account").values == {"Salaries": ("wages", "payroll")}
    assert value.table("nothing") == glossary.TableNotes()
    amount, dept = company.tables["ledger"].column("amount"), company.tables["ledger"].column("dept")
    assert amount is not None
    assert dept is not None
    assert glossary.label(value, "ledger", amount) == "posted amount"
    assert glossary.label(value, "ledger", dept) == "dept"


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "\ufefftables: {}\n", "tables: {}\n"])
def test_an_empty_file_is_an_empty_glossary(tmp_path: Path, company: Company, text: str) -> None:
    assert loaded(tmp_path, text, company) == glossary.GlossaryFile()


def test_a_missing_file_is_an_empty_glossary(tmp_path: Path) -> None:
    assert glossary.load(tmp_path) == (glossary.GlossaryFile(), None)


def test_names_are_compared_without_case(tmp_path: Path, company: Company) -> None:
    value = loaded(tmp_path, "tables:\n  Ledger:\n    name: GL\n    columns:\n      AMOUNT: {name: value}\n", company)
    assert value.table("ledger").name == "GL"
    assert value.column("ledger", "amount").name == "value"


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("    name: General ledger", "    name: [General: ledger", 6, ""),
        ("company: Adventure Works", "\tcompany: x", 2, "token"),
        ("company: Adventure Works", "company: &a [*a", 3, ""),
        ("company: Adventure Works", "company: !!python/object:os.system x", 2, "could not determine a constructor"),
        ("    synonyms: [gl, postings]", "    synonym: [gl, postings]", 6, "synonym"),
        ("        synonyms: [value]", "        colour: red", 17, "colour"),
        ("    synonyms: [gl, postings]", "    synonyms: [gl, {a: b}]", 6, "valid string"),
        ("    synonyms: [gl, postings]", "    synonyms: gl", 6, "synonyms"),
        ("      - total by department", "      - a\n      - [b]", 9, "valid string"),
        ("    defaults: {ledger.dept: Sales}", "    defaults: {ledger.dept: [a]}", 10, "defaults"),
        ("company: Adventure Works", "company: [a]", 2, "company"),
        (
            "  accounts:\n",
            "  acounts:\n",
            20,
            "there is no table acounts; the tables are account_groups, accounts, ledger",
        ),
        ("      account:\n", "      acount:\n", 22, "there is no column accounts.acount"),
        ("    date: posted", "    date: postd", 9, "there is no column ledger.postd"),
        ("    defaults: {ledger.dept: Sales}", "    defaults: {dept: Sales}", 10, "there is no column dept"),
        ("      accounts.account: [Bank]", "      accounts.nope: [Bank]", 11, "there is no column accounts.nope"),
        ("    kept_apart: [ledger.dept]", "    kept_apart: [ledger.nope]", 13, "there is no column ledger.nope"),
        ("{source: ledger.dept,", "{source: nope.dept,", 18, "there is no column nope.dept"),
        ("unless: {accounts.account:", "unless: {accounts.nope:", 18, "there is no column accounts.nope"),
        ("      label: group_name", "      lable: group_name", 25, "hierarchy.label: Field required"),
        ("      key: group_key\n      parent", "      parent", 25, "hierarchy.key: Field required"),
        ("      label: group_name", "      label: group", 28, "there is no column account_groups.group"),
        ("      label: group_name", "      label: group_key", 28, "group_key is BIGINT, not text"),
        ("      operator: group_name", "      operator: group_key", 29, "group_key is BIGINT, not text"),
        ("      parent: group_key", "      parent: group_name", 27, "so their values cannot be equal"),
        ("      parent: group_key", "      parent: boss", 27, "there is no column account_groups.boss"),
        ("  accounts:\n", "  ledger:\n", 20, "ledger is given here for the second time"),
        (
            "        name: posted amount",
            "        name: a\n        Name: b",
            17,
            "Name is given here for the second time",
        ),
    ],
)
def test_a_mistake_names_its_line(tmp_path: Path, company: Company, old: str, new: str, line: int, says: str) -> None:
    assert SAMPLE.count(old) == 1
    with pytest.raises(GlossaryInvalid, match=f"datasets.yaml, line {line}: ") as caught:
        loaded(tmp_path, SAMPLE.replace(old, new), company)
    assert says in caught.value.message
    assert caught.value.details == {"file": "datasets.yaml", "line": line}
    assert caught.value.message.endswith(". Correct the line and ask again.")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"company: J\xf6rg\n", "not UTF-8"),
        (b"company: \0\n", "special characters"),
        (b"a\n" * 500_001, "larger than 1 MB"),
        (b"just words\n", "line 1"),
        (b"- a\n- b\n", "line 1"),
        (b"company: a\n---\ncompany: b\n", "line 2"),
    ],
)
def test_a_file_that_is_not_a_glossary_is_refused(tmp_path: Path, company: Company, content: bytes, says: str) -> None:
    with pytest.raises(GlossaryInvalid, match=says):
        loaded(tmp_path, content, company)


def test_aliases_are_refused(tmp_path: Path, company: Company) -> None:
    """A few lines with aliases can expand to a billion strings."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 10)]
    with pytest.raises(GlossaryInvalid, match="line 1: this value is used again through an alias"):
        loaded(tmp_path, "\n".join(lines), company)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("tables: {}\ncompany: 2012-13-45", "line 2: 2012-13-45 cannot be read"),
        ("tables: {}\ncompany: !!timestamp soon", "line 2: soon cannot be read"),
        ("tables: {}\ncompany: !!bool perhaps", "line 2: perhaps cannot be read"),
        ("company: !!int x", "line 1: x cannot be read"),
        (f"company: {'9' * 5000}", "line 1: 9999"),
        ("company: " + "[" * 3000 + "]" * 3000, "line 1: the file is nested too deeply"),
    ],
)
def test_a_value_that_yaml_cannot_parse_is_named(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "datasets.yaml").write_text(text)
    with pytest.raises(GlossaryInvalid, match=says):
        glossary.load(tmp_path)


def test_a_folder_in_place_of_the_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "datasets.yaml").mkdir()
    with pytest.raises(StorageFailed, match="Is a directory"):
        glossary.load(tmp_path)
