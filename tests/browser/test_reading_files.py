"""A question that waits for files that were put into `data/` directly says which one is being read."""

import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

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
        client.get("/workspaces/tiny/datasets", params={"wait": 60}).raise_for_status()
    workers = [pid for pid in stack.api.descendants() if b"cfo_kernel.data.file_process" in command_line(pid)]
    assert workers
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in workers:
            with suppress(ProcessLookupError):  # it was stopped
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


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (1280, True), (400, False)])
async def test_a_file_shows_how_far_it_is_and_can_be_stopped(
    stack: Stack, visit: Visit, width: int, dark: bool
) -> None:
    look = f"{width}-{'dark' if dark else 'light'}"
    name = f"region {look}.csv"
    page = await ready(await visit(stack.page, width=width, dark=dark))
    if width < 900:
        await page.get_by_role("button", name=re.compile("the side panel")).click()
    files = page.get_by_role("list", name="Files").last
    with _file_worker_paused(stack):
        (stack.root / "tiny" / "data" / name).write_text("region,amount\nNorth,10.50\nSouth,20.25\n")
        await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        row = files.get_by_role("listitem").filter(has_text=name)
        await expect(row.get_by_role("status")).to_contain_text("Being read: ", timeout=60_000)
        await expect(row.get_by_role("progressbar", name=f"Reading {name}")).to_be_visible()
        await screenshot(page, f"being-read-{look}")
        assert await serious_violations(page) == []
        await row.get_by_role("button", name=f"Stop reading {name}").click()
        await expect(row).to_contain_text("the reading was stopped")
        await screenshot(page, f"stopped-{look}")
        assert await serious_violations(page) == []
        await row.get_by_role("button", name="Read again").click()
    await expect(row).to_contain_text("2 rows")
