"""A message that is sent while files are being added waits until they have been read, and the page says so."""

import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from playwright.async_api import FilePayload, Locator, Page, WebSocketRoute, expect

from tests.browser.actions import composer, ready, send, texts_sent, thread_of, wait_for_reply
from tests.browser.conftest import Visit, screenshot, serious_violations
from tests.browser.stack import Stack

pytestmark = pytest.mark.slow
_CSV = b"region,amount\nNord,10.50\nSouth,20.25\n"


@contextmanager
def _paused(stack: Stack) -> Iterator[None]:
    """Suspends the API inside the block, so that no file is read."""
    os.killpg(stack.api.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(stack.api.pid, signal.SIGCONT)


async def _add(page: Page, *names: str, content: bytes = _CSV) -> None:
    files = [FilePayload(name=name, mimeType="text/csv", buffer=content) for name in names]
    await page.get_by_label("Add files").set_input_files(files)


async def _hold_file_lists(page: Page) -> Callable[[], None]:
    """Withholds the lists of files that Python sends to the page, until the returned function is called."""
    held: list[tuple[WebSocketRoute, str | bytes]] = []
    is_holding = True

    def connect(socket: WebSocketRoute) -> None:
        def forward(message: str | bytes) -> None:
            is_list = b'"datasets": [' in (message.encode() if isinstance(message, str) else message)
            if is_list and is_holding:
                held.append((socket, message))
            else:
                socket.send(message)

        socket.connect_to_server().on_message(forward)

    def release() -> None:
        nonlocal is_holding
        is_holding = False
        for socket, message in held:
            socket.send(message)

    await page.route_web_socket(re.compile("/channels"), connect)
    return release


def _status(page: Page) -> Locator:
    return page.get_by_role("article", name="You").last.get_by_role("status")


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (400, True)])
async def test_a_question_waits_until_the_files_are_read(stack: Stack, visit: Visit, width: int, dark: bool) -> None:
    page = await ready(await visit(stack.page, width=width, dark=dark))
    name = f"sales {width}"
    with _paused(stack):
        await _add(page, f"{name}.csv", f"{name} b.csv")
        await send(page, f"SQL: SELECT sum(amount) AS total FROM sales_{width}_b")
        await expect(_status(page)).to_contain_text("Waiting until 2 files are read…")
        await screenshot(page, f"held-{width}-{'dark' if dark else 'light'}")
        assert await serious_violations(page) == []
    await wait_for_reply(page, "30.75")
    await expect(_status(page)).to_have_count(0)
    assert len(texts_sent(stack, thread_of(page))) == 1


async def test_a_file_that_is_not_added_keeps_the_question(stack: Stack, visit: Visit) -> None:
    page = await ready(await visit(stack.page))
    with _paused(stack):
        await _add(page, "broken.parquet", content=b"no Parquet")
        await send(page, "tell me about the broken file")
        await expect(_status(page)).to_contain_text("Waiting until broken.parquet is read…")
    refused = page.get_by_role("article", name="You").get_by_role("alert")
    await expect(refused).to_contain_text("Not sent. broken.parquet was not added. The reason is under Data.")
    await screenshot(page, "held-not-added")
    await refused.get_by_role("button", name="Try again").click()
    await wait_for_reply(page, "That was tell.")
    assert len(texts_sent(stack, thread_of(page))) == 1


async def test_a_file_that_is_added_before_the_list_is_shown_replaces_nothing(stack: Stack, visit: Visit) -> None:
    page = await visit("about:blank")
    release_lists = await _hold_file_lists(page)
    await page.goto(stack.page)
    await ready(page)
    await _add(page, "ledger.csv")
    await send(page, "tell me of the existing file")
    await expect(_status(page)).to_contain_text("Waiting until ledger.csv is read…")
    release_lists()
    await expect(_status(page)).to_contain_text("Waiting for your answer under Data: replace ledger.csv?")
    await page.get_by_role("button", name="Keep existing").click()
    await wait_for_reply(page, "Finance spent 4,400.55")


async def test_a_question_that_waits_can_be_sent_at_once_or_taken_back(stack: Stack, visit: Visit) -> None:
    page = await ready(await visit(stack.page))
    await _add(page, "ledger.csv")  # exists: the user has to decide
    await send(page, "tell me at once")
    await expect(_status(page)).to_contain_text("Waiting for your answer under Data: replace ledger.csv?")
    await _status(page).get_by_role("button", name="Send now").click()
    await wait_for_reply(page, "That was tell.")
    await send(page, "tell me never")
    await _status(page).get_by_role("button", name="Edit").click()
    await expect(composer(page)).to_have_value("tell me never")
    await page.get_by_role("button", name="Keep existing").click()
    await expect(page.get_by_role("button", name="Keep existing")).to_have_count(0)
    await composer(page).fill("")
    await send(page, "tell me more")
    await wait_for_reply(page, "That was tell.", count=2)
    assert texts_sent(stack, thread_of(page)) == ["tell me at once", "tell me more"]


async def test_a_reload_does_not_lose_a_question_that_waits(stack: Stack, visit: Visit) -> None:
    page = await ready(await visit(stack.page))
    await _add(page, "ledger.csv")
    await send(page, "tell me after a reload")
    await expect(_status(page)).to_contain_text("Waiting")
    await page.reload()
    refused = page.get_by_role("article", name="You").get_by_role("alert")
    await expect(refused).to_contain_text("The page was closed while files were being added.")
    await refused.get_by_role("button", name="Try again").click()
    await wait_for_reply(page, "That was tell.")


async def test_an_example_question_waits_too(stack: Stack, visit: Visit) -> None:
    glossary = stack.root / "tiny" / "data" / "datasets.yaml"
    glossary.write_text("tables: {ledger: {questions: [tell me of the ledger]}}")
    try:
        page = await ready(await visit(stack.page))
        await _add(page, "ledger.csv")
        await page.get_by_role("button", name="Keep existing").wait_for()
        await page.get_by_role("region", name="Data").get_by_title("Show ledger").click()
        await page.get_by_role("dialog").get_by_role("button", name="tell me of the ledger").click()
        held = page.get_by_role("region", name="Data").get_by_role("status").filter(has_text="is sent when")
        await expect(held).to_have_text("“tell me of the ledger” is sent when the files are read.")
        await screenshot(page, "held-example")
        await page.get_by_role("button", name="Keep existing").click()
        await wait_for_reply(page, "That was tell.")
        await expect(held).to_have_count(0)
    finally:
        glossary.unlink()
