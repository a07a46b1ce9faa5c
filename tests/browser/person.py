"""What a person does on the page, by the names that a screen reader tells them too."""

from playwright.async_api import Locator, Page, expect

from tests.browser.stack import Stack


async def opened(page: Page) -> Page:
    """Waits until one can write."""
    await expect(composer(page)).to_be_editable()
    return page


def composer(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Message to the analyst")


def replies(page: Page) -> Locator:
    return page.get_by_role("article", name="Analyst")


def review(page: Page) -> Locator:
    """Continue, Stop and the clock under the last reply."""
    return page.get_by_role("group", name="Review")


async def say(page: Page, text: str) -> None:
    await composer(page).fill(text)
    await composer(page).press("Enter")


async def answered(page: Page, text: str, count: int = 1) -> None:
    """Waits for so many finished replies, the last with this text in it."""
    await expect(replies(page)).to_have_count(count)
    await expect(replies(page).last).to_contain_text(text)
    await expect(page.get_by_role("button", name="Stop the run")).to_have_count(0)
    await expect(replies(page).last.locator("time")).to_be_visible()  # comes last, with what it used


async def said_in(page: Page) -> list[str]:
    """All that stands in the conversation, without clocks and buttons."""
    texts = await page.locator("[role=log] article").all_inner_texts()
    return [" ".join(text.split()) for text in texts]


def thread_of(page: Page) -> str:
    """The id of the open thread, which the address remembers."""
    return page.url.rpartition("#thread=")[2]


def messages(stack: Stack, thread_id: str) -> list[dict[str, object]]:
    """The thread as the API tells it."""
    with stack.client() as client:
        return client.get(f"/threads/{thread_id}/messages", params={"limit": 200}).raise_for_status().json()["items"]
