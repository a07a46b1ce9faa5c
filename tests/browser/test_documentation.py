"""Opens the documentation as files: no page has an error or requests another host, and the search works."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Visit, screenshot, serious_violations

pytestmark = pytest.mark.slow
_REPOSITORY = Path(__file__).parents[2]
_KEPT = ("index", "data", "troubleshooting", "architecture", "reference/python", "tutorials/01_first_question")
_TOO_WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("documentation") / "site"
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    subprocess.run(command, cwd=_REPOSITORY, env=environment, check=True, timeout=300)
    return folder


async def test_every_page_fits_a_phone_and_asks_no_other_host(visit: Visit, site: Path) -> None:
    """`visit` fails for an error in the console, and for a request to another host."""
    pages = sorted(page for page in site.rglob("*.html") if page.name != "404.html")
    assert len(pages) > 35
    phone = await visit(pages[0].as_uri(), width=390, height=844)
    for page in pages:
        await phone.goto(page.as_uri())
        assert not await phone.evaluate(_TOO_WIDE), page


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
async def test_the_pages_can_be_read_by_everybody(visit: Visit, site: Path, dark: bool) -> None:
    of_axe = ("Access to XMLHttpRequest", "Failed to load resource")  # it reads the style sheets again, as requests
    page = await visit((site / "index.html").as_uri(), dark=dark, errors=of_axe)
    for name in _KEPT:
        await page.goto((site / f"{name}.html").as_uri())
        await screenshot(page, f"documentation-{name.replace('/', '-')}-{'dark' if dark else 'light'}")
        assert await serious_violations(page, "article") == [], name


async def test_the_search_works_without_a_server(visit: Visit, site: Path) -> None:
    page = await visit((site / "index.html").as_uri())
    await page.get_by_role("textbox", name="Search").fill("nothing_to_continue")
    await expect(page.get_by_role("link", name="Troubleshooting").first).to_be_visible()
    await screenshot(page, "documentation-search")


async def test_a_link_to_an_error_code_leads_to_its_row(visit: Visit, site: Path) -> None:
    page = await visit(f"{(site / 'troubleshooting.html').as_uri()}#plan_invalid")
    await expect(page.get_by_role("cell", name="plan_invalid", exact=True)).to_be_in_viewport()
