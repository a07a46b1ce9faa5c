"""The actions of a user on the page, using the names that a screen reader announces."""

from playwright.async_api import Locator, Page, expect

from tests.browser.stack import Stack


async def ready(page: Page) -> Page:
    """Waits until the composer accepts text."""
    await expect(composer(page)).to_be_editable()
    return page


def composer(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Message to the analyst")


def replies(page: Page) -> Locator:
    return page.get_by_role("article", name="Analyst")


def review(page: Page) -> Locator:
    """Continue, Stop and the countdown under the last reply."""
    return page.get_by_role("group", name="Review")


async def send(page: Page, text: str) -> None:
    await composer(page).fill(text)
    await composer(page).press("Enter")


async def wait_for_reply(page: Page, text: str, count: int = 1) -> None:
    """Waits for `count` finished replies, the last with this text in it."""
    await expect(replies(page)).to_have_count(count)
    await expect(replies(page).last).to_contain_text(text)
    await expect(page.get_by_role("button", name="Stop the run")).to_have_count(0)
    await expect(replies(page).last.locator("time")).to_be_visible()  # appears last, with the usage


async def conversation_texts(page: Page) -> list[str]:
    """The text of each message and reply."""
    texts = await page.locator("[role=log] article").all_inner_texts()
    return [" ".join(text.split()) for text in texts]


def thread_of(page: Page) -> str:
    """The id of the open thread, from the address."""
    return page.url.rpartition("#thread=")[2]


def messages(stack: Stack, thread_id: str) -> list[dict[str, object]]:
    """The messages of the thread, from the API."""
    with stack.client() as client:
        return client.get(f"/threads/{thread_id}/messages", params={"limit": 200}).raise_for_status().json()["items"]


def texts_sent(stack: Stack, thread_id: str) -> list[object]:
    """The messages that people sent, from the API; a continue is empty."""
    return [message["text"] for message in messages(stack, thread_id) if message["who"] == "person"]
