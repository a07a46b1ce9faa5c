"""The page's messages about faults in files, deleted items, and a server at capacity."""

from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest
from playwright.async_api import FilePayload, Locator, Page, expect

from tests.browser.actions import ready, replies, send
from tests.browser.conftest import Visit, screenshot, serious_violations
from tests.browser.messy_files import write_messy_files
from tests.browser.screen_model import ScreenModel
from tests.browser.stack import Stack
from tests.conftest import KEY, LEDGER

pytestmark = pytest.mark.slow
_GLOSSARY = """company: Contoso
tables:
  ledger:
    name: General ledger
    description: [not, a, text]
    columns:
      amuont: {description: A wrong name}
  leger:
    name: No such table
hierarchies:
  accounts: {table: nowhere}
"""
_SIZES = [(1280, False), (1280, True), (400, False)]


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A company with faults in its files, and a server that allows a single stream."""
    root = tmp_path_factory.mktemp("faulty") / "root"
    data = root / "tiny" / "data"
    data.mkdir(parents=True)
    (data / "ledger.csv").write_text(LEDGER)
    (data / "datasets.yaml").write_text(_GLOSSARY)
    _write_workbook(data / "budget.xlsx")
    write_messy_files(data)
    with ScreenModel() as model:
        answers = {"CFO_MODEL": "openai:screens", "CFO_BASE_URL": model.base_url, "CFO_OPENAI_API_KEY": KEY}
        with Stack(root, CFO_CLIENT_STREAM_LIMIT="1", **answers) as running:
            yield running


def _write_workbook(path: Path) -> None:
    workbook = openpyxl.Workbook()
    sales = workbook.worksheets[0]
    sales.title = "Sales"
    for row in (["region", "amount"], ["North", 10], ["South", 20]):
        sales.append(row)
    workbook.create_sheet("Blank")
    workbook.create_sheet("Remark").append(["Figures are in thousands"])
    workbook.create_chartsheet("Trend")
    workbook.save(path)


async def _data(page: Page) -> Locator:
    """The data panel, even if it is in a drawer."""
    button = page.get_by_role("button", name="Open the side panel")
    if await button.is_visible():
        await button.click()
    data = page.get_by_role("region", name="Data")
    await expect(data).to_contain_text("budget.xlsx")
    return data


def _size(width: int, dark: bool) -> str:
    return f"{width}-{'dark' if dark else 'light'}"


@pytest.mark.parametrize(("width", "dark"), _SIZES)
async def test_faults_of_a_glossary_are_listed_once(faulty: Stack, visit: Visit, width: int, dark: bool) -> None:
    page = await ready(await visit(faulty.page, width=width, dark=dark))
    data = await _data(page)
    await data.get_by_text("4 faults in datasets.yaml").click()
    faults = data.locator(".cfo-faults")
    assert await faults.get_by_role("listitem").all_inner_texts() == [
        "Line 5: tables.ledger.description must be text.",
        "Line 7: there is no column ledger.amuont; the most similar is amount.",
        "Line 8: there is no table leger; the tables are ar_ageing, bank_statement, budget, ledger, profit_and_loss, "
        "sales, trial_balance.",
        "Line 10: hierarchies is not a known key here.",
    ]
    await expect(data.get_by_role("button", name="General ledger")).to_be_visible()  # the valid parts are used
    await screenshot(page, f"glossary-faults-{_size(width, dark)}")
    assert await serious_violations(page) == []


@pytest.mark.parametrize(("width", "dark"), _SIZES)
async def test_sheets_that_are_left_out_are_named(faulty: Stack, visit: Visit, width: int, dark: bool) -> None:
    page = await ready(await visit(faulty.page, width=width, dark=dark))
    data = await _data(page)
    notes = data.get_by_role("listitem").filter(has_text="budget.xlsx")
    await notes.get_by_text("How it was read").click()
    await notes.get_by_text("it is a chart").scroll_into_view_if_needed()
    for sheet, reason in (
        ("Blank", "it is empty"),
        ("Remark", "it contains a single cell, not a table"),
        ("Trend", "it is a chart"),
    ):
        await expect(notes).to_contain_text(f"The sheet {sheet} was left out: {reason}")
    await screenshot(page, f"sheets-left-out-{_size(width, dark)}")
    assert await serious_violations(page) == []


@pytest.mark.parametrize(("width", "dark"), _SIZES)
async def test_a_messy_file_is_explained_at_one_look(faulty: Stack, visit: Visit, width: int, dark: bool) -> None:
    page = await ready(await visit(faulty.page, width=width, dark=dark))
    data = await _data(page)
    for name in ("ar_ageing", "bank_statement", "profit_and_loss", "trial_balance", "plan_by_month"):
        await data.get_by_role("button", name=name).first.click()
        dialog = page.get_by_role("dialog").filter(has=page.get_by_role("region", name="First rows"))
        reading = dialog.get_by_role("region", name="How it was read")
        await expect(reading.get_by_role("term").first).to_be_visible()
        await reading.get_by_role("term").last.scroll_into_view_if_needed()
        await screenshot(page, f"read-{name.lower()}-{_size(width, dark)}")
        await dialog.get_by_role("button", name="Close").click()
        await expect(dialog).to_have_count(0)
    ageing = data.get_by_role("listitem").filter(has_text="ar_ageing.csv")
    await ageing.get_by_text("How it was read").click()
    await expect(ageing.get_by_role("term").first).to_be_visible()
    await ageing.scroll_into_view_if_needed()
    await screenshot(page, f"read-panel-{_size(width, dark)}")
    assert await serious_violations(page) == []


@pytest.mark.parametrize(("width", "dark"), _SIZES)
async def test_a_deletion_says_where_the_file_stays(faulty: Stack, visit: Visit, width: int, dark: bool) -> None:
    page = await ready(await visit(faulty.page, width=width, dark=dark))
    data = await _data(page)
    await data.get_by_role("button", name="More for ledger.csv").click()
    await page.get_by_role("menuitem", name="Delete").click()
    toast = data.get_by_role("status").filter(has_text="Deleted ledger.csv")
    await expect(toast).to_contain_text("Stays in .trash/ for up to 30 days")
    await screenshot(page, f"deleted-{_size(width, dark)}")
    assert await serious_violations(page) == []
    await toast.get_by_role("button", name="Undo").click()
    await expect(data).to_contain_text("General ledger")


@pytest.mark.parametrize(("width", "dark"), _SIZES)
async def test_a_server_without_room_says_that_nothing_is_lost(
    faulty: Stack, visit: Visit, width: int, dark: bool
) -> None:
    first = await ready(await visit(faulty.page))
    await send(first, "endless please")
    await expect(replies(first).last).to_contain_text("word5")
    page = await ready(await visit(faulty.page, width=width, dark=dark))
    await send(page, "endless please, too")
    full = page.get_by_role("region", name="Conversation").get_by_role("status").filter(has_text="Many people")
    await expect(full).to_contain_text("Nothing is lost: replies appear here when they are ready.")
    await screenshot(page, f"no-room-{_size(width, dark)}")
    assert await serious_violations(page) == []
    await expect(page.get_by_role("alert")).to_have_count(0)
    await first.get_by_role("button", name="Stop the run").click()
    await expect(replies(page).last).to_contain_text("word5")  # this run's stream is allowed now
    await expect(full).to_have_count(0)
    await page.get_by_role("button", name="Stop the run").click()
    await expect(replies(page).last).to_contain_text("Stopped.")


@pytest.mark.parametrize(("width", "dark"), _SIZES)
async def test_an_upload_that_finds_no_room_can_be_tried_again(
    faulty: Stack, visit: Visit, width: int, dark: bool
) -> None:
    first = await ready(await visit(faulty.page))
    await send(first, "endless please")
    await expect(replies(first).last).to_contain_text("word5")  # its stream is the only one allowed
    page = await ready(await visit(faulty.page, width=width, dark=dark))
    data = await _data(page)
    name = f"north {_size(width, dark)}.csv"
    content = b"region,amount\nNorth,10.50\n"
    await page.get_by_label("Add files").set_input_files([FilePayload(name=name, mimeType="text/csv", buffer=content)])
    upload = data.get_by_role("listitem").filter(has_text=name)
    await expect(upload.get_by_role("alert")).to_contain_text("so this file was not added. Try again")
    again = upload.get_by_role("button", name="Try again")
    await again.scroll_into_view_if_needed()
    await screenshot(page, f"upload-no-room-{_size(width, dark)}")
    assert await serious_violations(page) == []
    await first.get_by_role("button", name="Stop the run").click()
    await expect(replies(first).last).to_contain_text("Stopped.")
    await again.click()
    await expect(again).to_have_count(0)
    await expect(data.locator(".cfo-dataset").filter(has_text=name)).to_contain_text("1 row · 2 columns")
    await expect(upload.get_by_role("alert")).to_have_count(0)
