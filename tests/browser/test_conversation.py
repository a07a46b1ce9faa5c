"""A conversation on the page: every kind of reply, the review with its countdown, stopping, and errors."""

import re

import pytest
from playwright.async_api import expect

from tests.browser.actions import (
    composer,
    messages,
    ready,
    replies,
    review,
    send,
    texts_sent,
    thread_of,
    wait_for_reply,
)  # fmt: skip
from tests.browser.conftest import Visit
from tests.browser.stack import Stack

pytestmark = pytest.mark.slow


async def test_an_answer_is_streamed_and_shown_as_markdown(stack: Stack, visit: Visit) -> None:
    page = await ready(await visit(stack.page))
    await send(page, "markdown please")
    await wait_for_reply(page, "Gross margin fell 1.9 points")
    await expect(replies(page).locator("strong")).to_have_text("Gross margin fell 1.9 points")
    await expect(replies(page).get_by_role("row")).to_have_count(3)
    await expect(composer(page)).to_have_value("")


async def test_the_steps_of_a_run_can_be_opened(stack: Stack, visit: Visit) -> None:
    page = await ready(await visit(stack.page))
    await send(page, "steps please")
    await wait_for_reply(page, "That was steps.")
    steps = replies(page).locator("details").filter(has_text="2 steps")
    await steps.locator("summary").first.click()
    await steps.get_by_text(re.compile("SQL")).first.click()
    await expect(steps.get_by_text("sum(amount)").first).to_be_visible()


async def test_a_choice_answers_a_question(stack: Stack, visit: Visit) -> None:
    page = await ready(await visit(stack.page))
    await send(page, "ask me")
    await page.get_by_role("button", name="tell Sales").click()
    await wait_for_reply(page, "That was tell.", count=2)
    assert texts_sent(stack, thread_of(page)) == ["ask me", "tell Sales"]


async def test_a_table_continues_when_its_countdown_ends(stack: Stack, visit: Visit) -> None:
    page = await ready(await visit(stack.page))
    await send(page, "table please")
    await expect(review(page).get_by_role("button", name="Continue")).to_be_visible()
    await expect(replies(page).get_by_role("cell", name="4,400.55")).to_be_visible()
    await wait_for_reply(page, "That was table.", count=2)
    [continued] = [m for m in messages(stack, thread_of(page)) if m["who"] == "person" and not m["text"]]
    assert continued["untouched"] is True


async def test_a_review_ends_with_continue_or_stop_or_a_message(stack: Stack, visit: Visit) -> None:
    page = await ready(await visit(stack.page, has_clock=True))
    await send(page, "table one")
    await review(page).get_by_role("button", name="Continue").click()
    await wait_for_reply(page, "That was table.", count=2)
    await send(page, "table two")
    await review(page).get_by_role("button", name="Stop").click()
    await page.clock.run_for(6000)  # longer than the countdown of five seconds
    await expect(replies(page)).to_have_count(3)
    await send(page, "tell me instead")
    await wait_for_reply(page, "That was tell.", count=4)
    people = [m for m in messages(stack, thread_of(page)) if m["who"] == "person"]
    assert [(m["text"], m["untouched"]) for m in people] == [
        ("table one", False), ("", False), ("table two", False), ("tell me instead", False)
    ]  # fmt: skip


async def test_the_countdown_pauses_while_a_person_types(stack: Stack, visit: Visit) -> None:
    page = await ready(await visit(stack.page, has_clock=True))
    await send(page, "table please")
    await expect(review(page)).to_be_visible()
    await composer(page).press_sequentially("But first", delay=50)
    await page.clock.run_for(6500)
    await expect(replies(page)).to_have_count(1)
    await composer(page).fill("")
    await page.clock.run_for(5500)
    await wait_for_reply(page, "That was table.", count=2)


async def test_the_countdown_pauses_while_a_person_edits_the_query(stack: Stack, visit: Visit) -> None:
    page = await ready(await visit(stack.page, has_clock=True))
    await send(page, "table please")
    await replies(page).locator("summary", has_text="SQL").click()
    query = page.get_by_label("SQL of the result. Press Control and Enter to run it.")
    await query.press("End")
    await query.press_sequentially(" ", delay=20)
    await page.clock.run_for(6500)
    await expect(replies(page)).to_have_count(1)
    await composer(page).focus()
    await page.clock.run_for(5500)
    await wait_for_reply(page, "That was table.", count=2)


async def test_a_double_click_runs_a_query_once(stack: Stack, visit: Visit) -> None:
    page = await ready(await visit(stack.page))
    await send(page, "SQL: SELECT 42 AS answer")
    await wait_for_reply(page, "42")
    await replies(page).get_by_text(re.compile("^SQL")).click()
    await page.get_by_role("button", name="Run again").dblclick()
    await wait_for_reply(page, "42", count=2)
    await send(page, "tell me")  # otherwise a second query would precede it in the queue
    await wait_for_reply(page, "That was tell.", count=3)
    assert len(texts_sent(stack, thread_of(page))) == 3


async def test_a_sheet_can_be_downloaded(stack: Stack, visit: Visit) -> None:
    page = await ready(await visit(stack.page))
    await send(page, "SQL: SELECT * FROM ledger")
    await wait_for_reply(page, "6", count=1)
    await send(page, "sheet please")
    card = replies(page).last
    await expect(card).to_contain_text("report.xlsx")
    await expect(card).to_contain_text("Totals")
    async with page.expect_download() as download:
        await card.get_by_role("button", name=re.compile("Download")).click()
    assert (await download.value).suggested_filename == "report.xlsx"


async def test_stop_ends_a_run_before_its_answer_is_complete(stack: Stack, visit: Visit) -> None:
    page = await ready(await visit(stack.page))
    await send(page, "slow please")
    await expect(replies(page).last).to_contain_text("word10")
    await page.get_by_role("button", name="Stop the run").click()
    await expect(replies(page).last).to_contain_text("Stopped")
    await expect(replies(page).last).not_to_contain_text("word399")
    await send(page, "tell me")
    await wait_for_reply(page, "That was tell.", count=2)


async def test_after_an_error_the_conversation_continues(stack: Stack, visit: Visit) -> None:
    page = await ready(await visit(stack.page))
    await send(page, "fail please")
    await expect(replies(page)).to_contain_text("The model's server refused the request (400).")
    await send(page, "wrong please")
    await expect(replies(page)).to_have_count(2)
    await expect(replies(page).last.locator(".cfo-failed")).to_be_visible()
    await send(page, "tell me")
    await wait_for_reply(page, "That was tell.", count=3)


async def test_a_message_sent_while_a_run_is_working_is_queued(stack: Stack, visit: Visit) -> None:
    page = await ready(await visit(stack.page))
    await send(page, "slow please")
    await expect(replies(page).last).to_contain_text("word5")
    await send(page, "tell me")
    await expect(page.get_by_text("Queued")).to_be_visible()
    await page.get_by_role("button", name="Stop the run").click()
    await wait_for_reply(page, "That was tell.", count=2)
