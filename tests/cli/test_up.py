"""Runs `cfo up` as a process: both parts start, are restarted when they die, and end with it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cfo_kernel.up import _redirect_file

ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+/\?token=(\S+)")
Up = tuple["subprocess.Popen[str]", Path]


@pytest.fixture
def up(root: Path, tmp_path: Path) -> Iterator[Up]:
    log = tmp_path / "up.log"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/opened\n')
    browser.chmod(0o700)
    own = {k: v for k, v in os.environ.items() if not k.startswith(("CFO_", "OPENAI_", "ANTHROPIC_"))}
    with log.open("w") as out:
        process = subprocess.Popen(
            [str(Path(sys.executable).with_name("cfo")), "up", "--port", "0"],
            env={**own, "CFO_ROOT": str(root), "CFO_MODEL": "offline", "BROWSER": f"{browser} %s"},
            stdout=out,
            stderr=subprocess.STDOUT,
            text=True,
        )
        yield process, log
        process.kill()
        process.wait()


def test_both_parts_start_are_restarted_and_end(up: Up) -> None:
    process, log = up
    until(lambda: "Press Ctrl+C" in log.read_text(), 90)
    address = ADDRESS.search(log.read_text())
    assert address
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())  # the token comes once, then a cookie
    html = browser.open(address[0], timeout=30).read().decode()
    assert "<title>CFO workbench</title>" in html
    assert "https://" not in html
    home, kernel = address[0].partition("?")[0], re.findall(r'"kernelId": "([\w-]+)"', html)[0]
    assert json.load(browser.open(f"{home}cfo/alive/{kernel}", timeout=30)) == {"kernel": True}
    for _ in range(2):  # a browser reports that it leaves the page, without the header that its cookie requires
        assert browser.open(urllib.request.Request(f"{home}voila/api/shutdown/{kernel}", method="POST")).status == 204
    assert json.load(browser.open(f"{home}cfo/alive/{kernel}", timeout=30)) == {"kernel": False}
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{home}cfo/alive/none", timeout=30)
    assert refused.value.code == 403
    os.kill(children(process.pid)["cfo_api"], signal.SIGKILL)
    until(lambda: log.read_text().count("cfo_kernel is at") == 2, 60)
    everyone = descendants(process.pid)
    opened = Path((log.parent / "opened").read_text().strip().removeprefix("file://"))
    assert (opened.stat().st_mode & 0o777, opened.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert f'url={address[0]}"' in opened.read_text()
    started_with = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in (process.pid, *everyone)]
    secrets = [address[1].encode(), *api_tokens(everyone)]
    assert len(secrets) >= 2
    assert not [words for words in started_with if any(secret in words for secret in secrets)]
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    assert not opened.parent.exists()
    until(lambda: not alive(everyone), 10)
    assert log.read_text().count(address[1]) == 1
    assert log.read_text().endswith("Stopped. All messages that were sent are in their threads.\n")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent is gone")
def test_nothing_is_left_behind_where_it_is_killed(up: Up) -> None:
    process, log = up
    until(lambda: "Press Ctrl+C" in log.read_text(), 90)
    everyone = descendants(process.pid)
    assert len(everyone) >= 3
    process.kill()
    until(lambda: not alive(everyone), 20)


def test_it_says_what_is_wrong(root: Path) -> None:
    cfo = str(Path(sys.executable).with_name("cfo"))
    said = subprocess.run(
        [cfo, "up"], env={**os.environ, "CFO_URL": "http://127.0.0.1:9"}, capture_output=True, text=True, check=False
    )
    assert said.returncode == 1
    assert "Unset CFO_URL" in said.stderr
    said = subprocess.run([cfo, "up", "--port", "99999"], capture_output=True, text=True, check=False)
    assert (said.returncode, said.stderr) == (
        1,
        "Cannot listen on port 99999 (there is no such port). Choose another with --port. (invalid_settings)\n",
    )
    with socket.create_server(("127.0.0.1", 0)) as listening:
        free = str(listening.getsockname()[1])
    twice = [cfo, "up", "--port", free, "--api-port", free]
    said = subprocess.run(twice, capture_output=True, text=True, check=False)
    assert said.returncode == 1
    assert "already in use" in said.stderr


def test_what_fails_while_the_file_is_there_is_not_laid_on_its_folder(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no process"), _redirect_file("http://127.0.0.1:1", tmp_path) as redirect:
        raise OSError("no process")
    assert not redirect.exists()


def children(of: int) -> dict[str, int]:
    """The modules run by the children of a process, with their process ids."""
    found = {}
    for pid in _children(of):
        words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
        found[words[words.index("-m") + 1]] = pid
    return found


def api_tokens(pids: list[int]) -> set[bytes]:
    """The API's token, as found in the environments of the processes."""
    environments = [Path(f"/proc/{pid}/environ").read_bytes().split(b"\0") for pid in pids]
    return {v.partition(b"=")[2] for vs in environments for v in vs if v.startswith(b"CFO_API_TOKEN=")}


def descendants(of: int) -> list[int]:
    return [pid for child in _children(of) for pid in (child, *descendants(child))]


def _children(of: int) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{of}/task/{of}/children").read_text().split()]


def alive(pids: list[int]) -> list[int]:
    def lives(pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False

    return [pid for pid in pids if lives(pid)]


def until(is_so: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.1)
