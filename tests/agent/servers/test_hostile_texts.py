"""Whatever a hostile server sends, no hidden text, no key and no internal error reaches a thread."""

import json
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cfo_kernel import Numbered
from cfo_kernel.agent.server_messages import server_message
from cfo_kernel.agent.shown_text import ShownText
from tests.agent.servers.case import SQL
from tests.agent.servers.failures import error
from tests.agent.servers.wire import RawServer, Whole, chunk, one_call
from tests.conftest import KEY, Opened
from tests.replies import events_of

HIDDEN = "A\x00\x07\x1b[31mB\x1b[0m\u202eC\u2066\ud83d\x9b1m"
TURNS: dict[str, Any] = {
    "the message": one_call("task_result", {"message": f"{HIDDEN} {KEY}"}),
    "a question": one_call("user_interaction", {"message": HIDDEN, "choices": [HIDDEN, KEY]}),
    "a purpose": one_call("run_sql", {**SQL, "purpose": f"{HIDDEN} {KEY}"}),
    "a text": [chunk({"content": f"{HIDDEN} {KEY}"}), chunk({}, "stop")],
    "an argument": one_call("execute_sql", {"sql": f"SELECT '{HIDDEN}' AS x"}),
    "a name": one_call(f"execute{HIDDEN}{KEY}", SQL),
    "an id": one_call("execute_sql", SQL, f"{HIDDEN}{KEY}"),
    "a reason to finish": one_call("execute_sql", SQL, finish=HIDDEN),
    "a refusal": [chunk({"refusal": f"{HIDDEN} {KEY}"}), chunk({}, "stop")],
    "an error": error(400, f"{HIDDEN} Incorrect API key: {KEY}", HIDDEN),
    "an error in the stream": [{"error": {"message": f"{HIDDEN} {KEY}", "code": f"{HIDDEN}{KEY}"}}],
    "a page": Whole(200, f"<title>{HIDDEN} {KEY}</title>".encode(errors="surrogatepass"), "text/html"),
    "a limit": error(429, f"{HIDDEN} {KEY}"),
    "a model": [chunk({"content": "x"}, model=HIDDEN, id=HIDDEN), *one_call("execute_sql", SQL)],
}


def assert_clean(root: Path, events: list[Numbered]) -> None:
    for text in (json.dumps([n.event.model_dump(mode="json") for n in events], ensure_ascii=False),):
        text.encode()
        assert not {c for c in text if c in "\x00\x07\x1b\u202e\u2066\x9b"}
        assert "\\u0000" not in text
        assert "\\u001b" not in text
        assert KEY not in text
    history = next(root.rglob("message_history.json")).read_text()
    entries = [entry for entry in json.loads(history)["entries"] if entry["type"] == "run"]
    assert all(KEY not in json.dumps([entry["reply"], entry["error"]]) for entry in entries)


@pytest.mark.parametrize("name", TURNS)
async def test_a_hostile_text(opened: Opened, root: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.001)
    async with RawServer([TURNS[name]]) as server:
        thread = await (await opened(server.base_url, request_limit=3, model_retries=0)).thread()
        run = await thread.send("What is the total?")
        events = await events_of(run)
        finished = await run.finished()
    assert finished.error is None or finished.error.code not in ("internal_error", "storage_failed")
    assert_clean(root, events)


KEYS = (
    "choices delta message tool_calls function name arguments index id content usage finish_reason error refusal model "
    "created detail role annotations logprobs"
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KEYS.split()), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(json=JSON)
def test_no_error_body_breaks_its_reader(json: Any) -> None:
    message = server_message(json, (KEY,))
    assert len(message.text) <= 300
    assert "\n" not in message.text


async def test_no_form_of_an_answer_is_an_internal_error(opened: Opened) -> None:
    """All forms share one workbench and one thread. The seed is fixed."""
    shapes: list[Any] = []

    @settings(max_examples=40, database=None, derandomize=True)
    @given(value=JSON)
    def collect(value: Any) -> None:
        shapes.append(value)

    collect()
    places = [
        lambda value: [value],
        lambda value: [chunk(value), chunk({}, "stop")],
        lambda value: [chunk({"tool_calls": value}), chunk({}, "tool_calls")],
        lambda value: Whole(200, value),
    ]
    turns = [places[n % len(places)](shape) for n, shape in enumerate(shapes)]
    async with RawServer() as server:
        workspace = await opened(server.base_url, request_limit=2, model_retries=0)
        for turn in turns:
            server.play([turn])
            run = await (await workspace.thread()).send("What is the total?")
            finished = await run.finished()
            assert finished.error is None or finished.error.code != "internal_error", turn


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"error": {"message": "Incorrect key: sk-proj-abcdef1234567890."}}, "Incorrect key: ***."),
        ({"error": f"Bearer {KEY} is wrong"}, "Bearer *** is wrong"),
        ({"message": "a\n\n  b\tc"}, "a b c"),
        ("<html><head><title>502</title><style>x{}</style></head><body>Bad gateway</body></html>", "502 Bad gateway"),
        ([{"error": {"message": "In a list"}}], "In a list"),
        ({"detail": [{"loc": ["body", "x"], "msg": "Extra", "input": "secret"}]}, "body.x: Extra"),
        ({"Message": "As AWS does"}, "As AWS does"),
        ("x" * 5000, "x" * 299 + "…"),
        ('{"message": "The input is too long", "input": "' + "x" * 50_000 + '"}', "The input is too long"),
        ({}, ""),
        (None, ""),
        (7, ""),
    ],
)
def test_the_own_words_of_a_server(body: Any, text: str) -> None:
    assert server_message(body, (KEY,)).text == text


def test_a_key_that_is_still_being_written_is_not_shown() -> None:
    shown = ShownText((KEY,))
    grown = [shown.growing(f"The key is {KEY} now"[:length]) for length in range(len(KEY) + 16)]
    assert all(KEY[:10] not in text for text in grown)
    assert grown[-1] == "The key is *** now"


SENTENCES = ("message", "error", "errors", "detail", "details", "title", "raw", "body", "reason")


def tree(depth: int, numbers: Iterator[int]) -> Any:
    return {key: tree(depth - 1, numbers) for key in SENTENCES} if depth else f"{next(numbers)}."


@pytest.mark.parametrize("text", ["<script>", "<STYLE ", "<!--", "<p", "\x9d", "&lt;", '{"a":'])
def test_a_long_error_is_read_quickly(text: str) -> None:
    """Each error takes less than a second, because only a few sentences are read, each in one pass."""
    long = dict.fromkeys(SENTENCES, text * (19_000 // len(text)))
    begun = time.process_time()
    server_message({"code": text * 100_000, "errors": [long] * 5, "error": tree(5, count())})
    assert time.process_time() - begun < 4


def test_a_page_is_read_without_its_scripts() -> None:
    page = "<title>Down</title><SCRIPT>let x</script ><!-- <script> --><style>p {}</style><b>until 5</b><script> later"
    assert server_message(page).text == "Down until 5 later"
