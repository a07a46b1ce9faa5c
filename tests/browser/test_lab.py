"""Runs the same widgets in JupyterLab, with an engine in the notebook's kernel."""

import os
import signal

import pytest
from playwright.async_api import expect

from tests.browser.actions import composer, conversation_texts, replies, review, send, wait_for_reply
from tests.browser.conftest import Visit, screenshot
from tests.browser.lab import Lab, execute, expect_kernel_ended, run_notebook

pytestmark = pytest.mark.timeout(240)


async def test_a_cell_with_its_own_engine(lab: Lab, visit: Visit) -> None:
    page = await visit(lab.write("own"), width=1500)
    await run_notebook(page)
    await send(page, "SQL: SELECT department, sum(amount) AS total FROM ledger GROUP BY ALL ORDER BY ALL")
    await wait_for_reply(page, "4,400.55")
    await send(page, "adb")  # these letters are notebook shortcuts: the cell must not be deleted
    await expect(page.locator(".jp-Cell")).to_have_count(1)
    await screenshot(page, "lab")


@pytest.mark.slow
async def test_a_review_a_question_and_a_stop_in_a_cell(lab: Lab, visit: Visit) -> None:
    page = await visit(lab.write("review"), width=1500, height=1000)
    await run_notebook(page)
    await send(page, "table please")
    await expect(review(page)).to_be_visible()
    await wait_for_reply(page, "That was table.", count=2)  # the countdown ended
    await send(page, "ask me")
    await page.get_by_role("button", name="tell Sales").click()
    await wait_for_reply(page, "That was tell.", count=4)
    await send(page, "slow please")
    await expect(replies(page).last).to_contain_text("word10")
    await page.get_by_role("button", name="Stop the run").click()
    await expect(replies(page).last).to_contain_text("Stopped")
    assert len(await conversation_texts(page)) == 9  # four messages, five replies


@pytest.mark.slow
async def test_a_reload_shows_the_thread_and_continues_its_stream(lab: Lab, visit: Visit) -> None:
    page = await visit(lab.write("reload"), width=1500)
    await run_notebook(page)
    await execute(page, "docmanager:save")  # an output that was never saved is lost in a reload
    await send(page, "tell me")
    await wait_for_reply(page, "That was tell.")
    await send(page, "endless please")
    writing = page.locator("article[aria-busy=true]")
    await expect(writing).to_contain_text("word20")
    await composer(page).fill("What I was about to ask")
    await page.reload()
    await expect(writing).to_contain_text("word20")
    await expect(composer(page)).to_have_value("What I was about to ask")
    *words, _ = [word for word in (await writing.inner_text()).split() if word.startswith("word")]
    assert words == [f"word{number}" for number in range(len(words))]
    await expect(writing).to_contain_text(f"word{len(words) + 20}")  # more text arrives
    await page.get_by_role("button", name="Stop the run").click()
    await expect(replies(page).last).to_contain_text("Stopped")
    await expect(replies(page).last.locator("time")).to_be_visible()
    before = await conversation_texts(page)
    await page.reload()
    await expect(replies(page).last).to_contain_text("Stopped")
    assert await conversation_texts(page) == before


@pytest.mark.slow
async def test_a_killed_kernel_is_reported_and_running_the_cell_again_continues(lab: Lab, visit: Visit) -> None:
    page = await visit(lab.write("killed"), width=1500)
    await run_notebook(page)
    await send(page, "tell me")
    await wait_for_reply(page, "That was tell.")
    await send(page, "slow please")
    await expect(replies(page).last).to_contain_text("word10")
    await composer(page).fill("A draft")
    os.kill(await lab.kernel(page), signal.SIGKILL)
    await expect_kernel_ended(page)
    await page.get_by_role("button", name="Ok").click()  # JupyterLab's own message
    await expect(page.get_by_role("button", name="Stop the run")).to_have_count(0)
    data = page.get_by_role("region", name="Data")
    await data.get_by_role("button", name="More for ledger.csv").click()
    await page.get_by_role("menuitem", name="Download").click()
    await expect(data.get_by_role("alert").filter(has_text="run this cell again")).to_be_visible()
    await expect(data).not_to_contain_text("Downloading")
    await screenshot(page, "lab-killed")
    await send(page, "tell me too")
    await expect(page.get_by_text("Not sent.")).to_be_visible()
    await composer(page).fill("A draft")
    await run_notebook(page)
    await wait_for_reply(page, "That was tell.", count=3)  # the run was resumed, and the message was sent
    assert sum("word399" in text for text in await conversation_texts(page)) == 1
    await expect(page.get_by_role("article", name="You")).to_have_count(3)
    await expect(composer(page)).to_have_value("A draft")
