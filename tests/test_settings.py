"""A setting that the process cannot use is refused when the settings are read."""

import pytest

from cfo_kernel.errors import InvalidSettings
from cfo_kernel.settings import load

TIMES = ("MODEL_TIMEOUT", "RUN_TIMEOUT", "QUERY_TIMEOUT", "INGEST_TIMEOUT", "PYTHON_TIMEOUT", "COUNTDOWN")


@pytest.mark.parametrize("name", TIMES)
@pytest.mark.parametrize("value", ["inf", "nan", "1e30", "-1"])
def test_a_time_that_no_clock_can_measure_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"CFO_{name}", value)
    with pytest.raises(InvalidSettings, match=f"CFO_{name} is not valid"):
        load()
