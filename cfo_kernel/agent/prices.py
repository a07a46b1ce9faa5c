"""Prices of a model's tokens, taken from the root's `prices.toml` or else from genai-prices for the model's server.

Prices are never guessed: a model on a server that neither source lists has no price, and the cost of its runs stays
unknown.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from cfo_kernel.errors import InvalidSettings

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponse

FILE = "prices.toml"
_MILLION = 1_000_000
_KEYS = ("input", "cached_input", "output")


@dataclass(frozen=True)
class Price:
    """The prices in USD per million tokens of input, cached input, and output."""

    input: Decimal
    cached_input: Decimal
    output: Decimal


@dataclass(frozen=True)
class Prices:
    """The prices of a root, by model name as in `CFO_MODEL`."""

    table: Mapping[str, Price] = field(default_factory=dict[str, Price])

    def cost(self, name: str, answer: ModelResponse) -> Decimal | None:
        """The cost in USD of an answer from this model, or None if it is unknown.

        The cost is unknown if the answer was cut off or the server did not count its tokens.
        """
        usage = answer.usage
        if name == "offline":
            return Decimal(0)
        if answer.state != "complete" or usage.unmeasured_requests:
            return None
        if price := self.table.get(name):
            uncached = (usage.input_tokens - usage.cache_read_tokens) * price.input
            cached = usage.cache_read_tokens * price.cached_input
            return (uncached + cached + usage.output_tokens * price.output) / _MILLION
        return _list_price(answer)


def _list_price(answer: ModelResponse) -> Decimal | None:
    """The cost according to genai-prices, looked up by the server's address, because prices differ between servers."""
    from genai_prices import calc_price

    if not answer.model_name or not answer.provider_url:
        return None
    try:
        return calc_price(answer.usage, answer.model_name, provider_api_url=answer.provider_url).total_price
    except (LookupError, ValueError):
        return None


def read_prices(root: Path) -> Prices:
    """Reads the prices in a root's `prices.toml`, if it has one.

    Raises `InvalidSettings`, which names the faulty line.
    """
    try:
        text = (root / FILE).read_text(encoding="utf-8")
        tables = tomllib.loads(text, parse_float=Decimal)
    except (FileNotFoundError, NotADirectoryError):  # opening the root reports a root that is a file
        return Prices()
    except OSError as error:
        raise InvalidSettings(f"{FILE} cannot be read ({error.strerror}). Make it readable and restart.") from error
    except UnicodeDecodeError as error:
        raise InvalidSettings(f"{FILE} is not UTF-8 text. Save it as UTF-8 and restart.") from error
    except tomllib.TOMLDecodeError as error:
        raise InvalidSettings(f"{FILE} is not valid TOML: {error}. Correct it and restart.") from error
    return Prices({name: _price(name, table, text) for name, table in tables.items()})


def _price(name: str, table: Any, text: str) -> Price:
    if not isinstance(table, dict):
        raise _invalid(text, name, None, f'{name} is not a table of prices under a heading such as ["openai:<name>"]')
    prices = cast("dict[str, Any]", table)
    if ":" not in name:
        raise _invalid(
            text,
            name,
            None,
            f'{name} has no provider. Write model names as in CFO_MODEL, for example ["openai:{name}"]',
        )
    for key, value in prices.items():
        if key not in _KEYS:
            raise _invalid(text, name, key, f"{key!r} is not a known price. Use one of {', '.join(_KEYS)}")
        is_number = isinstance(value, int | Decimal) and not isinstance(value, bool)
        if not is_number or not Decimal(value).is_finite() or value < 0:
            raise _invalid(text, name, key, f"{key} must be a number: the price in USD per million tokens")
    for key in ("input", "output"):
        if key not in prices:
            raise _invalid(text, name, None, f"{name} has no price {key!r}")
    amounts = {key: Decimal(value) for key, value in prices.items()}
    return Price(amounts["input"], amounts.get("cached_input", amounts["input"]), amounts["output"])


def _invalid(text: str, name: str, key: str | None, problem: str) -> InvalidSettings:
    # The parser gives no positions, so the text is searched for the line of the model or of its key.
    lines = text.splitlines()
    number = next((n for n, line in enumerate(lines, 1) if name in line), 1)
    if key is not None:
        number = next((n for n, line in enumerate(lines[number - 1 :], number) if key in line.split("=")[0]), number)
    return InvalidSettings(f"{FILE}, line {number}: {problem}. Correct it and restart.")
