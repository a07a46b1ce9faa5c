"""The usage of a run: tokens as counted by the models' servers, and their cost."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from math import isnan
from typing import Any

from pydantic_ai.messages import ModelResponse
from pydantic_ai.usage import RunUsage

from cfo_kernel.agent.prices import Prices
from cfo_kernel.events import MOST_COST, MOST_TOKENS, Usage

OFFLINE = "offline"
_NAME = "cfo_model"


def model_label(name: str) -> dict[str, str]:
    """Metadata with the name of the model that gave an answer. It is stored with the answer."""
    return {_NAME: name}


def name_of(answer: ModelResponse) -> str:
    """The name of the model that gave an answer, written as in `CFO_MODEL`."""
    name = (answer.metadata or {}).get(_NAME)
    return name if isinstance(name, str) else f"{answer.provider_name}:{answer.model_name}"


def token_count(sent: Any) -> int | None:
    """A count as sent by a server, as a whole number from 0 to `MOST_TOKENS`, or None if it is not a number."""
    if sent is None or isinstance(sent, bool):
        return None
    try:
        number = float(sent)
    except OverflowError:  # an integer that is too large for a float
        return MOST_TOKENS if sent > 0 else 0
    except (TypeError, ValueError):
        return None
    return None if isnan(number) else int(min(max(number, 0), MOST_TOKENS))


def _total(counts: Iterable[int]) -> int:
    return min(sum(token_count(count) or 0 for count in counts), MOST_TOKENS)


def usage_of(run_usage: RunUsage, answers: Sequence[ModelResponse], prices: Prices) -> Usage:
    """The usage of all answers in a run, including those that were cut off, if their server counted it.

    The offline analyst uses no tokens, so pydantic-ai's estimate for it is ignored.
    """
    costs = [prices.cost(name_of(answer), answer) for answer in answers]
    known = [cost for cost in costs if cost is not None]
    total = float(sum(known, Decimal(0))) if len(known) == len(costs) else None
    usages = [answer.usage for answer in answers if name_of(answer) != OFFLINE]
    return Usage(
        requests=run_usage.requests,
        tool_calls=run_usage.tool_calls,
        input_tokens=_total(usage.input_tokens for usage in usages),
        cached_tokens=_total(usage.cache_read_tokens for usage in usages),
        output_tokens=_total(usage.output_tokens for usage in usages),
        cost=total if total is not None and 0 <= total <= MOST_COST else None,
        model=", ".join(dict.fromkeys(name_of(answer) for answer in answers if answer.parts)) or None,
    )
