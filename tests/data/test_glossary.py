"""The glossary is written by hand, so every mistake in it is reported with its line."""

import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfo_kernel.data import checked_glossary, glossary, glossary_reader
from cfo_kernel.data.plan import QueryPlan
from cfo_kernel.data.prepared_plan import prepare
from cfo_kernel.errors import PlanInvalid
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


def checked(folder: Path, text: str | bytes, company: Company) -> checked_glossary.CheckedGlossary:
    path = folder / glossary_reader.FILE_NAME
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return checked_glossary.checked(glossary_reader.read(folder), company.tables)


def loaded(folder: Path, text: str | bytes, company: Company) -> glossary.GlossaryFile:
    found = checked(folder, text, company)
    assert found.faults == ()
    return found.file


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
    assert checked_glossary.checked(glossary_reader.read(tmp_path)) == checked_glossary.CheckedGlossary(
        glossary.GlossaryFile()
    )


def test_names_are_compared_without_case(tmp_path: Path, company: Company) -> None:
    value = loaded(tmp_path, "tables:\n  Ledger:\n    name: GL\n    columns:\n      AMOUNT: {name: value}\n", company)
    assert value.table("ledger").name == "GL"
    assert value.column("ledger", "amount").name == "value"


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("    name: General ledger", "    name: [General: ledger", 5, ""),
        ("company: Adventure Works", "\tcompany: x", 2, "token"),
        ("company: Adventure Works", "company: &a [*a", 2, ""),
        ("company: Adventure Works", "company: !!python/object:os.system x", 2, "could not determine a constructor"),
        ("    synonyms: [gl, postings]", "    synonym: [gl, postings]", 6, "synonym"),
        ("        synonyms: [value]", "        colour: red", 17, "colour"),
        ("    synonyms: [gl, postings]", "    synonyms: [gl, {a: b}]", 6, "must be text"),
        ("        values: {}", "        values: {1: [one]}", 19, "is a key that is not text: put quotes around it"),
        ("    synonyms: [gl, postings]", "    synonyms: gl", 6, "synonyms"),
        ("      - total by department", "      - a\n      - [b]", 9, "must be text"),
        (
            "    defaults: {ledger.dept: Sales}",
            "    defaults: {ledger.dept: [a]}",
            10,
            "ledger.dept must be true or false,",
        ),
        ("company: Adventure Works", "company: [a]", 2, "company"),
        (
            "  accounts:\n",
            "  acounts:\n",
            20,
            "there is no table acounts; the tables are account_groups, accounts, ledger",
        ),
        ("      account:\n", "      acount:\n", 22, "there is no column accounts.acount"),
        ("    date: posted", "    date: postd", 9, "there is no column ledger.postd; the most similar is posted"),
        ("    date: posted", "    date: ledger.posted", 9, "write the name without the table: posted"),
        (
            "    defaults: {ledger.dept: Sales}",
            "    defaults: {dept: Sales}",
            10,
            "there is no column dept; write ledger.dept",
        ),
        ("    kept_apart: [ledger.dept]", "    kept_apart: [DEPT]", 13, "there is no column DEPT; write ledger.dept"),
        (
            "      accounts.account: [Bank]",
            "      account: [Bank]",
            12,
            "there is no column account; write accounts.account",
        ),
        ("{source: ledger.dept,", "{source: dept,", 18, "there is no column dept; write ledger.dept"),
        ("unless: {accounts.account:", "unless: {nowhere:", 18, "there is no column nowhere; write table.column"),
        ("      amount:\n", "      ledger.amount:\n", 15, "write the name without the table: amount"),
        ("      accounts.account: [Bank]", "      accounts.nope: [Bank]", 12, "there is no column accounts.nope"),
        ("    kept_apart: [ledger.dept]", "    kept_apart: [ledger.nope]", 13, "there is no column ledger.nope"),
        ("{source: ledger.dept,", "{source: nope.dept,", 18, "there is no column nope.dept"),
        ("unless: {accounts.account:", "unless: {accounts.nope:", 18, "there is no column accounts.nope"),
        ("      label: group_name", "      lable: group_name", 25, "hierarchy.label is missing"),
        ("      key: group_key\n      parent", "      parent", 25, "hierarchy.key is missing"),
        ("      label: group_name", "      label: group", 28, "there is no column account_groups.group"),
        ("      label: group_name", "      label: group_key", 28, "group_key is BIGINT, not text"),
        ("      operator: group_name", "      operator: group_key", 29, "group_key is BIGINT, not text"),
        ("      parent: group_key", "      parent: group_name", 27, "so their values cannot be equal"),
        ("      parent: group_key", "      parent: boss", 27, "there is no column account_groups.boss"),
        ("  accounts:\n", "  ledger:\n", 20, "the key ledger is already used above"),
        (
            "        name: posted amount",
            "        name: a\n        Name: b",
            17,
            "the key Name is already used above",
        ),
    ],
)
def test_a_mistake_names_its_line(tmp_path: Path, company: Company, old: str, new: str, line: int, says: str) -> None:
    assert SAMPLE.count(old) == 1
    found = checked(tmp_path, SAMPLE.replace(old, new), company)
    fault = found.faults[0]
    assert fault.message.startswith(f"datasets.yaml, line {line}: ")
    assert says in fault.message
    assert fault.details == {"file": "datasets.yaml", "line": line}
    assert fault.message.endswith(". Correct the line and ask again.")
    # Only what is wrong is left out.
    whole = loaded(tmp_path, SAMPLE, company)
    same = [found.file.company == whole.company]
    same += [
        getattr(found.file.table(t), field) == getattr(notes, field)
        for t, notes in whole.tables.items()
        for field in notes.model_fields_set
    ]
    assert same.count(False) <= 2, found


