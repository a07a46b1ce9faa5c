"""What the tokens of a model cost: from the root's `prices.toml`, else as genai-prices knows it for that server.

Nothing is guessed: a model on a server that neither of them knows has no price, and its cost stays unknown.
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
    """USD for a million tokens: read, read from the server's cache, and written."""

    input: Decimal
    cached_input: Decimal
    output: Decimal


@dataclass(frozen=True)
class Prices:
    """The prices of the root, by the name of the model as `CFO_MODEL` has it."""

    table: Mapping[str, Price] = field(default_factory=dict[str, Price])

    def cost(self, name: str, answer: ModelResponse) -> Decimal | None:
        """What an answer of the model of that name cost in USD; None where that cannot be known.

        An answer that broke off, or whose server did not count its tokens, may have cost anything.
        """
        used = answer.usage
        if name == "offline":
            return Decimal(0)
        if answer.state != "complete" or used.unmeasured_requests:
            return None
        if price := self.table.get(name):
            read = (used.input_tokens - used.cache_read_tokens) * price.input
            return (read + used.cache_read_tokens * price.cached_input + used.output_tokens * price.output) / _MILLION
        return _known(answer)


def _known(answer: ModelResponse) -> Decimal | None:
    """By the address of the server alone: the same model on another server has another price, or none."""
    from genai_prices import calc_price

    if not answer.model_name or not answer.provider_url:
        return None
    try:
        return calc_price(answer.usage, answer.model_name, provider_api_url=answer.provider_url).total_price
    except (LookupError, ValueError):
        return None


def read_prices(root: Path) -> Prices:
    """The prices of a root; none where it has no `prices.toml`. Raises `InvalidSettings` that names the line."""
    try:
        text = (root / FILE).read_text(encoding="utf-8")
        tables = tomllib.loads(text, parse_float=Decimal)
    except (FileNotFoundError, NotADirectoryError):  # a root that is a file is told of when it is opened
        return Prices()
    except OSError as error:
        raise InvalidSettings(f"{FILE} cannot be read ({error.strerror}). Mend that and start again.") from error
    except UnicodeDecodeError as error:
        raise InvalidSettings(f"{FILE} is not UTF-8 text. Save it as UTF-8 and start again.") from error
    except tomllib.TOMLDecodeError as error:
        raise InvalidSettings(f"{FILE} is no TOML: {error}. Correct it and start again.") from error
    return Prices({name: _price(name, given, text) for name, given in tables.items()})


def _price(name: str, given: Any, text: str) -> Price:
    if not isinstance(given, dict):
        raise _wrong(text, name, None, f'{name} must be a table of prices, headed ["openai:<name>"]')
    prices = cast("dict[str, Any]", given)
    if ":" not in name:
        raise _wrong(text, name, None, f'models are named as in CFO_MODEL, such as ["openai:{name}"]')
    for key, value in prices.items():
        if key not in _KEYS:
            raise _wrong(text, name, key, f"there is no price {key!r}, only {', '.join(_KEYS)}")
        is_number = isinstance(value, int | Decimal) and not isinstance(value, bool)
        if not is_number or not Decimal(value).is_finite() or value < 0:
            raise _wrong(text, name, key, f"{key} must be a number of USD for a million tokens")
    for key in ("input", "output"):
        if key not in prices:
            raise _wrong(text, name, None, f"{name} has no price {key!r}")
    amounts = {key: Decimal(value) for key, value in prices.items()}
    return Price(amounts["input"], amounts.get("cached_input", amounts["input"]), amounts["output"])


def _wrong(text: str, name: str, key: str | None, what: str) -> InvalidSettings:
    """TOML gives no places with its values, so the line is looked up: that of the model, or of its key."""
    lines = text.splitlines()
    number = next((n for n, line in enumerate(lines, 1) if name in line), 1)
    if key is not None:
        number = next((n for n, line in enumerate(lines[number - 1 :], number) if key in line.split("=")[0]), number)
    return InvalidSettings(f"{FILE}, line {number}: {what}. Correct it and start again.")
