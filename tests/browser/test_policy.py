"""Checks what the page's content security policy blocks in Chromium, and that the page itself never violates it.

All other tests check that no state of the page violates it, because `visit` fails for the error that Chromium then
logs.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import expect

from tests.browser.actions import ready, send, wait_for_reply
from tests.browser.conftest import Visit, screenshot, serious_violations
from tests.browser.stack import TOKEN, Stack

pytestmark = pytest.mark.slow
_VIOLATION = "Content Security Policy"
_OF_THE_TEST = (_VIOLATION, "Failed to load resource", "WebSocket connection")

_ATTACKS = {
    "script": "add('script', {textContent: 'window.HACKED = 1'})",
    "script-src foreign": "add('script', {src: other + '/x.js'})",
    "attribute": "document.body.insertAdjacentHTML('beforeend', '<img src=\"data:,x\" onerror=\"window.HACKED = 2\">')",
    "javascript address": "add('a', {href: 'javascript:window.HACKED = 3'}).click()",
    "eval": "try { eval('window.HACKED = 4') } catch {}",
    "Function": "try { new Function('window.HACKED = 5')() } catch {}",
    "timeout": "try { setTimeout('window.HACKED = 6') } catch {}",
    "data script": "add('script', {src: 'data:text/javascript,window.HACKED = 7'})",
    "import": "import('data:text/javascript,window.HACKED = 8').catch(() => {})",
    "worker": "try { new Worker('data:text/javascript,1') } catch {}",
    "image": "add('img', {src: other + '/x.png'})",
    "style image": "add('p').style.backgroundImage = `url(${other}/y.png)`",
    "style sheet": "add('link', {rel: 'stylesheet', href: other + '/x.css'})",
    "font": "new FontFace('X', `url(${other}/x.woff)`).load().catch(() => {})",
    "fetch": "fetch(other + '/fetch', {mode: 'no-cors'}).catch(() => {})",
    "beacon": "navigator.sendBeacon(other + '/beacon', 'x')",
    "websocket": "try { new WebSocket(other.replace('http', 'ws')) } catch {}",
    "event stream": "new EventSource(other + '/events')",
    "frame": "add('iframe', {src: other + '/frame'})",
    "own frame": "add('iframe', {src: '/login'})",
    "object": "add('object', {data: other + '/object'})",
    "media": "add('video', {src: other + '/video'}).load()",
    "base": "add('base', {href: other}); add('img', {src: 'relative.png'})",
    "form": "add('form', {action: other + '/form', method: 'post', target: '_blank'}).submit()",
}

_RUN = """([other, attack]) => new Promise((resolve) => {
  const add = (name, fields = {}) => document.body.appendChild(Object.assign(document.createElement(name), fields));
  // As a module of its own, since the browser lets the code of a debugger evaluate text.
  const module = new Blob([`export default (add, other) => { ${attack} }`], {type: "text/javascript"});
  import(URL.createObjectURL(module)).then(({ default: run }) => { run(add, other); setTimeout(resolve, 0); });
})"""


@asynccontextmanager
async def _other_site() -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server on another port, which is another site for a browser, and the requests that it received."""
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readline())
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked


async def test_nothing_that_gets_into_the_page_runs_or_reaches_another_site(stack: Stack, visit: Visit) -> None:
    async with _other_site() as (other, asked):
        page = await ready(await visit(stack.page, errors=_OF_THE_TEST))
        violations: list[str] = []
        page.on("console", lambda message: violations.append(message.text) if _VIOLATION in message.text else None)
        for name, attack in _ATTACKS.items():
            before = len(violations)
            await page.evaluate(_RUN, [other, attack])
            await _until(lambda before=before: len(violations) > before, name)
        await send(page, "table please")
        await expect(page.get_by_role("article", name="Analyst")).to_have_count(1)
        assert await page.evaluate("window.HACKED") is None
        assert asked == []


async def test_data_and_blob_images_are_shown(stack: Stack, visit: Visit) -> None:
    page = await ready(await visit(stack.page))
    shown = """async () => {
      const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="3" height="3"/>';
      const blob = URL.createObjectURL(new Blob([svg], {type: "image/svg+xml"}));
      const urls = [`data:image/svg+xml,${encodeURIComponent(svg)}`, blob];
      return Promise.all(urls.map((src) => Object.assign(new Image(), { src }).decode().then(() => true)));
    }"""
    assert await page.evaluate(shown) == [True, True]


async def test_the_form_for_the_token_opens_the_thread_of_the_address(stack: Stack, visit: Visit) -> None:
    page = await ready(await visit(stack.page))
    await send(page, "markdown please")
    await wait_for_reply(page, "Gross margin fell 1.9 points")
    stranger = await visit(f"{stack.voila.url}/", errors=("401",))
    await screenshot(stranger, "token-form")
    assert await serious_violations(stranger) == []
    await stranger.get_by_label("Token").fill("not it")
    await stranger.keyboard.press("Enter")
    await expect(stranger.get_by_role("alert")).to_have_text("The token is not correct.")
    await stranger.get_by_label("Token").fill(TOKEN)
    await stranger.get_by_role("button", name="Open").click()
    await ready(stranger)


async def _until(holds: Callable[[], bool], name: str) -> None:
    """Waits until Chromium has reported a violation, however long that takes."""
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, f"nothing was blocked: {name}"
        await asyncio.sleep(0.02)