@pytest.mark.parametrize(
    ("old", "new", "lost"),
    [
        ("{source: ledger.dept,", "{source: nope.dept,", ("ledger", "amount")),
        ("{source: ledger.dept,", "{", ("ledger", "amount")),
        ("unless: {accounts.account:", "unless: {accounts.nope:", ("ledger", "amount")),
        ("unless: {accounts.account: [Heads]}", "unless: {accounts.account: Heads}", ("ledger", "amount")),
        ("unit: {source: ledger.dept, unless: {accounts.account: [Heads]}}", "unit: [EUR]", ("ledger", "amount")),
        ("unit: {source: ledger.dept, unless: {accounts.account: [Heads]}}", "units: {}", ("ledger", "amount")),
        ("[Heads]}}", "[Heads]", ("ledger", "amount")),
        ("      amount:\n", "      amount: {\n", ("ledger", "amount")),
        ("    columns:\n      amount:\n", "    columns: [\n      amount:\n", ("ledger", "amount")),
        ("  ledger:\n", "  ledger: {columns: {amount: {unit: x\n", ("ledger", "")),
        ("    defaults: {ledger.dept: Sales}", "    defaults: {dept: Sales}", ("ledger", "")),
        ("      accounts.account: [Bank]", "      accounts.account: Bank", ("ledger", "")),
        ("    kept_apart: [ledger.dept]", "    kept_appart: [ledger.dept]", ("ledger", "")),
        ("    kept_apart: [ledger.dept]", "    kept_apart: [ledger.dept", ("ledger", "")),
        ("    date: posted", "    date: postd", ("ledger", "")),
        ("    name: General ledger", "    name: [General ledger]", None),
        ("        name: posted amount", "        name: [posted amount", None),
        ("        values: {}", "        values: {unit: 5}", None),
        ("    balances:\n      accounts.account: [Bank]\n    kept", "    kept", None),
    ],
)
def test_a_guard_that_is_left_out_is_lost(
    tmp_path: Path, company: Company, old: str, new: str, lost: tuple[str, str] | None
) -> None:
    assert SAMPLE.count(old) == 1
    found = checked(tmp_path, SAMPLE.replace(old, new), company)
    assert (lost in found.lost) if lost else not found.lost


@pytest.mark.parametrize(
    ("fn", "column", "lost", "says"),
    [
        (
            "sum",
            "amount",
            ("ledger", "amount"),
            "x cannot be computed without knowing the role and unit of ledger.amount. Line 1.",
        ),
        ("avg", "ledger.amount", ("ledger", ""), "without knowing which rows of ledger may be added up. Line 1."),
        ("median", "units", ("ledger", ""), "which rows of ledger may be added up"),
        ("sum", "units", ("ledger", "amount"), None),
        ("max", "amount", ("ledger", "amount"), None),
        ("count", None, ("ledger", ""), None),
        ("sum", "amount", ("accounts", ""), None),
    ],
)
def test_a_lost_guard_refuses_sums(
    company: Company, fn: str, column: str | None, lost: tuple[str, str], says: str | None
) -> None:
    select = [{"name": "x", "expression": {"op": "*", "left": {"fn": fn, "column": column}, "right": {"constant": 1}}}]
    plan = QueryPlan.model_validate({"table": "ledger", "select": select})
    if says is None:
        assert prepare(plan, company.tables, glossary.GlossaryFile(), {}, {lost: "Line 1."}).sql
        return
    with pytest.raises(PlanInvalid, match=says) as caught:
        prepare(plan, company.tables, glossary.GlossaryFile(), {}, {lost: "Line 1."})
    assert caught.value.details["retryable"] is False


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"company: J\xf6rg\n", "not UTF-8"),
        (b"company: \0\n", "special characters"),
        (b"a\n" * 500_001, "larger than 256,000 bytes"),
        (b"just words\n", "line 1"),
        (b"- a\n- b\n", "line 1"),
        (b"company: a\n---\ncompany: b\n", "line 2"),
    ],
)
def test_a_file_that_is_not_a_glossary_is_named(tmp_path: Path, company: Company, content: bytes, says: str) -> None:
    assert says in checked(tmp_path, content, company).faults[0].message


