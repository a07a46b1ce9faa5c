"""The magics, run in an IPython shell without a notebook."""

import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from cfo_kernel import Dataset, Numbered, TaskResult, magics
from cfo_kernel.events import Restarted, Token, ToolCall
from tests.models.scripted_server import ScriptedServer, Stall
from tests.replies import ANSWER, MESSAGE, QUERY, Serve

Notebook = Callable[..., "Screen"]


class Screen:
    """A shell that records its display: for each cell, what was shown last."""

    def __init__(self, shell: InteractiveShell) -> None:
        self.shell = shell
        self.places: list[list[Any]] = []

    def run(self, code: str) -> Any:
        done = self.shell.run_cell(code)
        done.raise_error()
        return done.result

    def show(self, value: Any) -> Any:
        place = [value]
        self.places.append(place)
        return type("Handle", (), {"update": staticmethod(place.append)})()

    @property
    def last(self) -> Any:
        return self.places[-1][-1]

    @property
    def text(self) -> str:
        return self.last._repr_mimebundle_()["text/plain"]


@pytest.fixture
def notebook(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Notebook]:
    shell = InteractiveShell.instance()
    screen = Screen(shell)
    monkeypatch.setattr(magics, "show", screen.show)
    monkeypatch.setenv("CFO_ROOT", str(root))
    monkeypatch.setenv("CFO_MODEL", "openai:scripted")

    def load(server: ScriptedServer | None = None) -> Screen:
        monkeypatch.setenv("CFO_BASE_URL", server.base_url if server else "http://127.0.0.1:9/v1")
        screen.run("%load_ext cfo_kernel")
        return screen

    yield load
    shell.run_cell("%unload_ext cfo_kernel")
    InteractiveShell.clear_instance()


def plain(value: Any) -> str:
    return value._repr_mimebundle_()["text/plain"]


def test_looking_around(notebook: Notebook, serve: Serve) -> None:
    screen = notebook(serve(ANSWER))
    assert "tiny" in plain(screen.run("%cfo workspaces"))
    assert "%cfo use NAME" in plain(screen.run("%cfo help"))
    assert "none yet" in plain(screen.run("%cfo"))
    assert "tiny" in plain(screen.run("%cfo use tiny"))
    assert "ledger.csv" in plain(screen.run("%cfo datasets"))
    screen.run("%%ask\nWhat did it cost?")
    assert "What did it cost?" in plain(screen.run("%cfo threads"))
    assert "What did it cost?" in plain(screen.run("%cfo"))
    assert plain(screen.run("%cfo thread")).splitlines()[2].startswith("New thread")


def test_what_a_cell_gets_belongs_to_no_other_event_loop(notebook: Notebook) -> None:
    screen = notebook()
    for look in ("", "workspaces", "use tiny", "threads", "thread", "help"):
        assert isinstance(screen.run(f"%cfo {look}"), magics.DisplayTable)
    assert [type(dataset) for dataset in screen.run("%cfo datasets")] == [Dataset]


def test_asking(notebook: Notebook, serve: Serve) -> None:
    server = serve(QUERY, ANSWER, ANSWER, ANSWER)
    screen = notebook(server)
    screen.run("%%ask -w tiny\nWhat did it cost?")
    assert isinstance(screen.last, TaskResult)
    assert screen.last.message == MESSAGE
    assert "execute_sql …" in [plain(shown).strip().splitlines()[0] for shown in screen.places[-1][:-1]]
    assert "<table" in screen.last._repr_mimebundle_()["text/html"]
    screen.run("%%ask\nAnd then?")
    screen.run("%%ask --new\nSomething else")
    asked = [[m["content"] for m in r.body["messages"] if m["role"] == "user"] for r in server.requests]
    assert asked[2:] == [["What did it cost?", "And then?"], ["Something else"]]


def test_the_answer_is_seen_as_it_is_written() -> None:
    events = [Token(text="Re"), ToolCall(id="1", name="execute_sql", input={}), Token(text="<b>"), Token(text="ven")]
    progress = magics.RunProgress()
    seen = []
    for number, event in enumerate([*events, Restarted.model_validate({"from": 3}), Token(text="ue")]):
        progress = progress.after(Numbered(number=number, event=event))
        seen.append(progress._repr_mimebundle_()["text/plain"])
    assert seen[:2] == ["Re\n\nThinking …", "execute_sql …"]
    assert seen[3:] == [f"{text}\n\nexecute_sql …" for text in ("<b>ven", "<b>", "<b>ue")]
    assert "&lt;b&gt;ue" in progress._repr_mimebundle_()["text/html"]


def test_errors_are_shown_and_not_raised(notebook: Notebook) -> None:
    screen = notebook()
    for code, shown in {
        "%cfo use nope": "workspace_not_found",
        "%cfo dance": "invalid_input",
        "%%ask\n  ": "empty_message",
        "%%ask -w nope\nx": "workspace_not_found",
        "%%ask --wrong\nx": "invalid_input",
        "%%ask -w 'open\nx": "invalid_input",
        "%%ask\nnobody answers": "model_unavailable",
    }.items():
        screen.run(code)
        assert screen.text.startswith(shown), code


def asked(server: ScriptedServer) -> list[str]:
    """The newest message of each request."""
    return [[m["content"] for m in r.body["messages"] if m["role"] == "user"][-1] for r in server.requests]


