"""The conversation is restored after reloads and crashes and in other tabs, and no text that was typed is lost."""

import os
import signal
from pathlib import Path

import pytest
from playwright.async_api import FilePayload, Route, expect

from tests.browser.actions import (
    composer,
    conversation_texts,
    ready,
    replies,
    review,
    send,
    texts_sent,
    thread_of,
    wait_for_reply,
)
from tests.browser.conftest import Visit, screenshot
from tests.browser.stack import PING_LOGGED, Stack
from tests.widgets.fake_page import until

pytestmark = pytest.mark.slow
AWAY = (
    "WebSocket", "Failed to load resource", "ERR_CONNECTION", "Connection lost", "Failed to fetch", "NetworkError",
    "Kernel connection disconnected",
)  # fmt: skip
"""Logged by Chromium and Jupyter's client while a server is away."""


_SEND_AND_RELOAD = """() => {
    const enter = new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true });
    document.activeElement.dispatchEvent(enter);
    location.reload();
}"""


async def test_a_reload_in_the_middle_of_a_stream_continues_it(stack: Stack, visit: Visit) -> None:
    page = await ready(await visit(stack.page))
    await send(page, "slow please")
    await expect(replies(page).last).to_contain_text("word20")
    await page.reload()
    await expect(replies(page).last).to_contain_text("word20")
    await wait_for_reply(page, "word399")
    words = (await replies(page).last.inner_text()).split()
    numbers = [int(word[4:]) for word in words if word.startswith("word") and word[4:].isdecimal()]
    assert numbers == list(range(400))


@pytest.mark.parametrize(
    "moment", ["in the same task", "at once", "while the server is busy", "when the answer begins"]
)
async def test_a_reload_just_after_the_first_message_opens_its_thread(stack: Stack, visit: Visit, moment: str) -> None:
    page = await ready(await visit(stack.page))
    with stack.client() as client:
        before = client.get("/workspaces/tiny/threads").json()["items"]
    match moment:
        case "in the same task":
            await composer(page).fill(f"tell me {moment}")
            await page.evaluate(_SEND_AND_RELOAD)
        case "at once":
            await send(page, f"tell me {moment}")
            await page.reload()
        case "while the server is busy":
            os.killpg(stack.api.pid, signal.SIGSTOP)
            await send(page, f"tell me {moment}")
            await expect(page.get_by_text("Sending…")).to_be_visible()
            await page.reload(wait_until="commit")
            os.killpg(stack.api.pid, signal.SIGCONT)
        case _:
            await send(page, f"tell me {moment}")
            await expect(replies(page)).to_have_count(1)
            await page.reload()
    await wait_for_reply(page, "That was tell.")
    assert texts_sent(stack, thread_of(page)) == [f"tell me {moment}"]
    with stack.client() as client:
        assert len(client.get("/workspaces/tiny/threads").json()["items"]) == len(before) + 1
    await page.get_by_role("button", name="New thread", exact=True).click()
    await expect(page.get_by_role("article", name="You")).to_have_count(0)  # nothing is left to send


async def test_keep_alive_pings_leave_the_socket_of_a_page_open(root: Path, visit: Visit) -> None:
    with Stack(root, page_module="tests.browser.fast_pings", CFO_MODEL="offline") as stack:
        page = await visit("about:blank")
        closed: list[str] = []
        page.on("websocket", lambda socket: socket.on("close", lambda _: closed.append(socket.url)))
        await page.goto(stack.page)
        await ready(page)
        await until(lambda: stack.voila.log().count(PING_LOGGED) >= 20)
        assert closed == []
        assert "ping" not in stack.voila.log()  # Tornado warns if it is told to send pings too
        await page.close()


async def test_a_draft_survives_a_reload(stack: Stack, visit: Visit) -> None:
    page = await ready(await visit(stack.page))
    await send(page, "tell me")
    await wait_for_reply(page, "That was tell.")
    await composer(page).fill("What I was about to ask")
    await page.reload()
    await ready(page)
    await expect(composer(page)).to_have_value("What I was about to ask")


async def test_a_draft_in_one_tab_survives_a_message_in_another(stack: Stack, visit: Visit) -> None:
    first = await ready(await visit(stack.page))
    await send(first, "tell me")
    await wait_for_reply(first, "That was tell.")
    second = await ready(await visit(first.url, beside=first))
    await composer(first).fill("A long thought")
    await send(second, "tell more")
    await wait_for_reply(second, "That was tell.", count=2)
    await first.reload()
    await ready(first)
    await expect(composer(first)).to_have_value("A long thought")
    await second.reload()
    await ready(second)
    await expect(composer(second)).to_have_value("")


async def test_two_tabs_show_one_conversation_and_one_countdown_wins(stack: Stack, visit: Visit) -> None:
    first = await ready(await visit(stack.page, has_clock=True))
    await send(first, "tell me")
    await wait_for_reply(first, "That was tell.")
    second = await ready(await visit(first.url, beside=first))
    await expect(replies(second)).to_have_count(1)
    await send(first, "table please")
    await expect(review(second)).to_be_visible()
    await expect(replies(first)).to_have_count(3)  # the countdown ended in one of them
    await expect(replies(second)).to_have_count(3)
    await first.clock.run_for(6000)  # otherwise it would end the other countdown, and continue before the next message
    await send(first, "tell more")
    await wait_for_reply(first, "That was tell.", count=4)
    assert texts_sent(stack, thread_of(first)) == ["tell me", "table please", "", "tell more"]
    await expect(replies(second)).to_have_count(4)
    await wait_for_reply(second, "That was tell.", count=4)
    assert await conversation_texts(first) == await conversation_texts(second)


