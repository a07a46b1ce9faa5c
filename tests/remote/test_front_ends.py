"""With `CFO_URL` set, the command line and the magics use the server and print the same as without it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from pydantic import SecretStr
from typer.testing import CliRunner

from cfo_kernel import TaskResult, magics
from cfo_kernel.cli import app
from tests.conftest import LEDGER, settings
from tests.remote.conftest import TOKEN
from tests.remote.served import Served
from tests.replies import ANSWER, MESSAGE, QUERY, TABLE, TOTALS, Serve


@pytest.fixture
def served(root: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """Runs a server, in an environment that leads only to it."""
    model = serve(TABLE, QUERY, ANSWER, repeat_last=True)
    with Served(settings(root, model, api_token=SecretStr(TOKEN))) as server:
        monkeypatch.setenv("CFO_URL", server.url)
        monkeypatch.setenv("CFO_API_TOKEN", TOKEN)
        yield server


def cfo(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == code, done.stderr
    return done.stdout


def test_the_command_line(served: Served, tmp_path: Path) -> None:
    asked = json.loads(cfo("ask", "--json", "-w", "tiny", "--continue", "1", "Totals"))
    assert set(asked) == {"thread_id", "run_id", "status", "reply", "error", "usage"}
    assert asked["reply"]["message"] == MESSAGE
    assert asked["reply"]["result"]["rows"] == [["Finance", 4400.55], ["Sales", 2300.3]]
    (thread,) = json.loads(cfo("threads", "-w", "tiny", "--json"))
    assert (thread["id"], thread["title"]) == (asked["thread_id"], "Totals")
    assert json.loads(cfo("sql", "--json", "-w", "tiny", TOTALS))["row_count"] == 2
    assert json.loads(cfo("workspaces", "create", "--json", "Acme")) == [{"id": "acme", "name": "Acme"}]
    assert "tiny" in cfo("workspaces")
    (tmp_path / "more.csv").write_text(LEDGER)
    assert "more.csv" in cfo("upload", "-w", "acme", str(tmp_path / "more.csv"))
    assert [d["file"] for d in json.loads(cfo("datasets", "--json", "-w", "acme"))] == ["more.csv"]


def test_the_command_line_says_what_is_wrong(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    error = json.loads(cfo("ask", "--json", "-w", "nothing", "Totals", code=1))["error"]
    assert error["code"] == "workspace_not_found"
    monkeypatch.setenv("CFO_API_TOKEN", "another-token")
    assert json.loads(cfo("workspaces", "--json", code=1))["error"]["code"] == "token_rejected"
    served.stop()
    assert json.loads(cfo("workspaces", "--json", code=1))["error"]["code"] == "server_unavailable"


def test_magics(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    shell = InteractiveShell.instance()
    shown: list[Any] = []

    def show(value: Any) -> Any:
        shown.append(value)
        return type("Handle", (), {"update": staticmethod(shown.append)})()

    def run(code: str) -> Any:
        done = shell.run_cell(code)
        done.raise_error()
        return done.result

    monkeypatch.setattr(magics, "show", show)
    run("%load_ext cfo_kernel")
    try:
        assert served.url in run("%cfo")._repr_mimebundle_()["text/plain"]
        assert "tiny" in run("%cfo workspaces")._repr_mimebundle_()["text/plain"]
        run("%%ask -w tiny\nTotals")
        run("%%ask\nAnd again?")
        assert isinstance(shown[-1], TaskResult)
        assert "Totals" in run("%cfo threads")._repr_mimebundle_()["text/plain"]
        run("%%ask -w nothing\nTotals")
        assert shown[-1]._repr_mimebundle_()["text/plain"].startswith("workspace_not_found")
    finally:
        run("%unload_ext cfo_kernel")
