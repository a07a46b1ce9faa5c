"""Runs `cfo serve` as a process, and checks what it prints, what it refuses, and how it stops."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from cfo_api.__main__ import _listen  # pyright: ignore[reportPrivateUsage]

from tests.conftest import KEY
from tests.models.scripted_server import ScriptedServer, Stall

TOKEN = "a-long-secret-0123456789"
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(root: Path) -> Iterator[Start]:
    """Starts `cfo serve` on the tiny company."""
    started: list[subprocess.Popen[str]] = []

    def begin(*arguments: str, **environment: str) -> subprocess.Popen[str]:
        own = {k: v for k, v in os.environ.items() if not k.startswith(("CFO_", "OPENAI_", "ANTHROPIC_"))}
        given = {"CFO_ROOT": str(root), "CFO_MODEL": "offline", **environment}
        command = [str(Path(sys.executable).with_name("cfo")), "serve", *arguments]
        process = subprocess.Popen(
            command, env={**own, **given}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def url_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    said = process.stdout.readline()
    found = re.fullmatch(r"cfo_kernel is at (http://\S+:\d+)\n", said)
    assert found, (said, process.stderr.read() if process.stderr and process.poll() is not None else "")
    return found[1]


def test_it_stops_at_once_and_leaves_the_run_to_the_next(start: Start) -> None:
    with ScriptedServer([Stall(headers=False)]) as model:
        thinking = {"CFO_MODEL": "openai:scripted", "CFO_BASE_URL": model.base_url, "CFO_OPENAI_API_KEY": KEY}
        process = start("--port", "0", **thinking)
        url = url_of(process)
        body = json.dumps({"message": "Hello"}).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{url}/workspaces/tiny/threads", body, headers)
        with urllib.request.urlopen(request, timeout=30) as response:
            run = json.load(response)["run"]["run_id"]
        with urllib.request.urlopen(f"{url}/runs/{run}/events", timeout=30) as stream:
            assert stream.readline() == b"id: 0\n"
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=60)
            # Nothing on stderr: uvicorn would report a stream that is still open when the time for a stop has passed.
            assert (process.returncode, out, err) == (0, "", "")


def test_no_token_no_server_for_others(start: Start) -> None:
    for host in ("0.0.0.0", "::", "192.0.2.1"):
        out, err = start("--host", host, "--port", "0").communicate(timeout=60)
        assert out == ""
        assert err == (
            f"Other machines can reach {host}. Set CFO_API_TOKEN to a long secret and restart. (invalid_settings)\n"
        )


def test_with_a_token_it_serves_others_and_never_prints_it(start: Start) -> None:
    process = start("--host", "0.0.0.0", "--port", "0", CFO_API_TOKEN=TOKEN)
    port = url_of(process).rpartition(":")[2]
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/workspaces?token={TOKEN}", timeout=30)
    assert refused.value.code == 401
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/workspaces", headers={"Authorization": f"Bearer {TOKEN}"}
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        assert response.status == 200
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (0, "", "")


def test_unusable_options_are_reported_in_one_line(start: Start, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    held = start("--port", "0")
    port = url_of(held).rpartition(":")[2]
    for process, says in (
        (start("--port", port), "Cannot listen"),
        (start("--port", "99999"), "Cannot listen"),
        (start("--port", "0", CFO_API_TOKEN=""), "CFO_API_TOKEN"),
        (
            start("--port", "0", CFO_API_TOKEN="pasted "),
            "CFO_API_TOKEN is not valid: it may contain only printable ASCII",
        ),
        (
            start("--port", "0", CFO_CORS_ORIGINS="*"),
            "CFO_CORS_ORIGINS is not valid: a site must look like https://dash",
        ),
        (start("--port", "0", CFO_ROOT=str(tmp_path / "file" / "x")), "cannot be opened"),
    ):
        out, err = process.communicate(timeout=60)
        assert process.returncode == 1
        assert out == ""
        assert says in err
        assert len(err.splitlines()) == 1, err


def test_a_request_to_upgrade_is_answered_and_not_logged(start: Start) -> None:
    process = start("--port", "0")
    request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    with socket.create_connection(("127.0.0.1", int(url_of(process).rpartition(":")[2])), timeout=60) as connection:
        connection.sendall(request)
        assert connection.recv(1024).startswith(b"HTTP/1.1 200")
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=60) == ("", "")


def test_no_piece_of_an_answer_waits_for_the_one_before() -> None:
    with _listen("127.0.0.1", 0) as listening, socket.create_connection(listening.getsockname()):
        connection, _ = listening.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


class _Unreadable(BaseHTTPRequestHandler):
    """A model server whose answers contain a list where a string belongs."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        chunk = {"id": "x", "choices": [{"index": 0, "delta": {"content": KEY}, "finish_reason": [KEY]}]}
        self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())

    def log_message(self, *_: object) -> None:
        pass


def test_what_the_engine_reports_is_in_the_log(start: Start) -> None:
    with HTTPServer(("127.0.0.1", 0), _Unreadable) as model:
        threading.Thread(target=model.handle_request, daemon=True).start()
        address = f"http://127.0.0.1:{model.server_port}/v1"
        process = start("--port", "0", CFO_MODEL="openai:m", CFO_BASE_URL=address, CFO_OPENAI_API_KEY=KEY)
        body = json.dumps({"workspace_id": "tiny", "message": "Hello"}).encode()
        request = urllib.request.Request(f"{url_of(process)}/chat", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as response:
            assert "could not be read" in json.load(response)["error"]["message"]
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert "WARNING the answer of the model m cannot be read: Traceback" in said
    assert KEY not in said