async def test_stop_reaches_all_tabs(stack: Stack, visit: Visit) -> None:
    first = await ready(await visit(stack.page, has_clock=True))
    await send(first, "tell me")
    await wait_for_reply(first, "That was tell.")
    second = await ready(await visit(first.url, beside=first))
    await send(first, "table please")
    await expect(review(second)).to_be_visible()
    await review(first).get_by_role("button", name="Stop").click()
    await first.clock.run_for(7000)  # in both tabs
    await expect(review(second)).to_contain_text("Stopped")
    await send(second, "tell more")  # a countdown would have continued before this message
    await wait_for_reply(second, "That was tell.", count=3)
    assert texts_sent(stack, thread_of(first)) == ["tell me", "table please", "tell more"]


async def test_the_api_is_killed_and_restarted(stack: Stack, visit: Visit) -> None:
    page = await ready(await visit(stack.page, errors=AWAY))
    await send(page, "slow please")
    await expect(replies(page).last).to_contain_text("word30")
    stack.api.kill()
    await composer(page).fill("tell me afterwards")
    await composer(page).press("Enter")
    # The list of threads has the message too, and the banner hides it.
    await expect(page.locator(".cfo-connection")).to_be_visible()
    await expect(page.locator(".cfo-threads .cfo-away")).to_be_attached()
    await expect(page.get_by_text("server is not responding").filter(visible=True)).to_have_count(1)
    await expect(page.get_by_text(stack.api.url).filter(visible=True)).to_have_count(1)
    await screenshot(page, "server-away")
    stack.api.start()
    await expect(page.get_by_role("log")).to_contain_text("word399", timeout=90_000)
    for button in await page.get_by_role("button", name="Try again").all():
        await button.click()
    await wait_for_reply(page, "That was tell.", count=2)
    assert texts_sent(stack, thread_of(page)) == ["slow please", "tell me afterwards"]


async def test_the_kernel_is_killed_and_the_conversation_is_restored(stack: Stack, visit: Visit) -> None:
    page = await ready(await visit(stack.page, errors=AWAY))
    await send(page, "tell me")
    await wait_for_reply(page, "That was tell.")
    before = await conversation_texts(page)
    assert stack.kernels()
    async with page.expect_event("load", timeout=90_000):  # the page reloads itself
        for pid in stack.kernels():
            os.kill(pid, signal.SIGKILL)
    await expect(replies(page)).to_have_count(1, timeout=90_000)
    await ready(page)
    await send(page, "tell me more")
    await wait_for_reply(page, "That was tell.", count=2)
    assert (await conversation_texts(page))[: len(before)] == before


async def test_a_pooled_kernel_that_dies_is_replaced_before_a_visitor_gets_it(stack: Stack, visit: Visit) -> None:
    stack.voila.wait_until_ready()
    killed = set(stack.kernels())
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    await until(lambda: set(stack.kernels()) - killed)
    page = await ready(await visit(stack.page, errors=AWAY))
    await send(page, "tell me")
    await wait_for_reply(page, "That was tell.")


async def test_a_page_that_stays_blank_is_reloaded(stack: Stack, visit: Visit) -> None:
    page = await ready(await visit(stack.page, errors=AWAY))
    await send(page, "tell me")
    await wait_for_reply(page, "That was tell.")
    await page.evaluate("document.querySelector('.cfo-workbench').remove()")
    await expect(replies(page)).to_have_count(1, timeout=60_000)


async def test_voila_is_killed_and_restarted(stack: Stack, visit: Visit) -> None:
    page = await ready(await visit(stack.page, errors=AWAY))
    await send(page, "tell me")
    await wait_for_reply(page, "That was tell.")
    await composer(page).fill("A draft")
    stack.voila.kill()
    await expect(page.get_by_text("The workbench is not responding.")).to_be_visible()
    stack.voila.start()
    await expect(composer(page)).to_have_value("A draft", timeout=90_000)
    await ready(page)
    await composer(page).press("End")
    await composer(page).press("Enter")
    await expect(replies(page)).to_have_count(2)


async def test_only_a_second_failed_look_is_reported(stack: Stack, visit: Visit) -> None:
    page = await ready(await visit(stack.page, errors=AWAY))
    await page.evaluate("""() => {
        const banner = document.getElementById("cfo-lost");
        window.timesShown = 0;
        const count = () => { window.timesShown += banner.hidden ? 0 : 1; };
        new MutationObserver(count).observe(banner, { attributes: true });
    }""")
    failing, looks = 1, 0

    async def look(route: Route) -> None:
        nonlocal failing, looks
        looks += 1
        failing -= 1
        await (route.abort() if failing >= 0 else route.continue_())

    await page.route("**/cfo/alive/**", look)
    await until(lambda: looks >= 3)  # the first failed
    assert await page.evaluate("window.timesShown") == 0
    failing = 3
    await expect(page.locator("#cfo-lost")).to_be_visible()
    await screenshot(page, "workbench-away")
    await expect(page.locator("#cfo-lost")).to_be_hidden()
    await page.unroute("**/cfo/alive/**")


async def test_an_upload_that_failed_with_the_server_is_sent_again(stack: Stack, visit: Visit) -> None:
    page = await ready(await visit(stack.page, errors=AWAY))
    # A file that is added before the list of files is known waits for it.
    await expect(page.get_by_text("Reading files…")).to_be_hidden()
    file: FilePayload = {"name": "late.csv", "mimeType": "text/csv", "buffer": b"a,b\n1,2\n"}
    stack.api.kill()
    await page.locator("input[type=file]").set_input_files(file)
    retry = page.get_by_role("list", name="Uploads").get_by_role("button", name="Try again")
    await expect(retry).to_be_visible()
    stack.api.start()
    await retry.click()
    await expect(page.get_by_role("list", name="Files")).to_contain_text("late.csv")
