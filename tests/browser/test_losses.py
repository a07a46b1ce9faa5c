"""Tabs, reloads and deaths: whatever goes, the conversation comes back as it was, and nothing written is lost."""

import asyncio
import os
import signal

import pytest
from playwright.async_api import FilePayload, expect

from tests.browser.conftest import Visit, keep
from tests.browser.person import answered, composer, messages, opened, replies, review, said_in, say, thread_of
from tests.browser.stack import Stack

pytestmark = pytest.mark.slow
AWAY = (
    "WebSocket", "Failed to load resource", "ERR_CONNECTION", "Connection lost", "Failed to fetch", "NetworkError",
    "Kernel connection disconnected",
)  # fmt: skip
"""What Chromium and Jupyter's own client write while a server is gone."""


async def test_a_reload_in_the_middle_of_a_stream_goes_on_where_it_was(stack: Stack, visit: Visit) -> None:
    page = await opened(await visit(stack.page))
    await say(page, "slow please")
    await expect(replies(page).last).to_contain_text("word20")
    await page.reload()
    await expect(replies(page).last).to_contain_text("word20")
    await answered(page, "word399")
    words = (await replies(page).last.inner_text()).split()
    numbers = [int(word[4:]) for word in words if word.startswith("word") and word[4:].isdecimal()]
    assert numbers == list(range(400))


async def test_the_socket_of_a_page_lasts(stack: Stack, visit: Visit) -> None:
    page = await visit("about:blank")
    closed: list[str] = []
    page.on("websocket", lambda socket: socket.on("close", lambda _: closed.append(socket.url)))
    await page.goto(stack.page)
    await opened(page)
    await page.wait_for_timeout(65_000)  # two of the server's pings, which come every 30 s
    assert closed == []
    assert "ping" not in stack.voila.log()


async def test_a_draft_survives_a_reload(stack: Stack, visit: Visit) -> None:
    page = await opened(await visit(stack.page))
    await say(page, "tell me")
    await answered(page, "That was tell.")
    await composer(page).fill("What I was about to ask")
    await page.reload()
    await opened(page)
    await expect(composer(page)).to_have_value("What I was about to ask")


async def test_a_draft_in_one_tab_outlives_what_is_sent_in_another(stack: Stack, visit: Visit) -> None:
    first = await opened(await visit(stack.page))
    await say(first, "tell me")
    await answered(first, "That was tell.")
    second = await opened(await visit(first.url, beside=first))
    await composer(first).fill("A long thought")
    await say(second, "tell more")
    await answered(second, "That was tell.", count=2)
    await first.reload()
    await opened(first)
    await expect(composer(first)).to_have_value("A long thought")
    await second.reload()
    await opened(second)
    await expect(composer(second)).to_have_value("")


async def test_two_tabs_see_one_conversation_and_one_continue_wins(stack: Stack, visit: Visit) -> None:
    first = await opened(await visit(stack.page, has_clock=True))
    await say(first, "tell me")
    await answered(first, "That was tell.")
    second = await opened(await visit(first.url, beside=first))
    await expect(replies(second)).to_have_count(1)
    await say(first, "table please")
    await expect(review(second)).to_be_visible()
    await expect(replies(first)).to_have_count(3)  # the clock ran out in one of them
    await expect(replies(second)).to_have_count(3)
    await first.clock.run_for(6000)  # the other's clock, if it still ran
    await asyncio.sleep(1)  # what it would have sent
    people = [m["text"] for m in messages(stack, thread_of(first)) if m["who"] == "person"]
    assert people == ["tell me", "table please", ""]
    assert await said_in(first) == await said_in(second)


async def test_stop_reaches_all_tabs(stack: Stack, visit: Visit) -> None:
    first = await opened(await visit(stack.page, has_clock=True))
    await say(first, "tell me")
    await answered(first, "That was tell.")
    second = await opened(await visit(first.url, beside=first))
    await say(first, "table please")
    await expect(review(second)).to_be_visible()
    await review(first).get_by_role("button", name="Stop").click()
    await first.clock.run_for(7000)  # in both tabs
    await asyncio.sleep(1)  # what a clock would have sent
    assert [m["text"] for m in messages(stack, thread_of(first)) if m["who"] == "person"] == ["tell me", "table please"]
    await expect(review(second)).to_contain_text("Stopped")


