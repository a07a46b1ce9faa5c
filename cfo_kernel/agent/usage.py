"""What a run used of its models: tokens as their servers counted them, and what these cost."""

from collections.abc import Sequence
from decimal import Decimal

from pydantic_ai.messages import ModelResponse
from pydantic_ai.usage import RunUsage

from cfo_kernel.agent.prices import Prices
from cfo_kernel.events import Usage

OFFLINE = "offline"
_NAME = "cfo_model"


def model_label(name: str) -> dict[str, str]:
    """The metadata of an answer that say which model gave it: it stays known wherever the answer is kept."""
    return {_NAME: name}


def name_of(answer: ModelResponse) -> str:
    """The name of the model that gave an answer, as `CFO_MODEL` has it."""
    name = (answer.metadata or {}).get(_NAME)
    return name if isinstance(name, str) else f"{answer.provider_name}:{answer.model_name}"


def usage_of(counted: RunUsage, answers: Sequence[ModelResponse], prices: Prices) -> Usage:
    """What all answers of a run used, those that broke off among them as far as their server told.

    The offline analyst reads no tokens; what pydantic-ai guesses for it is left out.
    """
    costs = [prices.cost(name_of(answer), answer) for answer in answers]
    known = [cost for cost in costs if cost is not None]
    paid = [answer.usage for answer in answers if name_of(answer) != OFFLINE]
    return Usage(
        requests=counted.requests,
        tool_calls=counted.tool_calls,
        input_tokens=sum(used.input_tokens for used in paid),
        cached_tokens=sum(used.cache_read_tokens for used in paid),
        output_tokens=sum(used.output_tokens for used in paid),
        cost=float(sum(known, Decimal(0))) if len(known) == len(costs) else None,
        model=", ".join(dict.fromkeys(name_of(answer) for answer in answers if answer.parts)) or None,
    )
