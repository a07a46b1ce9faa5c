"""The same widgets in JupyterLab, with an engine in the notebook's own kernel."""

import os
import signal

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Visit, keep
from tests.browser.lab import Lab, do, run, told_of_the_end
from tests.browser.person import answered, composer, replies, review, said_in, say

pytestmark = pytest.mark.timeout(240)


async def test_a_cell_with_an_engine_of_its_own(lab: Lab, visit: Visit) -> None:
    page = await visit(lab.write("own"), width=1500)
    await run(page)
    await say(page, "SQL: SELECT department, sum(amount) AS total FROM ledger GROUP BY ALL ORDER BY ALL")
    await answered(page, "4,400.55")
    await say(page, "adb")  # letters that are shortcuts of a notebook: the cell must still be there
    await expect(page.locator(".jp-Cell")).to_have_count(1)
    await keep(page, "lab")


async def test_a_review_a_question_and_a_stop_in_a_cell(lab: Lab, visit: Visit) -> None:
    page = await visit(lab.write("review"), width=1500, height=1000)
    await run(page)
    await say(page, "table please")
    await expect(review(page)).to_be_visible()
    await answered(page, "That was table.", count=2)  # the clock ran out
    await say(page, "ask me")
    await page.get_by_role("button", name="tell Sales").click()
    await answered(page, "That was tell.", count=4)
    await say(page, "slow please")
    await expect(replies(page).last).to_contain_text("word10")
    await page.get_by_role("button", name="Stop the run").click()
    await expect(replies(page).last).to_contain_text("Stopped")
    assert len(await said_in(page)) == 9  # four messages, five replies


@pytest.mark.slow
async def test_a_page_that_is_loaded_again_shows_the_thread_and_goes_on_with_its_stream(lab: Lab, visit: Visit) -> None:
    page = await visit(lab.write("reload"), width=1500)
    await run(page)
    await do(page, "docmanager:save")  # an output that was never saved is not there after a reload
    await say(page, "tell me")
    await answered(page, "That was tell.")
    await say(page, "endless please")
    writing = page.locator("article[aria-busy=true]")
    await expect(writing).to_contain_text("word20")
    await composer(page).fill("What I was about to ask")
    await page.reload()
    await expect(writing).to_contain_text("word20")
    await expect(composer(page)).to_have_value("What I was about to ask")
    *words, _ = [word for word in (await writing.inner_text()).split() if word.startswith("word")]
    assert words == [f"word{number}" for number in range(len(words))]
    await expect(writing).to_contain_text(f"word{len(words) + 20}")  # it goes on
    await page.get_by_role("button", name="Stop the run").click()
    await expect(replies(page).last).to_contain_text("Stopped")
    await expect(replies(page).last.locator("time")).to_be_visible()
    before = await said_in(page)
    await page.reload()
    await expect(replies(page).last).to_contain_text("Stopped")
    assert await said_in(page) == before


async def test_a_killed_kernel_is_told_of_and_running_the_cell_again_goes_on(lab: Lab, visit: Visit) -> None:
    page = await visit(lab.write("killed"), width=1500)
    await run(page)
    await say(page, "tell me")
    await answered(page, "That was tell.")
    await say(page, "slow please")
    await expect(replies(page).last).to_contain_text("word10")
    await composer(page).fill("A draft")
    os.kill(await lab.kernel(page), signal.SIGKILL)
    await told_of_the_end(page)
    await page.get_by_role("button", name="Ok").click()  # JupyterLab says it too
    await expect(page.get_by_role("button", name="Stop the run")).to_have_count(0)
    data = page.get_by_role("region", name="Data")
    await data.get_by_role("button", name="More for ledger.csv").click()
    await page.get_by_role("menuitem", name="Download").click()
    await expect(data.get_by_role("alert").filter(has_text="run this cell again")).to_be_visible()
    await expect(data).not_to_contain_text("Downloading")
    await keep(page, "lab-killed")
    await say(page, "tell me too")
    await expect(page.get_by_text("Not sent.")).to_be_visible()
    await composer(page).fill("A draft")
    await run(page)
    await answered(page, "That was tell.", count=3)  # the run was taken up again, and the message sent
    assert sum("word399" in said for said in await said_in(page)) == 1
    await expect(page.get_by_role("article", name="You")).to_have_count(3)
    await expect(composer(page)).to_have_value("A draft")
