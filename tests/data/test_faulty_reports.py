"""Known tables, written with faults of every class at once, are read without differences that no decision names.

`make test` reads the same few reports each time, and `make files` thousands of others.
"""

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.data.conftest import read_file
from tests.data.faulty_reports import FAULTS, make_report
from tests.data.known_tables import differences

FAULTS_OF_A_REPORT = st.fixed_dictionaries(
    {}, optional={kind: st.sampled_from(sorted(faults)) for kind, faults in FAULTS.items()}
).filter(lambda faults: not ("shifts" in faults and faults.get("totals") == "unlabelled"))
"""A total without a label that does not add up, because a row above it lost a cell, looks like any other row."""


def check(seed: int, faults: dict[str, str]) -> None:
    report, suffix, content = make_report(seed, faults)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"report.{suffix}"
        path.write_bytes(content)
        [table] = read_file(path, path.parent / "cache")
        silent, _ = differences(report.known, table)
    assert not silent, (silent, table.notes, content[:1000])


@settings(max_examples=15, derandomize=True, database=None, deadline=None)
@given(st.integers(0, 1 << 32), FAULTS_OF_A_REPORT)
def test_a_few_reports_with_faults_of_every_class(seed: int, faults: dict[str, str]) -> None:
    check(seed, faults)


@pytest.mark.slow
@pytest.mark.timeout(7200)
@settings(max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 1 << 32), FAULTS_OF_A_REPORT)
def test_many_reports_with_faults_of_every_class(seed: int, faults: dict[str, str]) -> None:
    check(seed, faults)


@pytest.mark.parametrize(("kind", "fault"), [(kind, fault) for kind, faults in FAULTS.items() for fault in faults])
@pytest.mark.slow
def test_each_fault_alone(kind: str, fault: str) -> None:
    for seed in range(5):
        check(seed, {kind: fault})


@pytest.mark.parametrize(
    ("seed", "faults"),
    [
        (2202, {"headers": "metadata"}),
        (3277, {"dates": "serials", "cells": "open"}),
        (3256, {"dates": "%d %B %Y", "cells": "TBD", "shifts": "fewer"}),
        (2428, {"numbers": "with a code", "shifts": "more", "text": "spaces", "dialect": "single quotes"}),
        (1430, {"totals": "subtotals", "shifts": "fewer"}),
        (8027, {"totals": "German", "shifts": "fewer"}),
    ],
)
def test_faults_that_hid_one_another(seed: int, faults: dict[str, str]) -> None:
    check(seed, faults)
