"""The data panel: files that are one table, files that could be, and documents."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.actions import ready
from tests.browser.conftest import Visit, screenshot, serious_violations
from tests.browser.screen_model import ScreenModel
from tests.browser.stack import Stack
from tests.conftest import KEY

pytestmark = pytest.mark.slow


def write_files(data: Path) -> None:
    data.mkdir(parents=True, exist_ok=True)
    for path in data.iterdir():
        path.unlink()
    for month, amount in (("Jan", 3.5), ("Feb", 4)):
        (data / f"GL {month}.csv").write_text(f"account,amount\n00400,{amount}\n00500,2\n")
    (data / "sales_2023.csv").write_text("region,amount,discount\nNorth,10,0.5\n")
    (data / "sales_2024.csv").write_text("region,amount\nNorth,12\n")
    (data / "board pack.pdf").write_bytes(b"%PDF-1.7\n" + bytes(250_000))
    (data / "receipt.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(2000))


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, Path]]:
    root = tmp_path_factory.mktemp("unions") / "root"
    write_files(root / "tiny" / "data")
    with ScreenModel() as model:
        answers = {"CFO_MODEL": "openai:screens", "CFO_BASE_URL": model.base_url, "CFO_OPENAI_API_KEY": KEY}
        with Stack(root, **answers) as running:
            yield running, root / "tiny" / "data"


@pytest.mark.parametrize("dark", [False, True])
async def test_files_are_put_together_and_kept_apart(company: tuple[Stack, Path], visit: Visit, dark: bool) -> None:
    stack, folder = company
    write_files(folder)
    page = await ready(await visit(stack.page, dark=dark))
    data = page.get_by_role("region", name="Data")
    size = "dark" if dark else "light"
    await expect(data.get_by_text("4 rows of 2 files, as gl")).to_have_count(2)
    await expect(data.get_by_text("PDF · 244 KB · not read")).to_be_visible()
    await expect(data.get_by_text("Picture · 2.0 KB · not read")).to_be_visible()
    await expect(data.get_by_role("button", name="Data · 3 tables")).to_be_visible()
    await screenshot(page, f"unions-proposed-{size}")
    assert await serious_violations(page) == []
    await data.get_by_role("button", name="More for sales_2023.csv").click()
    await screenshot(page, f"unions-menu-{size}")
    await page.get_by_role("menuitem", name="Put 2 parts together as sales").click()
    await expect(data.get_by_text("2 rows of 2 files, as sales")).to_have_count(2)
    await screenshot(page, f"unions-made-{size}")
    await data.get_by_role("button", name="More for GL Jan.csv").click()
    await page.get_by_role("menuitem", name="Keep the parts of gl apart").click()
    await expect(data.get_by_text("as gl")).to_have_count(0)
    assert (folder / "datasets.yaml").read_text() == "union:\n  sales: [sales_2023.csv, sales_2024.csv]\n  gl: false\n"
