"""A conversation on the page: every kind of reply, the review with its clock, stopping, and errors."""

import re
import time

from playwright.async_api import expect

from tests.browser.conftest import Visit
from tests.browser.person import answered, composer, messages, opened, replies, review, say, thread_of
from tests.browser.stack import Stack


async def test_an_answer_in_words_streams_and_is_drawn_as_markdown(stack: Stack, visit: Visit) -> None:
    page = await opened(await visit(stack.page))
    await say(page, "markdown please")
    await answered(page, "Gross margin fell 1.9 points")
    await expect(replies(page).locator("strong")).to_have_text("Gross margin fell 1.9 points")
    await expect(replies(page).get_by_role("row")).to_have_count(3)
    await expect(composer(page)).to_have_value("")


async def test_what_the_agent_did_stands_in_quiet_lines_that_open(stack: Stack, visit: Visit) -> None:
    page = await opened(await visit(stack.page))
    await say(page, "steps please")
    await answered(page, "That was steps.")
    steps = replies(page).locator("details").filter(has_text="2 steps")
    await steps.locator("summary").first.click()
    await steps.get_by_text(re.compile("SQL")).first.click()
    await expect(steps.get_by_text("sum(amount)").first).to_be_visible()


async def test_a_question_is_answered_by_a_button(stack: Stack, visit: Visit) -> None:
    page = await opened(await visit(stack.page))
    await say(page, "ask me")
    await page.get_by_role("button", name="tell Sales").click()
    await answered(page, "That was tell.", count=2)
    assert [m["text"] for m in messages(stack, thread_of(page)) if m["who"] == "person"] == ["ask me", "tell Sales"]


async def test_a_table_goes_on_by_itself_when_its_clock_has_run_out(stack: Stack, visit: Visit) -> None:
    page = await opened(await visit(stack.page))
    await say(page, "table please")
    await expect(review(page).get_by_role("button", name="Continue")).to_be_visible()
    await expect(replies(page).get_by_role("cell", name="4,400.55")).to_be_visible()
    await answered(page, "That was table.", count=2)
    [continued] = [m for m in messages(stack, thread_of(page)) if m["who"] == "person" and not m["text"]]
    assert continued["untouched"] is True


async def test_continue_and_stop_and_a_word_instead(stack: Stack, visit: Visit) -> None:
    page = await opened(await visit(stack.page, has_clock=True))
    await say(page, "table one")
    await review(page).get_by_role("button", name="Continue").click()
    await answered(page, "That was table.", count=2)
    await say(page, "table two")
    await review(page).get_by_role("button", name="Stop").click()
    await page.clock.run_for(6000)  # longer than the clock of five seconds would have taken
    await expect(replies(page)).to_have_count(3)
    await say(page, "tell me instead")
    await answered(page, "That was tell.", count=4)
    people = [m for m in messages(stack, thread_of(page)) if m["who"] == "person"]
    assert [(m["text"], m["untouched"]) for m in people] == [
        ("table one", False), ("", False), ("table two", False), ("tell me instead", False)
    ]  # fmt: skip


async def test_the_clock_waits_while_a_person_writes(stack: Stack, visit: Visit) -> None:
    page = await opened(await visit(stack.page, has_clock=True))
    await say(page, "table please")
    await expect(review(page)).to_be_visible()
    await composer(page).press_sequentially("But first", delay=50)
    await page.clock.run_for(6500)
    await expect(replies(page)).to_have_count(1)
    await composer(page).fill("")
    await page.clock.run_for(5500)
    await answered(page, "That was table.", count=2)


async def test_the_clock_waits_while_a_person_changes_the_query(stack: Stack, visit: Visit) -> None:
    page = await opened(await visit(stack.page, has_clock=True))
    await say(page, "table please")
    await replies(page).locator("summary", has_text="SQL").click()
    query = page.get_by_label("SQL of the result. Control and Enter run it.")
    await query.press("End")
    await query.press_sequentially(" ", delay=20)
    await page.clock.run_for(6500)
    await expect(replies(page)).to_have_count(1)
    await composer(page).focus()
    await page.clock.run_for(5500)
    await answered(page, "That was table.", count=2)


async def test_two_clicks_run_a_query_once(stack: Stack, visit: Visit) -> None:
    page = await opened(await visit(stack.page))
    await say(page, "SQL: SELECT 42 AS answer")
    await answered(page, "42")
    await replies(page).get_by_text(re.compile("^SQL")).click()
    await page.get_by_role("button", name="Run again").dblclick()
    await answered(page, "42", count=2)
    await page.wait_for_timeout(1000)
    await expect(page.get_by_role("article", name="You")).to_have_count(2)


async def test_a_sheet_is_shown_as_a_card_and_can_be_downloaded(stack: Stack, visit: Visit) -> None:
    page = await opened(await visit(stack.page))
    await say(page, "SQL: SELECT * FROM ledger")
    await answered(page, "6", count=1)
    await say(page, "sheet please")
    card = replies(page).last
    await expect(card).to_contain_text("report.xlsx")
    await expect(card).to_contain_text("Totals")
    async with page.expect_download() as download:
        await card.get_by_role("button", name=re.compile("Download")).click()
    assert (await download.value).suggested_filename == "report.xlsx"


async def test_stop_stops_within_a_second_and_says_so(stack: Stack, visit: Visit) -> None:
    page = await opened(await visit(stack.page))
    await say(page, "slow please")
    await expect(replies(page).last).to_contain_text("word10")
    began = time.monotonic()
    await page.get_by_role("button", name="Stop the run").click()
    await expect(replies(page).last).to_contain_text("Stopped")
    assert time.monotonic() - began < 5  # one second where nothing else runs
    await say(page, "tell me")
    await answered(page, "That was tell.", count=2)


async def test_an_error_says_what_to_do_next_and_takes_nothing_away(stack: Stack, visit: Visit) -> None:
    page = await opened(await visit(stack.page))
    await say(page, "fail please")
    await expect(replies(page)).to_contain_text("The model's server refused the request (400).")
    await say(page, "wrong please")
    await expect(replies(page)).to_have_count(2)
    await expect(replies(page).last.locator(".cfo-failed")).to_be_visible()
    await say(page, "tell me")
    await answered(page, "That was tell.", count=3)


async def test_a_message_sent_while_a_run_works_waits_its_turn(stack: Stack, visit: Visit) -> None:
    page = await opened(await visit(stack.page))
    await say(page, "slow please")
    await expect(replies(page).last).to_contain_text("word5")
    await say(page, "tell me")
    await expect(page.get_by_text("Waits for its turn")).to_be_visible()
    await page.get_by_role("button", name="Stop the run").click()
    await answered(page, "That was tell.", count=2)