def test_expressions_in_a_question_are_replaced(notebook: Notebook, serve: Serve) -> None:
    server = serve(*[ANSWER] * 7)
    screen = notebook(server)
    screen.run("year, regions, place = 2012, ['North', 'South'], 'tiny'")
    cells = {
        "%%ask -w {place}\nRent in {year}?": "Rent in 2012?",
        "%%ask -w $place\nRent in {year - 1} for {' and '.join(regions)}": "Rent in 2011 for North and South",
        "%%ask\n{regions[0:1][0]!r} {{as it is}} for $5 or $year": "'North' {as it is} for $5 or $year",
        "def here(year):\n    get_ipython().run_cell_magic('ask', '', 'Rent in {year}')\nhere(2013)": "Rent in 2012",
    }
    for cell in cells:
        screen.run(cell)
        assert isinstance(screen.last, TaskResult), screen.text
    assert asked(server) == list(cells.values())


def test_a_message_that_is_a_query_keeps_its_braces(notebook: Notebook) -> None:
    screen = notebook()
    screen.run("table = 'nope'")
    for message, shown in {
        "SQL: SELECT {'a': 1} AS {table}": "sql_invalid",
        "sql: SELECT '{table}' AS \"{x}\"": "{table}",
        "PYTHON: print({'a': f'{1 + 1}'})": "{'a': '2'}",
        'PLAN: {"table": "{table}"}': "There is no table '{table}'",
    }.items():
        screen.run(f"%%ask\n{message}")
        assert shown in screen.text, (message, screen.text)


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ("%%ask\nRent in {yeer}?", "there is no variable yeer"),
        ("%%ask\nRent in {}?", "{} cannot be replaced"),
        ("%%ask\nRent in {1/0}?", "division by zero"),
        ("%%ask\nRent in {a b}?", "invalid syntax"),
        ("%%ask\nRent { of", "The braces do not match"),
        ("%%ask\nRent } of", "The braces do not match"),
        ("%%ask\nPlan: what did {we} spend?", "there is no variable we"),
        ("%%ask -w {nope}\nRent", "there is no variable nope"),
        ("%cfo use {nope}", "there is no variable nope"),
    ],
)
def test_an_expression_without_a_value_is_an_error(notebook: Notebook, serve: Serve, cell: str, says: str) -> None:
    server = serve(ANSWER)
    screen = notebook(server)
    screen.run(cell)
    assert screen.text.startswith("invalid_input")
    assert says in screen.text
    assert "{{ and }}" in screen.text
    assert server.requests == []


def test_expressions_in_a_command_are_replaced(notebook: Notebook) -> None:
    screen = notebook()
    screen.run("place = 'tiny'\nclass Names: own = place")
    for command in ("%cfo use {place}", "%cfo {'use'} {Names.own.upper()}", "%cfo use $place", "%cfo use $Names.own"):
        assert "tiny" in plain(screen.run(command)), command
    screen.run("%cfo use $nothing")
    assert "$nothing" in screen.text


def test_an_interrupt_cancels_the_run(notebook: Notebook, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve(QUERY, Stall(), ANSWER)
    screen = notebook(server)
    show = screen.show

    def interrupting(value: Any) -> Any:
        handle, interrupted = show(value), threading.Event()

        def update(shown: Any) -> None:
            handle.update(shown)
            if not interrupted.is_set():
                interrupted.set()
                while server.turns_taken < 2:
                    time.sleep(0.001)
                raise KeyboardInterrupt

        return type("Handle", (), {"update": staticmethod(update)})()

    with monkeypatch.context() as patch:
        patch.setattr(magics, "show", interrupting)
        screen.run("%%ask\nStop me")
    assert screen.text.startswith("cancelled")
    screen.run("%%ask\nGo on")
    assert isinstance(screen.last, TaskResult)


def test_an_interrupt_cancels_also_the_run_of_a_message_on_its_way(
    notebook: Notebook, serve: Serve, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted(queue.Queue[str | None]):
        waits = 0

        def get(self, *_: Any, **__: Any) -> str | None:
            self.waits += 1
            if self.waits == 1:
                raise KeyboardInterrupt
            return super().get()

    screen = notebook(serve(Stall()))
    with monkeypatch.context() as patch:
        patch.setattr(magics.queue, "Queue", Interrupted)
        screen.run("%%ask -w tiny\nStop me")
    assert screen.text.startswith("cancelled")


def test_reloading_and_unloading(notebook: Notebook, root: Path) -> None:
    screen = notebook()
    screen.run("%cfo use tiny")
    screen.run("%reload_ext cfo_kernel")
    assert "none yet" in plain(screen.run("%cfo"))
    screen.run("%unload_ext cfo_kernel")
    assert screen.shell.find_line_magic("cfo") is None
    assert screen.shell.find_cell_magic("ask") is None
    assert not [t for t in threading.enumerate() if t.name == "cfo_kernel"]
    assert not list((root / ".cfo" / "owners").iterdir())


def test_a_kernel_that_ends_is_not_held_up(root: Path) -> None:
    code = (
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        "shell.run_cell('%load_ext cfo_kernel').raise_error()\n"
        "shell.run_cell('%cfo use tiny').raise_error()\n"
    )
    environment = {"CFO_ROOT": str(root), "CFO_MODEL": "offline", "PATH": "/usr/bin:/bin"}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=30, capture_output=True)
    assert not list((root / ".cfo" / "owners").iterdir())
