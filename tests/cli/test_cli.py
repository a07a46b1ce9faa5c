"""The command line: exit codes, JSON output, and terminal output."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cfo_kernel import __version__
from cfo_kernel.cli import app
from tests.conftest import KEY, LEDGER
from tests.models.scripted_server import ScriptedServer, Stall, Status, ToolCall
from tests.replies import ANSWER, MESSAGE, QUERY, TABLE, TOTALS, Serve

Cli = Callable[..., "Done"]
REPOSITORY = Path(__file__).parents[2]


class Done:
    """The outcome of a command: its exit code and its two output streams."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> Any:
        """Standard output, parsed as a single JSON document."""
        return json.loads(self.out)


@pytest.fixture
def cli(root: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Runs a command in this process, with the tiny company and a scripted server."""
    monkeypatch.setenv("CFO_ROOT", str(root))
    monkeypatch.setenv("CFO_MODEL", "openai:scripted")
    monkeypatch.setenv("CFO_OPENAI_API_KEY", KEY)

    def run(*arguments: str, server: ScriptedServer | None = None) -> Done:
        monkeypatch.setenv("CFO_BASE_URL", server.base_url if server else "http://127.0.0.1:9/v1")
        result = CliRunner().invoke(app, arguments)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Done(result.exit_code, result.stdout, result.stderr)

    return run


def test_ask_prints_the_reply_and_the_thread(cli: Cli, serve: Serve) -> None:
    done = cli("ask", "-w", "tiny", "Totals", server=serve(QUERY, ANSWER))
    assert done.code == 0
    assert done.out.startswith(MESSAGE)
    assert "Finance     4,400.55" in done.out
    assert TOTALS in done.out
    thread, used = done.err.strip().splitlines()
    assert thread.startswith("Thread ")
    assert used == "20 tokens in, 10 out"


def test_usage_adds_up_what_was_asked(cli: Cli, serve: Serve, root: Path) -> None:
    (root / "prices.toml").write_text('["openai:scripted"]\ninput = 1000\noutput = 2000\n')
    server = serve(QUERY, ANSWER, ANSWER, Status(400))
    asked = cli("ask", "-w", "tiny", "Totals", server=server)
    assert asked.err.strip().endswith("20 tokens in, 10 out, 0.0400 USD")
    one = cli("ask", "--json", "-w", "tiny", "Again", server=server).json
    assert one["usage"]["cost"] == 0.02
    assert cli("ask", "-w", "tiny", "And fail", server=server).code == 1
    done = cli("usage", "-w", "tiny")
    assert done.out.splitlines() == ["3 runs, 3 model requests, 1 tool calls", "30 tokens in, 15 out, 0.0600 USD"]
    totals = cli("usage", "-w", "tiny", "-t", one["thread_id"], "--json").json
    assert (totals["runs"], totals["input_tokens"], totals["cost"], totals["unpriced_runs"]) == (1, 10, 0.02, 0)
    (root / "prices.toml").unlink()
    cli("ask", "-w", "tiny", "Unpriced", server=serve(ANSWER))
    assert cli("usage", "-w", "tiny").out.endswith("The cost of 1 of these runs is unknown and not included.\n")


def test_the_offline_analyst_says_nothing_of_tokens(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CFO_MODEL", "offline")
    done = cli("ask", "-w", "tiny", "total amount by department")
    assert (done.code, "token" in done.err) == (0, False)


def test_the_error_of_a_wrong_price_names_its_line(cli: Cli, root: Path) -> None:
    (root / "prices.toml").write_text('["openai:scripted"]\ninput = -1\noutput = 2000\n')
    done = cli("workspaces")
    assert (done.code, done.out) == (1, "")
    assert "prices.toml, line 2" in done.err


def test_ask_gives_one_json_document(cli: Cli, serve: Serve) -> None:
    done = cli("ask", "--json", "Totals", server=serve(TABLE))
    assert done.code == 0
    assert set(done.json) == {"thread_id", "run_id", "status", "reply", "error", "usage"}
    assert done.json["reply"]["result"]["rows"] == [["Finance", 4400.55], ["Sales", 2300.3]]
    assert done.err == ""


def test_ask_continues_in_a_thread(cli: Cli, serve: Serve) -> None:
    server = serve(ANSWER, ANSWER)
    thread = cli("ask", "--json", "One", server=server).json["thread_id"]
    again = cli("ask", "--json", "-w", "tiny", "-t", thread, "Two", server=server)
    assert again.json["thread_id"] == thread
    people = [m["content"] for m in server.requests[1].body["messages"] if m["role"] == "user"]
    assert people == ["One", "Two"]
    (listed,) = cli("threads", "-w", "tiny", "--json").json
    assert (listed["id"], listed["title"]) == (thread, "One")
    assert "One" in cli("threads", "-w", "tiny").out


@pytest.mark.parametrize(
    ("continues", "kind", "requests"), [(0, "run_sql", 1), (1, "run_sql", 2), (9, "task_result", 3)]
)
def test_ask_continues_up_to_n_times(cli: Cli, serve: Serve, continues: int, kind: str, requests: int) -> None:
    server = serve(TABLE, TABLE, ANSWER)
    done = cli("ask", "--json", "--continue", str(continues), "Totals", server=server)
    assert done.code == 0
    assert done.json["reply"]["kind"] == kind
    assert len(server.requests) == requests


def test_ask_shows_each_reply_on_the_way(cli: Cli, serve: Serve) -> None:
    done = cli("ask", "--continue", "1", "Totals", server=serve(TABLE, ANSWER))
    assert done.out.index("Totals by department.") < done.out.index(MESSAGE)


def test_a_run_that_fails_is_exit_code_1(cli: Cli, serve: Serve) -> None:
    done = cli("ask", "--json", "Totals", server=serve(Status(400)))
    assert done.code == 1
    assert (done.json["status"], done.json["error"]["code"]) == ("failed", "model_unavailable")
    done = cli("ask", "Totals", server=serve(Status(400)))
    assert (done.code, done.out) == (1, "")
    assert "(model_unavailable)" in done.err


ERRORS: dict[str, tuple[list[str], str]] = {
    "empty message": (["ask", ""], "empty_message"),
    "no such workspace": (["ask", "-w", "nope", "x"], "workspace_not_found"),
    "no such thread": (["ask", "-t", "nope", "x"], "thread_not_found"),
    "bytes that are no text": (["ask", "-w", "\udcff", "x"], "workspace_not_found"),
    "bad SQL": (["sql", "-w", "tiny", "SELECT nope FROM ledger"], "unknown_column"),
    "SQL that writes": (["sql", "-w", "tiny", "DROP TABLE ledger"], "sql_policy_violation"),
    "a bad name": (["workspaces", "create", "../x"], "invalid_name"),
    "a name that is taken": (["workspaces", "create", "tiny"], "workspace_exists"),
    "no such file": (["upload", "-w", "tiny", "none.csv"], "invalid_input"),
    "threads of an unknown workspace": (["threads", "-w", "nope"], "workspace_not_found"),
    "datasets of an unknown workspace": (["datasets", "-w", "nope"], "workspace_not_found"),
    "usage of an unknown workspace": (["usage", "-w", "nope"], "workspace_not_found"),
    "usage of no thread": (["usage", "-w", "tiny", "-t", "nope"], "thread_not_found"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_is_exit_code_1_with_a_code_and_advice(cli: Cli, name: str) -> None:
    arguments, code = ERRORS[name]
    done = cli(*arguments)
    assert (done.code, done.out) == (1, "")
    assert f"({code})" in done.err
    assert "Traceback" not in done.err
    done = cli(arguments[0], "--json", *arguments[1:]) if arguments[0] != "workspaces" else cli(*arguments, "--json")
    assert done.code == 1
    assert done.json["error"]["code"] == code
    assert done.json["error"]["message"]
    assert done.err == ""


@pytest.mark.parametrize("arguments", [["ask"], ["sql", "SELECT 1"], ["nope"], ["ask", "--continue", "x", "y"]])
def test_a_usage_error_is_exit_code_2(cli: Cli, arguments: list[str]) -> None:
    done = cli(*arguments)
    assert (done.code, done.out) == (2, "")
    assert "Usage" in done.err


def test_sql(cli: Cli) -> None:
    done = cli("sql", "-w", "tiny", TOTALS)
    assert done.code == 0
    assert "Sales       2,300.30" in done.out
    done = cli("sql", "-w", "tiny", "--json", TOTALS)
    assert (done.json["row_count"], done.json["query"]["sql"]) == (2, TOTALS)


def test_sql_may_begin_and_end_with_comments(cli: Cli) -> None:
    text = f"-- totals of all\n{TOTALS}; -- by department"
    for before in ([], ["--"]):
        done = cli("sql", "-w", "tiny", *before, text)
        assert (done.code, done.err) == (0, "")
        assert "Sales       2,300.30" in done.out
    assert cli("sql", "-w", "tiny", "--nope", "SELECT 1").code == 2


def test_a_workspace_is_found_by_a_similar_name(cli: Cli, root: Path) -> None:
    assert cli("datasets", "-w", " Ti-ny.").out == cli("datasets", "-w", "tiny").out
    for id in ("acme_ag", "acme.ag"):
        (root / id / "data").mkdir(parents=True)
    done = cli("datasets", "-w", "Acme AG")
    assert (done.code, "acme.ag, acme_ag" in done.err) == (1, True)
    assert cli("datasets", "-w", "acme_ag").code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["ask", "total amount"],
        ["ask", "-w", "tiny", "total amount"],
        ["sql", "-w", "tiny", "SELECT 1"],
        ["workspaces"],
        ["threads", "-w", "tiny"],
        ["datasets", "-w", "tiny"],
        ["usage", "-w", "tiny"],
        ["upload", "-w", "tiny", "a.csv"],
        ["union", "-w", "tiny", "sales", "--apart"],
    ],
)
def test_a_command_without_a_workspace_creates_nothing(
    cli: Cli, arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "empty"
    for folder in (empty, empty / "workspaces"):
        folder.mkdir()
        monkeypatch.chdir(folder)
        monkeypatch.delenv("CFO_ROOT", raising=False)
        assert cli(*arguments).code == (arguments != ["workspaces"])
        assert list(folder.iterdir()) == []


def test_the_reading_of_a_file_is_stopped_and_begun_again(cli: Cli, root: Path) -> None:
    (root / "tiny" / "data" / "late.csv").write_text("region,amount\nNorth,1\n")
    stopped = cli("stop-reading", "-w", "tiny", "late.csv")
    assert "late.csv was not read, because the reading was stopped. Read it again." in stopped.out
    listed = cli("datasets", "-w", "tiny", "--json").json
    assert [(d["file"], d["is_stopped"]) for d in listed] == [("late.csv", True), ("ledger.csv", False)]
    again = cli("read-again", "-w", "tiny", "late.csv", "--json").json
    assert [(d["file"], d["tables"][0]["row_count"]) for d in again] == [("late.csv", 1)]
    assert cli("stop-reading", "-w", "tiny", "nothing.csv").code == 1


def test_a_fault_of_the_glossary_is_shown_with_the_datasets(cli: Cli, root: Path, serve: Serve) -> None:
    (root / "tiny" / "data" / "datasets.yaml").write_text("company: Tiny\ntables:\n  budget: {}\n")
    done = cli("datasets", "-w", "tiny")
    assert (done.code, done.out.count("datasets.yaml, line 3: there is no table budget")) == (0, 1)
    assert "ledger.csv" in done.out
    assert cli("datasets", "-w", "tiny", "--json").json[0]["file"] == "ledger.csv"
    assert cli("ask", "-w", "tiny", "Totals", server=serve(ANSWER)).code == 0


def test_notes_on_files_are_shown_whole(cli: Cli, root: Path) -> None:
    title = "Postings of the year 2024 as exported from the ledger on the last day of March in euros"
    (root / "tiny" / "data" / "report.csv").write_text(f"{title}\nregion,amount\nNorth,1\nSouth,2\n")
    (root / "tiny" / "data" / "broken.parquet").write_text("nothing")
    (root / "tiny" / "data" / "rates.csv").write_text("day;a;b\n03.04.2024;1.045;n.a.\n05.04.2024;2.130;5\n")
    lines = cli("datasets", "-w", "tiny").out.splitlines()
    at = lines.index("report.csv was read as follows:")
    assert lines[at + 1] == f"  Layout: Rows above the header were skipped: {title}."
    at = lines.index("rates.csv was read as follows:")
    assert lines[at + 1].startswith("  Check: ")
    [problem] = [line for line in lines if line.startswith("broken.parquet: ")]
    assert problem.endswith("save it again in the format that its file name indicates.")


def test_workspaces_datasets_and_uploads(cli: Cli, tmp_path: Path) -> None:
    assert [w["id"] for w in cli("workspaces", "--json").json] == ["tiny"]
    assert [w["id"] for w in cli("workspaces", "create", "Acme AG", "--json").json] == ["acme_ag"]
    assert "Acme AG" in cli("workspaces").out
    assert "acme_ag" in cli("workspaces", "create", "Acme AG 2").out
    assert "There is no data yet" in cli("datasets", "-w", "acme_ag").out
    assert cli("datasets", "-w", "acme_ag", "--json").json == []
    assert "There are no threads yet" in cli("threads", "-w", "acme_ag").out
    (tmp_path / "a.csv").write_text(LEDGER)
    (tmp_path / "b.csv").write_bytes(b"")
    done = cli("upload", "-w", "acme_ag", "--json", "a.csv")
    assert [d["file"] for d in done.json] == ["a.csv"]
    done = cli("upload", "-w", "acme_ag", "a.csv", "b.csv")
    assert done.code == 1
    assert "b.csv is empty" in done.err
    done = cli("datasets", "-w", "acme_ag")
    assert [line.split()[:3] for line in done.out.splitlines()[2:]] == [["a.csv", "a", "6"]]


def test_files_are_put_together_and_kept_apart(cli: Cli, root: Path) -> None:
    for name in ("east.csv", "west.csv"):
        (root / "tiny" / "data" / name).write_text(LEDGER + name + LEDGER.splitlines()[-1] + "\n")
    (root / "tiny" / "data" / "scan.pdf").write_bytes(b"%PDF-1.7")
    done = cli("union", "-w", "tiny", "both", "east.csv", "west.csv")
    assert [line.split()[:2] for line in done.out.splitlines()[2:5]] == [
        ["east.csv", "both"],
        ["ledger.csv", "ledger"],
        ["west.csv", "both"],
    ]
    assert "scan.pdf: PDF, 8 bytes: kept, but not read." in done.out
    apart = cli("union", "-w", "tiny", "both", "--apart", "--json").json
    assert [table["name"] for table in apart[0]["tables"]] == ["east"]
    assert cli("union", "-w", "tiny", "both").code == 2


def test_control_characters_do_not_reach_the_terminal(cli: Cli, serve: Serve) -> None:
    evil = "\x1b]0;owned\x07\x1b[31m\u202e\x9b"
    sql = f"SELECT '{evil}' AS a, '{evil}' AS \"{evil}\" FROM ledger LIMIT 1"
    call = ToolCall("run_sql", {"sql": sql, "purpose": f"See {evil}"})
    question = ToolCall("user_interaction", {"message": evil, "choices": [evil]})
    for done in (
        cli("sql", "-w", "tiny", sql),
        cli("ask", "Totals", server=serve(call)),
        cli("ask", "Totals", server=serve(question)),
        cli("sql", "-w", "tiny", f'SELECT "{evil}" FROM ledger'),
        cli("ask", "-w", evil, "x"),
        cli("threads", "-w", "tiny"),
        cli("ask", evil, server=serve(question)),
        cli("threads", "-w", "tiny"),
    ):
        shown = done.out + done.err
        assert shown
        assert not [c for c in shown if not c.isprintable() and c != "\n"]


# in a process of its own


def started(root: Path, *arguments: str, **environment: str) -> "subprocess.Popen[str]":
    script = str(Path(sys.executable).parent / "cfo")
    wanted = {**os.environ, "CFO_ROOT": str(root), "CFO_MODEL": "openai:scripted", **environment}
    return subprocess.Popen([script, *arguments], stdout=-1, stderr=-1, text=True, env=wanted)


def process(root: Path, *arguments: str, **environment: str) -> Done:
    with started(root, *arguments, **environment) as command:
        out, err = command.communicate(timeout=60)
    return Done(command.returncode, out, err)


def test_the_command_itself(root: Path, serve: Serve) -> None:
    url = serve(QUERY, ANSWER).base_url
    done = process(root, "ask", "--json", "Totals", CFO_BASE_URL=url)
    assert (done.code, done.err) == (0, "")
    assert done.json["reply"]["message"] == MESSAGE


def test_the_module_works_like_the_command(root: Path) -> None:
    environment = {**os.environ, "CFO_ROOT": str(root), "CFO_MODEL": "offline"}
    for arguments in (["workspaces", "--json"], ["datasets", "-w", "nope"], ["ask", "--json"], ["--version"]):
        module = [sys.executable, "-m", "cfo_kernel", *arguments]
        done = subprocess.run(module, capture_output=True, text=True, env=environment, timeout=60, check=False)
        command = process(root, *arguments, CFO_MODEL="offline")
        assert (done.returncode, done.stdout) == (command.code, command.out)
        assert done.stderr.replace("python -m cfo_kernel", "cfo") == command.err


def test_the_workspaces_may_be_in_the_checkout_that_the_engine_runs_from(tmp_path: Path) -> None:
    """Confined processes must not see the files in such a folder, but they need the engine's own modules."""
    shutil.copytree(REPOSITORY / "cfo_kernel", tmp_path / "cfo_kernel")
    data = tmp_path / "workspaces" / "acme" / "data"
    data.mkdir(parents=True)
    (data / "ledger.csv").write_text(LEDGER)
    where = {**os.environ, "PYTHONPATH": str(tmp_path), "CFO_ROOT": str(data.parents[1])}
    command = [sys.executable, "-m", "cfo_kernel", "sql", "-w", "acme", "SELECT count(*) AS rows FROM ledger", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, env=where, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["rows"] == [[LEDGER.count("\n") - 1]]


def test_a_workspace_whose_files_cannot_be_read_says_why(root: Path) -> None:
    data = root / "broken" / "data"
    data.mkdir(parents=True)
    (data / "empty.csv").touch()
    (data / "odd.docx").touch()
    done = process(root, "ask", "-w", "broken", "What did it cost?", CFO_MODEL="offline")
    assert "No file can be read. empty.csv is empty. Export it again and send the new file. 1 more" in done.out


def test_the_version_is_printed(cli: Cli) -> None:
    done = cli("--version")
    assert (done.code, done.out, done.err) == (0, f"cfo_kernel {__version__}\n", "")


def test_a_usage_error_as_json_is_still_one_document(root: Path) -> None:
    done = process(root, "ask", "--json")
    assert done.code == 2
    assert done.json["error"]["code"] == "invalid_input"
    assert "Usage" in done.err
    assert "Traceback" not in done.err


def test_a_reader_that_left_ends_the_command_without_a_word(root: Path) -> None:
    with started(root, "workspaces", "--json") as command:
        assert command.stdout
        assert command.stderr
        command.stdout.close()
        assert command.stderr.read() == ""
    assert command.returncode == 1


def test_an_interrupt_stops_the_run_and_says_so(root: Path, serve: Serve) -> None:
    server = serve(Stall(6, ANSWER))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # Tests in the background of a shell inherit "ignore".
    with started(root, "ask", "--json", "Totals", CFO_BASE_URL=server.base_url) as command:
        while not server.turns_taken:
            assert command.poll() is None
            time.sleep(0.005)
        command.send_signal(signal.SIGINT)
        out, err = command.communicate(timeout=30)
    assert (command.returncode, err) == (1, "")
    assert json.loads(out)["error"]["code"] == "cancelled"
    (history,) = root.rglob("message_history.json")
    assert '"status": "cancelled"' in history.read_text()


def test_wrong_settings_are_reported(root: Path) -> None:
    done = process(root, "workspaces", CFO_REQUEST_LIMIT="many")
    assert done.code == 1
    assert done.err.startswith("CFO_REQUEST_LIMIT is not valid: it must be a whole number. Correct it")
    assert "Traceback" not in done.err