async def test_the_api_is_killed_and_started_again(stack: Stack, visit: Visit) -> None:
    page = await opened(await visit(stack.page, errors=AWAY))
    await say(page, "slow please")
    await expect(replies(page).last).to_contain_text("word30")
    stack.api.kill()
    await composer(page).fill("tell me afterwards")
    await composer(page).press("Enter")
    await asyncio.sleep(3)
    await expect(page.get_by_text("server is not responding").filter(visible=True)).to_have_count(1)
    await expect(page.get_by_text(stack.api.url).filter(visible=True)).to_have_count(1)
    await keep(page, "server-away")
    stack.api.start()
    await expect(page.get_by_role("log")).to_contain_text("word399", timeout=90_000)
    for button in await page.get_by_role("button", name="Try again").all():
        await button.click()
    await answered(page, "That was tell.", count=2)
    people = [m["text"] for m in messages(stack, thread_of(page)) if m["who"] == "person"]
    assert people == ["slow please", "tell me afterwards"]


async def test_the_kernel_is_killed_and_the_conversation_comes_back(stack: Stack, visit: Visit) -> None:
    page = await opened(await visit(stack.page, errors=AWAY))
    await say(page, "tell me")
    await answered(page, "That was tell.")
    before = await said_in(page)
    assert stack.kernels()
    for pid in stack.kernels():
        os.kill(pid, signal.SIGKILL)
    await asyncio.sleep(1)
    await expect(replies(page)).to_have_count(1, timeout=90_000)
    await opened(page)
    await say(page, "tell me more")
    await answered(page, "That was tell.", count=2)
    assert (await said_in(page))[: len(before)] == before


async def test_a_kernel_that_waits_for_a_visitor_dies_and_the_visitor_does_not_notice(
    stack: Stack, visit: Visit
) -> None:
    stack.voila.wait_until_ready()
    for pid in stack.kernels():
        os.kill(pid, signal.SIGKILL)
    await asyncio.sleep(1)  # in which the page's server looks twice
    page = await opened(await visit(stack.page, errors=AWAY))
    await say(page, "tell me")
    await answered(page, "That was tell.")


async def test_a_page_that_stays_blank_is_opened_again(stack: Stack, visit: Visit) -> None:
    page = await opened(await visit(stack.page, errors=AWAY))
    await say(page, "tell me")
    await answered(page, "That was tell.")
    await page.evaluate("document.querySelector('.cfo-workbench').remove()")
    await expect(replies(page)).to_have_count(1, timeout=60_000)


async def test_voila_is_killed_and_started_again(stack: Stack, visit: Visit) -> None:
    page = await opened(await visit(stack.page, errors=AWAY))
    await say(page, "tell me")
    await answered(page, "That was tell.")
    await composer(page).fill("A draft")
    stack.voila.kill()
    await expect(page.get_by_text("The workbench does not answer.")).to_be_visible()
    stack.voila.start()
    await expect(composer(page)).to_have_value("A draft", timeout=90_000)
    await opened(page)
    await composer(page).press("End")
    await composer(page).press("Enter")
    await expect(replies(page)).to_have_count(2)


async def test_an_upload_that_the_server_missed_is_sent_again(stack: Stack, visit: Visit) -> None:
    page = await opened(await visit(stack.page, errors=AWAY))
    file: FilePayload = {"name": "late.csv", "mimeType": "text/csv", "buffer": b"a,b\n1,2\n"}
    stack.api.kill()
    await page.locator("input[type=file]").set_input_files(file)
    again = page.get_by_role("list", name="Uploads").get_by_role("button", name="Try again")
    await expect(again).to_be_visible()
    stack.api.start()
    await again.click()
    await expect(page.get_by_role("list", name="Files")).to_contain_text("late.csv")
