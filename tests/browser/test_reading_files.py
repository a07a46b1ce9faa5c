"""A question that waits for files that were put into `data/` directly says which one is being read."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.async_api import expect

from tests.browser.actions import ready, send, wait_for_reply
from tests.browser.conftest import Visit, screenshot, serious_violations
from tests.browser.stack import Stack, command_line

pytestmark = pytest.mark.slow


@contextmanager
def _file_worker_paused(stack: Stack) -> Iterator[None]:
    """Suspends the process that reads files inside the block. That process starts with the first file that it reads."""
    (stack.root / "tiny" / "data" / "first.csv").write_text(f"region,amount\nNorth,{time.time_ns()}\n")
    with stack.client() as client:
        client.get("/workspaces/tiny/datasets").raise_for_status()
    workers = [pid for pid in stack.api.descendants() if b"cfo_kernel.data.file_process" in command_line(pid)]
    assert workers
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in workers:
            os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (1280, True), (400, False)])
async def test_a_question_names_the_file_that_it_waits_for(stack: Stack, visit: Visit, width: int, dark: bool) -> None:
    name = f"branch_{width}_{'dark' if dark else 'light'}"
    page = await ready(await visit(stack.page, width=width, dark=dark))
    with _file_worker_paused(stack):
        (stack.root / "tiny" / "data" / f"{name}.csv").write_text("region,amount\nNorth,10.50\nSouth,20.25\n")
        await send(page, f"SQL: SELECT sum(amount) AS total FROM {name}")
        working = page.get_by_role("article", name="Analyst").get_by_role("status")
        await expect(working).to_contain_text(f"Reading {name}.csv…")
        await screenshot(page, f"reading-{width}-{'dark' if dark else 'light'}")
        assert await serious_violations(page) == []
    await wait_for_reply(page, "30.75")
    await expect(page.get_by_text("Reading branch")).to_have_count(0)
