"""A second model takes over when the server of the first fails, and the usage names the models that answered."""

from typing import Any

import pytest

from cfo_kernel import FinishedRun, TaskResult
from cfo_kernel.events import Restarted
from tests.conftest import Opened
from tests.models.scripted_server import CutStream, ScriptedServer, Stall, Status
from tests.replies import ANSWER, LOOK, MESSAGE, QUERY, Serve, events_of

DOWN = Status(503, {"retry-after-ms": "1"})
SECOND: dict[str, Any] = {"fallback_model": "openai:second", "model_retries": 1}


async def asked(opened: Opened, server: ScriptedServer, **options: Any) -> FinishedRun:
    thread = await (await opened(server, **{**SECOND, **options})).thread()
    return await (await thread.send("What did each department spend?")).finished()


def models(server: ScriptedServer) -> list[str]:
    return [request.body["model"] for request in server.requests]


async def test_the_second_answers_when_the_first_has_failed_after_its_retries(serve: Serve, opened: Opened) -> None:
    server = serve(DOWN, DOWN, QUERY, ANSWER)
    run = await asked(opened, server)
    assert isinstance(run.reply, TaskResult)
    assert run.reply.message == MESSAGE
    assert models(server) == ["scripted", "scripted", "second", "second"]  # the first is not asked again
    assert (run.usage.model, run.usage.requests, run.usage.input_tokens) == ("openai:second", 2, 20)


async def test_both_are_named_when_both_answered(serve: Serve, opened: Opened) -> None:
    server = serve(LOOK, DOWN, DOWN, QUERY, ANSWER)
    run = await asked(opened, server)
    assert run.status == "succeeded"
    assert run.usage.model == "openai:scripted, openai:second"


async def test_a_first_that_works_is_the_only_one_asked(serve: Serve, opened: Opened) -> None:
    server = serve(QUERY, ANSWER)
    assert (await asked(opened, server)).usage.model == "openai:scripted"
    assert models(server) == ["scripted", "scripted"]


@pytest.mark.parametrize("trouble", [CutStream(7, ANSWER), CutStream(7, ANSWER, clean=True)], ids=["cut", "ended"])
async def test_the_second_takes_over_when_answers_keep_breaking_off(
    serve: Serve, opened: Opened, trouble: CutStream
) -> None:
    server = serve(trouble, trouble, ANSWER)
    thread = await (await opened(server, **SECOND)).thread()
    run = await thread.send("What did each department spend?")
    events = [n.event for n in await events_of(run)]
    assert models(server) == ["scripted", "scripted", "second"]
    assert sum(isinstance(event, Restarted) for event in events) == 2
    assert (await run.finished()).status == "succeeded"


@pytest.mark.parametrize("stall", [Stall(6, ANSWER), Stall(headers=False)], ids=["in mid-answer", "before it"])
async def test_the_second_takes_over_from_a_first_that_fell_silent(serve: Serve, opened: Opened, stall: Stall) -> None:
    server = serve(stall, ANSWER)
    run = await asked(opened, server, model_timeout=1, model_retries=0)
    assert run.status == "succeeded"
    assert models(server) == ["scripted", "second"]


async def test_the_offline_analyst_can_be_the_fallback(serve: Serve, opened: Opened) -> None:
    thread = await (await opened(serve(DOWN, DOWN), fallback_model="offline", model_retries=1)).thread()
    run = await (await thread.send("total amount by department")).finished()
    assert (run.status, run.usage.model, run.usage.cost) == ("succeeded", "offline", 0)


async def test_when_both_fail_the_error_is_about_the_first(serve: Serve, opened: Opened) -> None:
    run = await asked(opened, serve(DOWN, repeat_last=True))
    assert run.error
    assert run.error.code == "model_unavailable"
    assert "503" in run.error.message
    assert "CFO_FALLBACK_MODEL" in run.error.message
    assert (run.usage.requests, run.usage.cost) == (0, 0)


@pytest.mark.parametrize(
    ("options", "script", "code", "advice", "asked_for"),
    [
        ({"openai_api_key": "wrong"}, [ANSWER], "model_key_rejected", "Set OPENAI_API_KEY", 1),
        ({"model": "openai:nil"}, [ANSWER], "model_unavailable", "Set CFO_MODEL", 1),
        ({"fallback_model": "openai:nil"}, [DOWN, DOWN], "model_unavailable", "Set CFO_FALLBACK_MODEL", 3),
        ({"fallback_model": "anthropic:a"}, [ANSWER], "model_key_missing", "Set ANTHROPIC_API_KEY", 0),
        ({"fallback_model": "gpt"}, [ANSWER], "invalid_settings", "CFO_FALLBACK_MODEL is 'gpt'", 0),
    ],
)
async def test_an_error_that_a_person_must_fix_ends_the_run_without_asking_the_second(
    serve: Serve, opened: Opened, options: dict[str, Any], script: list[Any], code: str, advice: str, asked_for: int
) -> None:
    server = serve(*script, models=["scripted", "second"])
    run = await asked(opened, server, **options)
    assert run.error
    assert run.error.code == code
    assert advice in run.error.message
    assert len(server.requests) == asked_for
