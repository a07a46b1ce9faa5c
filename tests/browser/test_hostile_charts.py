"""Hostile labels in charts run nothing, fetch nothing, and do not break the page."""

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.actions import ready, replies, send, wait_for_reply
from tests.browser.conftest import Visit, screenshot
from tests.browser.screen_model import ATTACK
from tests.browser.stack import Stack

pytestmark = pytest.mark.slow
_LABELS = [
    ATTACK, '"><svg onload=window.HACKED=5>', "javascript:window.HACKED=6", "https://spy.example/p.png",
    "${window.HACKED=7}", "{{constructor.constructor('window.HACKED=8')()}}", "datum.amount + signal('width')",
    "long " * 100, "\u202eright to left\u2066 isolated", "שלום 1,000", "a\nb\tc",
    "</script><script>window.HACKED=9</script>",
]  # fmt: skip


def _rows(*names: str) -> str:
    """SQL that selects the labels in its first column and figures in its second, under these names."""
    values = ", ".join(f"($t${label}$t$, {n * 1000 - 3500})" for n, label in enumerate(_LABELS))
    columns = ", ".join('"' + name.replace('"', '""') + '"' for name in names)
    return f"SQL: SELECT * FROM (VALUES {values}) t({columns})"


async def _show_chart(page: Page) -> Locator:
    last = replies(page).last
    await last.get_by_role("radio", name="Chart").check()
    await expect(last.locator("svg.marks")).to_be_visible()
    return last


async def _tooltips(page: Page, chart: Locator) -> list[str]:
    """The tooltips of all bars."""
    tooltips: list[str] = []
    tooltip = page.locator("#vg-tooltip-element.visible")
    for bar in await chart.locator("svg.marks [aria-roledescription=bar]").all():
        await bar.hover(force=True)
        tooltips.append(await tooltip.inner_text())
        box = await tooltip.bounding_box()
        assert box
        assert box["width"] <= 350
    return tooltips


async def _expect_unharmed(page: Page) -> None:
    assert await page.evaluate("window.HACKED") is None
    foreign = ":is(img, script, iframe, svg svg, a, [onload], [onerror])"
    assert await page.locator(f"[role=log] {foreign}, #vg-tooltip-element {foreign}").count() == 0
    assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


_NAMES = [
    ("label", "amount"),
    ("image", "amount"),
    ("title", "amount"),
    ("<img src=x onerror=window.HACKED=1>", "${a.b[0]} </text>"),
]


@pytest.mark.timeout(180)
async def test_labels_and_names_are_text(stack: Stack, visit: Visit) -> None:
    page = await ready(await visit(stack.page))
    for count, names in enumerate(_NAMES, 1):
        await send(page, _rows(*names))
        await expect(replies(page)).to_have_count(count)
        chart = await _show_chart(page)
        tooltips = await _tooltips(page, chart)
        assert len(tooltips) == len(_LABELS)
        for label in _LABELS[:-1]:
            assert any(label[:20].split("\n")[0] in text for text in tooltips), label
        await _expect_unharmed(page)
        await screenshot(page, f"chart-hostile-{count}")
    await page.set_viewport_size({"width": 400, "height": 860})
    fits = "(svg) => svg.getBoundingClientRect().right <= innerWidth"
    await page.wait_for_function(f"[...document.querySelectorAll('svg.marks')].every({fits})")  # drawn again
    await screenshot(page, "chart-hostile-narrow")
    await _expect_unharmed(page)


async def test_ten_thousand_categories_have_no_chart(stack: Stack, visit: Visit) -> None:
    page = await ready(await visit(stack.page))
    await send(page, "SQL: SELECT 'category ' || i AS label, i * 1.5 AS amount FROM range(10000) t(i)")
    await wait_for_reply(page, "10,000 rows")
    await expect(replies(page).last.get_by_role("radio")).to_have_count(0)
