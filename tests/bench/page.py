"""The page as a visitor experiences it: time until it accepts input and until the first word, and a kernel's memory."""

import shutil
import tempfile
import time
from pathlib import Path
from statistics import median

import httpx
from playwright.async_api import Browser, Page, async_playwright

from tests.bench.company import NAME, ingest, new_root
from tests.bench.report import Figure
from tests.browser.screen_model import ScreenModel
from tests.browser.stack import Stack, chromium
from tests.conftest import KEY

_VISITS, _WORDS, _PAGES = 7, 12, 7
_COMPOSER = "textarea[aria-label='Message to the analyst']"
_SEND = "button[aria-label='Send the message']:not([disabled])"
_WATCH = """
(text) => new Promise((seen, late) => {
  setTimeout(() => late(new Error("the text was not painted")), 20000);
  const look = () => [...document.querySelectorAll("article[aria-label=Analyst]")].at(-1)?.textContent.includes(text);
  const wait = () => look() ? requestAnimationFrame(() => seen(performance.now())) : requestAnimationFrame(wait);
  wait();
})
"""


async def measure() -> list[Figure]:
    with new_root() as root, ScreenModel(chunk_delay=0) as model, tempfile.TemporaryDirectory() as scratch:
        await ingest(root, model.base_url)
        place = Path(scratch) / "root"
        shutil.copytree(root, place)
        model_settings = {"CFO_MODEL": "openai:screens", "CFO_BASE_URL": model.base_url, "CFO_OPENAI_API_KEY": KEY}
        with Stack(place, CFO_COUNTDOWN="0", **model_settings) as stack:
            async with async_playwright() as playwright, await chromium(playwright) as browser:
                return [
                    *await _visits(stack, browser),
                    _memory(stack),
                    await _first_words(stack, browser),
                    await _first_page(stack, browser),
                ]


async def _opened(stack: Stack, browser: Browser) -> Page:
    page = await (await browser.new_context()).new_page()
    await page.goto(stack.page)
    await page.wait_for_selector(_COMPOSER)
    return page


async def _visits(stack: Stack, browser: Browser) -> list[Figure]:
    """Visits the page with an empty cache and a warm kernel. Chromium counts the bytes transferred."""
    seconds: list[float] = []
    megabytes: list[float] = []
    for _ in range(_VISITS):
        stack.voila.wait_until_ready()
        context = await browser.new_context()
        page = await context.new_page()
        devtools = await context.new_cdp_session(page)
        await devtools.send("Network.enable")
        received = [0.0]

        def loaded(event: dict[str, float], total: list[float] = received) -> None:
            total[0] += event["encodedDataLength"]

        def framed(event: dict[str, dict[str, str]], total: list[float] = received) -> None:
            total[0] += len(event["response"]["payloadData"])  # the size before the socket compresses it

        devtools.on("Network.loadingFinished", loaded)
        devtools.on("Network.webSocketFrameReceived", framed)
        begun = time.perf_counter()
        await page.goto(stack.page, wait_until="commit")
        await page.wait_for_selector(_COMPOSER)
        seconds.append(time.perf_counter() - begun)
        await page.wait_for_load_state("networkidle")
        megabytes.append(received[0] / (1 << 20))
        await context.close()
    size, time_ = median(megabytes), median(seconds)
    return [
        Figure("GET until the page accepts input, with a warm kernel", f"{time_:.2f} s", "< 1.5 s", time_ < 1.5),
        Figure("transferred for it (frames of the socket before compression)", f"{size:.1f} MB", "< 3 MB", size < 3),
    ]


def _memory(stack: Stack) -> Figure:
    """Measures a kernel that has no visitor yet and has only run the notebook."""
    unique = [_unique(pid) for pid in stack.kernels()]
    most = max(unique)
    return Figure("private memory of a visitor's kernel", f"{most:.0f} MB", "< 70 MB", most < 70)


def _unique(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


async def _first_words(stack: Stack, browser: Browser) -> Figure:
    """Measures the time from the click to the first painted word, alternating with the API's first token."""
    page = await _opened(stack, browser)
    painted: list[float] = []
    api_seconds: list[float] = []
    with stack.client() as client:
        for number in range(_WORDS):
            api_seconds.append(_api_word(client))
            await page.fill(_COMPOSER, f"tell {number}")
            await page.wait_for_selector(_SEND)
            begun = await page.evaluate(
                f"() => {{ window.seen = ({_WATCH})('That was'); const at = performance.now(); "
                f'document.querySelector("{_SEND}").click(); return at; }}'
            )
            painted.append((await page.evaluate("window.seen") - begun) / 1000)
            await page.wait_for_selector("button[aria-label='Stop the run']", state="detached")
            await page.get_by_role("button", name="New thread").click()
    more = (median(painted) - median(api_seconds)) * 1000
    seen = f"+{more:.0f} ms  ({median(painted) * 1000:.0f}, the API {median(api_seconds) * 1000:.0f})"
    return Figure("click to the first painted word / the API's own", seen, "< 100 ms more", more < 100)


def _api_word(client: httpx.Client) -> float:
    started = time.perf_counter()
    seconds = 0.0
    with client.stream("POST", "/chat/stream", json={"workspace_id": NAME, "message": "tell me"}) as stream:
        for line in stream.iter_lines():
            if line.startswith("data:") and '"token"' in line and not seconds:
                seconds = time.perf_counter() - started
    return seconds


async def _first_page(stack: Stack, browser: Browser) -> Figure:
    """Measures the time from the click to the first page of a result with a million rows, and the API's share of it."""
    page = await _opened(stack, browser)
    await page.fill(_COMPOSER, "many please")
    await page.press(_COMPOSER, "Enter")
    whole = page.get_by_role("button", name="Open full result")
    taken: list[float] = []
    for _ in range(_PAGES):
        begun = time.perf_counter()
        await whole.click()
        await page.get_by_role("dialog").get_by_text("Customer 1", exact=True).first.wait_for()
        taken.append((time.perf_counter() - begun) * 1000)
        await page.keyboard.press("Escape")
    with stack.client() as client:
        thread = page.url.rpartition("#thread=")[2]
        begun = time.perf_counter()
        client.get(f"/threads/{thread}/results/result_001.parquet/rows", params={"limit": 200}).raise_for_status()
        api = (time.perf_counter() - begun) * 1000
    return Figure("first page of a result of 1,000,000 rows", f"{median(taken):.0f} ms  (the API {api:.0f})")
