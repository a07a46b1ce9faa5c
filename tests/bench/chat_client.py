"""The processor time that the chat client saves, compared with the class that it replaces.

It replaces a class of a library (openai's client), and is kept only while it saves more than a tenth of a turn. Other
work on the machine disturbs processor time less than wall-clock time.
"""

import time
from statistics import median
from typing import Any

from openai import AsyncOpenAI
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.profiles.openai import OpenAIModelProfile
from pydantic_ai.providers.openai import OpenAIProvider

from cfo_kernel import Workspace, connect
from cfo_kernel.agent.chat_client import ChatClient
from cfo_kernel.agent.chat_model import ChatModel
from tests.bench.company import NAME, ingest, new_root, settings
from tests.bench.model_server import AT_LENGTH, QUESTION, served
from tests.bench.report import Figure

_CLASSES: dict[str, type[AsyncOpenAI]] = {"as it is": ChatClient, "openai's client": AsyncOpenAI}
_TURN, _LONG = "3-call turn", "answer of 400 chunks"
_TURNS = {_TURN: (QUESTION, 40), _LONG: (AT_LENGTH, 15)}


async def measure() -> list[Figure]:
    with new_root() as root, served() as base_url:
        await ingest(root, base_url)
        known = settings(root, base_url)
        async with connect(settings=known) as wb:
            workspace = await wb.workspace(NAME)
            models = {name: _model(base_url, client) for name, client in _CLASSES.items()}
            return [figure for what in _TURNS for figure in await _compared(what, workspace, models)]


def _model(base_url: str, client: type[AsyncOpenAI]) -> OpenAIChatModel:
    provider = OpenAIProvider(openai_client=client(base_url=base_url, api_key="any"))
    profile = OpenAIModelProfile(openai_chat_streaming_requires_finish_reason=True, json_schema_transformer=None)
    return ChatModel("scripted", provider=provider, profile=profile)


async def _compared(what: str, workspace: Workspace, models: dict[str, OpenAIChatModel]) -> list[Figure]:
    question, rounds = _TURNS[what]
    milliseconds: dict[str, list[float]] = {name: [] for name in models}
    order = list(models)
    for _ in range(rounds + 1):
        order.reverse()  # so that no candidate always follows the same other candidate
        for name in order:
            _use(workspace, models[name])
            started = time.process_time()
            await _turn(workspace, question)
            milliseconds[name].append((time.process_time() - started) * 1000)
    (_, ours), *others = ((name, values[1:]) for name, values in milliseconds.items())
    figures: list[Figure] = []
    for name, theirs in others:
        saved = 1 - median(a / b for a, b in zip(ours, theirs, strict=True))
        result = f"{saved:.0%} of the processor time saved  ({median(ours):.1f}, {median(theirs):.1f} ms)"
        figures.append(
            Figure(f"{what}, compared with {name}", result, *(("> 10 %", saved > 0.1) if what == _TURN else ()))
        )
    return figures


def _use(workspace: Any, model: OpenAIChatModel) -> None:
    """Makes the engine answer with this model."""
    workspace._engine._models._opened_models["openai:scripted"] = model


async def _turn(workspace: Workspace, question: str) -> None:
    finished = await (await (await workspace.thread()).send(question)).finished()
    assert finished.reply, finished.error