def test_aliases_are_left_out(tmp_path: Path, company: Company) -> None:
    """A few lines with aliases can stand for a billion strings."""
    lines = ["company: Acme", "a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 10)]
    found = checked(tmp_path, "\n".join(lines), company)
    assert found.file == glossary.GlossaryFile(company="Acme")
    assert "line 3: an alias is not supported" in found.faults[1].message


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("tables: {}\ncompany: 2012-13-45", "line 2: 2012-13-45 cannot be read"),
        ("tables: {}\ncompany: !!timestamp soon", "line 2: soon cannot be read"),
        ("tables: {}\ncompany: !!bool perhaps", "line 2: perhaps cannot be read"),
        ("company: !!int x", "line 1: x cannot be read"),
        (f"company: {'9' * 5000}", "line 1: 9999"),
        ("company: " + "[" * 3000 + "]" * 3000, "line 1: the file is nested too deeply"),
        ("company: " + "{a: " * 3000, "line 1: the file is nested too deeply"),
        ("- " * 3000, "line 1: the file is nested too deeply"),
        ("? " * 3000, "line 1: the file is nested too deeply"),
        ("company: " + "x " * 6000, "line 1: a string is longer than 10,000 characters"),
        ("a: [" + "1," * 21_000 + "]", "line 1: the file has more than 20,000 values"),
        ("*a\n" * 30, "too many lines are not valid"),
        ('tables: {}\ncompany: "\\UFFFFFFFF"', "line 2: this is not a valid number or character"),
        ('company: "\\U00110000"', "line 1: this is not a valid number or character"),
        (f"%YAML {'9' * 5000}.1\n---\ncompany: x", "line 1: this is not a valid number or character"),
        ('tables: {}\ncompany: "\\ud800"', "line 2: a NUL or an incomplete character"),
        ('tables: {"\\0": {}}', "line 1: a NUL or an incomplete character"),
    ],
)
def test_a_value_that_yaml_cannot_parse_is_named(tmp_path: Path, company: Company, text: str, says: str) -> None:
    assert says in checked(tmp_path, text, company).faults[0].message


def test_what_is_not_a_regular_file_is_not_opened(tmp_path: Path, company: Company) -> None:
    path = tmp_path / "datasets.yaml"
    elsewhere = tmp_path / "elsewhere.yaml"
    elsewhere.write_text("company: Elsewhere")
    for make, says in (
        (path.mkdir, "not a regular file"),
        (lambda: os.mkfifo(path), "not a regular file"),
        (lambda: path.symlink_to("/dev/zero"), "it is a link"),
        (lambda: path.symlink_to(elsewhere), "it is a link"),
        (lambda: path.symlink_to(tmp_path / "nothing"), "it is a link"),
        (lambda: (path.touch(), os.truncate(path, 1 << 30)), "larger than 256,000 bytes"),
    ):
        make()
        found = checked_glossary.checked(glossary_reader.read(tmp_path), company.tables)
        assert found.file == glossary.GlossaryFile()
        assert says in found.faults[0].message
        path.rmdir() if path.is_dir() else path.unlink()


@given(
    st.text(alphabet="[]{}:,-?&*!|>'\"#% \n\tab01~@`\\uUxFd8", max_size=400),
    st.sampled_from(["", 'a: "\\U', 'a: "\\ud8']),
)
def test_any_text_is_read(more: str, begun: str) -> None:
    text = begun + more
    with TemporaryDirectory() as folder:
        Path(folder, "datasets.yaml").write_text(text)
        found = checked_glossary.checked(glossary_reader.read(Path(folder)))
    assert isinstance(found.file, glossary.GlossaryFile)
    json.dumps(
        [found.file.model_dump(mode="json"), [fault.message for fault in found.faults]], ensure_ascii=False
    ).encode()
