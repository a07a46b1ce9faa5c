"""Chromium with a real Voila and API. A page that logs an error, or contacts another host, fails its test."""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, Error, Page, async_playwright, expect

from tests.browser.lab import Lab
from tests.browser.screen_model import ScreenModel
from tests.browser.stack import Stack, chromium
from tests.conftest import KEY
from tests.ingested import copy_ingested

_TIMEOUT = 30_000  # milliseconds for what a page shows, on a busy machine
_AXE = Path(__file__).parents[2] / "widgets" / "js" / "node_modules" / "axe-core" / "axe.min.js"
_REPORT_VIOLATIONS = """document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`Content Security Policy: ${event.violatedDirective} blocked ${event.blockedURI}`));"""
"""Chromium itself logs no error for text that it does not evaluate."""
_NO_BROWSER = ("Executable doesn't exist", "missing dependencies")
SCREENSHOTS = Path(__file__).parents[2] / "screenshots"
expect.set_options(timeout=_TIMEOUT)


@contextmanager
def _tiny(sample: Path, folder: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """A root with the company `tiny`, and the settings for the screens' scripted model."""
    root = folder / "root"
    copy_ingested(sample, root / "tiny")
    with ScreenModel() as model:
        yield root, {"CFO_MODEL": "openai:screens", "CFO_BASE_URL": model.base_url, "CFO_OPENAI_API_KEY": KEY}


@pytest.fixture(scope="module")
def stack(_sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The company `tiny` with the screens' scripted model, for a module of tests."""
    tiny = _tiny(_sample, tmp_path_factory.mktemp("screens"))
    with tiny as (root, model), Stack(root, CFO_COUNTDOWN="5", **model) as running:
        yield running


@pytest.fixture(scope="module")
def offline_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The sample company with the offline analyst, as on a first visit."""
    root = tmp_path_factory.mktemp("first") / "root"
    sample = Path(__file__).parents[2] / "workspaces" / "adventure_works"
    shutil.copytree(sample / "data", root / "adventure_works" / "data")
    with Stack(root, CFO_MODEL="offline") as running:
        yield running


@pytest.fixture(scope="module")
def lab(_sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab, with notebooks for the company `tiny`."""
    tiny = _tiny(_sample, tmp_path_factory.mktemp("lab"))
    with tiny as (root, model), Lab(root, CFO_COUNTDOWN="3", **model) as running:
        yield running


@dataclass
class PageMonitor:
    """The errors that a page logs, and its requests to other hosts."""

    page: Page
    allowed: set[str] = field(default_factory=set[str])
    errors: list[str] = field(default_factory=list[str])
    external_requests: list[str] = field(default_factory=list[str])

    def start(self) -> None:
        self.page.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", self._check_host)

    def _check_host(self, request: Any) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.hostname != "127.0.0.1":
            self.external_requests.append(request.url)

    def check(self) -> None:
        unexpected = [error for error in self.errors if not any(text in error for text in self.allowed)]
        assert not unexpected, unexpected
        assert not self.external_requests, self.external_requests


Visit = Callable[..., Awaitable[Page]]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        try:
            launched = await chromium(playwright)
        except Error as error:
            if any(text in error.message for text in _NO_BROWSER):
                pytest.skip("Chromium is not installed: run .ci/setup dev")
            raise
        yield launched


@pytest.fixture
async def visit(browser: Browser) -> AsyncIterator[Visit]:
    """`await visit(url, ...)` opens a page in a new browser context, or in the context of the page `beside`.

    The page may log the given `errors`. With `has_clock`, its time passes as usual, and a test can advance it with
    `page.clock`.
    """
    monitors: list[PageMonitor] = []
    async with AsyncExitStack() as contexts:

        async def open_(
            url: str,
            *,
            width: int = 1280,
            height: int = 860,
            dark: bool = False,
            beside: Page | None = None,
            errors: tuple[str, ...] = (),
            has_clock: bool = False,
        ) -> Page:
            if beside:
                context = beside.context
            else:
                context = await browser.new_context(
                    viewport={"width": width, "height": height},
                    color_scheme="dark" if dark else "light",
                    locale="en-GB",
                )
                contexts.push_async_callback(context.close)
            page = await context.new_page()
            page.set_default_timeout(_TIMEOUT)
            await page.add_init_script(_REPORT_VIOLATIONS)
            monitor = PageMonitor(page, set(errors))
            monitor.start()
            monitors.append(monitor)
            if has_clock:  # for all pages of the context
                await page.clock.install()
            await page.goto(url)
            return page

        yield open_
        for monitor in monitors:
            monitor.check()


async def serious_violations(page: Page, within: str = "html") -> list[str]:
    """The serious accessibility problems that axe-core finds."""
    await page.evaluate(_AXE.read_text())
    result = await page.evaluate("within => axe.run(within, {resultTypes: ['violations']})", within)
    return [
        f"{v['id']}: {v['nodes'][0]['html'][:200]}"
        for v in result["violations"]
        if v["impact"] in ("serious", "critical")
    ]


async def screenshot(page: Page, name: str) -> None:
    """Takes a screenshot for people to look at, in a folder that git ignores."""
    SCREENSHOTS.mkdir(exist_ok=True)
    await page.screenshot(path=SCREENSHOTS / f"{name}.png")
