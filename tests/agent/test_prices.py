"""The cost of an answer comes from the root's prices.toml, else from the list price, else it is unknown."""

from decimal import Decimal
from pathlib import Path

import pytest
from pydantic_ai.messages import ModelResponse, TextPart
from pydantic_ai.usage import RequestUsage

from cfo_kernel.agent.prices import Prices, read_prices
from cfo_kernel.errors import InvalidSettings

OPENAI = "https://api.openai.com/v1/"
TABLE = """
["openai:house"]
input = 2
cached_input = 0.5
output = 10.25

["anthropic:plain"]
input = 1
output = 1
"""


def answer(model: str, url: str | None, **changed: object) -> ModelResponse:
    usage = RequestUsage(input_tokens=1_000, cache_read_tokens=400, output_tokens=100)
    made = ModelResponse([TextPart("x")], usage=usage, model_name=model, provider_name="openai", provider_url=url)
    for name, value in changed.items():
        setattr(made, name, value)
    return made


def test_the_prices_of_the_root_come_first(tmp_path: Path) -> None:
    (tmp_path / "prices.toml").write_text(TABLE)
    prices = read_prices(tmp_path)
    # 600 at 2, 400 at 0.5 and 100 at 10.25 USD for a million
    assert prices.cost("openai:house", answer("house", "http://10.0.0.1/v1")) == Decimal("0.002425")
    assert prices.cost("anthropic:plain", answer("plain", None)) == Decimal("0.0011")
    assert prices.cost("openai:other", answer("other", "http://10.0.0.1/v1")) is None


def test_a_list_price_applies_only_on_the_server_of_the_models_maker() -> None:
    cost = Prices().cost("openai:gpt-5-mini", answer("gpt-5-mini", OPENAI))
    assert cost is not None
    assert 0 < cost < 1
    assert Prices().cost("openai:gpt-5-mini", answer("gpt-5-mini", "http://10.0.0.1/v1")) is None
    assert Prices().cost("openai:gpt-none", answer("gpt-none", OPENAI)) is None


def test_an_answer_without_counted_tokens_has_no_cost() -> None:
    assert Prices().cost("openai:gpt-5-mini", answer("gpt-5-mini", OPENAI, state="interrupted")) is None
    uncounted = RequestUsage(unmeasured_requests=1)
    assert Prices().cost("openai:gpt-5-mini", answer("gpt-5-mini", OPENAI, usage=uncounted)) is None
    assert Prices().cost("offline", answer("offline", None)) == 0


def test_without_a_table_there_are_no_prices(tmp_path: Path) -> None:
    assert read_prices(tmp_path) == Prices()


WRONG = {
    "not TOML": ("input = \n", "line 1"),
    "not a table": ("input = 3\n", "line 1"),
    "no provider": ("# our prices\n[house]\ninput = 1\noutput = 1\n", "line 2"),
    "not a number": ('["openai:a"]\ninput = 1\noutput = 1\n["openai:b"]\noutput = "1"\ninput = 1\n', "line 5"),
    "negative": ('["openai:a"]\ninput = -1\noutput = 1\n', "line 2"),
    "not finite": ('["openai:a"]\ninput = 1\noutput = inf\n', "line 3"),
    "true": ('["openai:a"]\ninput = true\noutput = 1\n', "line 2"),
    "an unknown key": ('["openai:a"]\ninput = 1\noutput = 1\ncached = 1\n', "line 4"),
    "no output": ('\n["openai:a"]\ninput = 1\n', "line 2"),
}


@pytest.mark.parametrize("name", WRONG)
def test_an_error_in_the_file_is_reported_with_its_line(tmp_path: Path, name: str) -> None:
    text, line = WRONG[name]
    (tmp_path / "prices.toml").write_text(text)
    with pytest.raises(InvalidSettings, match=rf"prices\.toml.* {line}\b.*restart") as raised:
        read_prices(tmp_path)
    assert "Decimal" not in raised.value.message


def test_a_file_that_is_not_text_is_reported(tmp_path: Path) -> None:
    (tmp_path / "prices.toml").write_bytes(b"\xff")
    with pytest.raises(InvalidSettings, match="not UTF-8"):
        read_prices(tmp_path)
