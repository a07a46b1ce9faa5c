"""A real Chromium before a real Voila and a real API. A page that logs an error or asks another host fails its test."""

import os
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
from tests.browser.model import ScreenModel
from tests.browser.stack import Stack, chromium
from tests.conftest import KEY

_WAIT = 30_000  # milliseconds for what a page shows, on a machine that does much else
_AXE = Path(__file__).parents[2] / "widgets" / "js" / "node_modules" / "axe-core" / "axe.min.js"
_NO_BROWSER = ("Executable doesn't exist", "missing dependencies")
SCREENSHOTS = Path(__file__).parents[2] / "screenshots"
expect.set_options(timeout=_WAIT)


@contextmanager
def _tiny(sample: Path, folder: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """A root with the company `tiny`, and the settings under which the model of the screens answers."""
    root = folder / "root"
    shutil.copytree(sample, root / "tiny", copy_function=os.link)
    with ScreenModel() as model:
        yield root, {"CFO_MODEL": "openai:screens", "CFO_BASE_URL": model.base_url, "CFO_OPENAI_API_KEY": KEY}


@pytest.fixture(scope="module")
def stack(_sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The company `tiny` behind the model of the screens, for a module of tests."""
    tiny = _tiny(_sample, tmp_path_factory.mktemp("screens"))
    with tiny as (root, thinking), Stack(root, CFO_COUNTDOWN="5", **thinking) as running:
        yield running


@pytest.fixture(scope="module")
def offline_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The sample company behind the offline analyst, as on a first visit."""
    root = tmp_path_factory.mktemp("first") / "root"
    sample = Path(__file__).parents[2] / "workspaces" / "adventure_works"
    shutil.copytree(sample / "data", root / "adventure_works" / "data")
    with Stack(root, CFO_MODEL="offline") as running:
        yield running


@pytest.fixture(scope="module")
def lab(_sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab, in whose notebooks the company `tiny` is asked."""
    tiny = _tiny(_sample, tmp_path_factory.mktemp("lab"))
    with tiny as (root, thinking), Lab(root, CFO_COUNTDOWN="3", **thinking) as running:
        yield running


@dataclass
class Watch:
    """What a page did that nobody sees."""

    page: Page
    allowed: set[str] = field(default_factory=set[str])
    errors: list[str] = field(default_factory=list[str])
    strangers: list[str] = field(default_factory=list[str])

    def begin(self) -> None:
        self.page.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", self._look)

    def _look(self, request: Any) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.hostname != "127.0.0.1":
            self.strangers.append(request.url)

    def check(self) -> None:
        left = [e for e in self.errors if not any(words in e for words in self.allowed)]
        assert not left, left
        assert not self.strangers, self.strangers


Visit = Callable[..., Awaitable[Page]]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        try:
            found = await chromium(playwright)
        except Error as error:
            if any(words in error.message for words in _NO_BROWSER):
                pytest.skip("there is no Chromium here: .ci/setup dev says why")
            raise
        yield found


@pytest.fixture
async def visit(browser: Browser) -> AsyncIterator[Visit]:
    """`await visit(url, ...)` opens a page in a context of its own, or in that of `beside`.

    `errors` are expected. With `has_clock` the page's time goes on by itself, and a test can put it on (`page.clock`).
    """
    watches: list[Watch] = []
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
            page.set_default_timeout(_WAIT)
            watch = Watch(page, set(errors))
            watch.begin()
            watches.append(watch)
            if has_clock:  # of all pages in the context
                await page.clock.install()
            await page.goto(url)
            return page

        yield open_
        for watch in watches:
            watch.check()


async def serious_violations(page: Page, within: str = "html") -> list[str]:
    """What axe-core finds that keeps people out."""
    await page.evaluate(_AXE.read_text())
    found = await page.evaluate("within => axe.run(within, {resultTypes: ['violations']})", within)
    return [
        f"{v['id']}: {v['nodes'][0]['html'][:200]}"
        for v in found["violations"]
        if v["impact"] in ("serious", "critical")
    ]


async def keep(page: Page, name: str) -> None:
    """A picture for people to look at, in a folder that git ignores."""
    SCREENSHOTS.mkdir(exist_ok=True)
    await page.screenshot(path=SCREENSHOTS / f"{name}.png")
