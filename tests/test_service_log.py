"""The log of a service names what failed and contains no secret."""

import logging
from collections.abc import Iterator

import pytest

from cfo_kernel.service_log import log_to_stderr
from cfo_kernel.settings import Settings

KEY, TOKEN, PASSWORD = "sk-0123456789", "token-0123456789", "pass word-0123456789"


@pytest.fixture
def engine_log() -> Iterator[logging.Logger]:
    log = logging.getLogger("cfo_kernel")
    before = log.handlers[:]
    yield log
    log.handlers[:] = before


def test_the_log_contains_no_secret(engine_log: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    address = f"http://me:{PASSWORD.replace(' ', '%20')}@x/v1"
    options = {
        "openai_api_key": KEY,
        "api_token": TOKEN,
        "base_url": address,
        "database_url": f"postgresql://a:{TOKEN}1@x/d",
    }
    log_to_stderr(Settings.model_validate(options))
    try:
        raise ValueError(f"{KEY} \x1b[31m{PASSWORD} {address}")
    except ValueError:
        engine_log.getChild("runs").exception("run %s failed", TOKEN)
    said = capsys.readouterr().err
    assert "ERROR run *** failed" in said
    assert "ValueError: *** *** http://me:***@x/v1" in said
    assert "Traceback" in said
