"""The usage of a run: tokens as counted by the models' servers, and their cost."""

from collections.abc import Sequence
from decimal import Decimal

from pydantic_ai.messages import ModelResponse
from pydantic_ai.usage import RunUsage

from cfo_kernel.agent.prices import Prices
from cfo_kernel.events import Usage

OFFLINE = "offline"
_NAME = "cfo_model"


def model_label(name: str) -> dict[str, str]:
    """Metadata with the name of the model that gave an answer. It stays with the answer wherever that is stored."""
    return {_NAME: name}


def name_of(answer: ModelResponse) -> str:
    """The name of the model that gave an answer, written as in `CFO_MODEL`."""
    name = (answer.metadata or {}).get(_NAME)
    return name if isinstance(name, str) else f"{answer.provider_name}:{answer.model_name}"


def usage_of(run_usage: RunUsage, answers: Sequence[ModelResponse], prices: Prices) -> Usage:
    """The usage of all answers in a run, including those that broke off, if their server counted it.

    The offline analyst uses no tokens, so pydantic-ai's estimate for it is ignored.
    """
    costs = [prices.cost(name_of(answer), answer) for answer in answers]
    known = [cost for cost in costs if cost is not None]
    usages = [answer.usage for answer in answers if name_of(answer) != OFFLINE]
    return Usage(
        requests=run_usage.requests,
        tool_calls=run_usage.tool_calls,
        input_tokens=sum(usage.input_tokens for usage in usages),
        cached_tokens=sum(usage.cache_read_tokens for usage in usages),
        output_tokens=sum(usage.output_tokens for usage in usages),
        cost=float(sum(known, Decimal(0))) if len(known) == len(costs) else None,
        model=", ".join(dict.fromkeys(name_of(answer) for answer in answers if answer.parts)) or None,
    )
