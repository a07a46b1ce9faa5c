"""Charts of labels that want to be more than text: nothing of them is run, fetched or breaks the page."""

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.conftest import Visit, keep
from tests.browser.model import ATTACK
from tests.browser.person import answered, opened, replies, say
from tests.browser.stack import Stack

pytestmark = pytest.mark.slow
_LABELS = [
    ATTACK, '"><svg onload=window.HACKED=5>', "javascript:window.HACKED=6", "https://spy.example/p.png",
    "${window.HACKED=7}", "{{constructor.constructor('window.HACKED=8')()}}", "datum.amount + signal('width')",
    "long " * 100, "\u202eright to left\u2066 isolated", "שלום 1,000", "a\nb\tc",
    "</script><script>window.HACKED=9</script>",
]  # fmt: skip


def _rows(*names: str) -> str:
    """SQL with the labels as the first column and figures as the other, under these names."""
    values = ", ".join(f"($t${label}$t$, {n * 1000 - 3500})" for n, label in enumerate(_LABELS))
    columns = ", ".join('"' + name.replace('"', '""') + '"' for name in names)
    return f"SQL: SELECT * FROM (VALUES {values}) t({columns})"


async def _drawn(page: Page) -> Locator:
    last = replies(page).last
    await last.get_by_role("radio", name="Chart").check()
    await expect(last.locator("svg.marks")).to_be_visible()
    return last


async def _hovered(page: Page, chart: Locator) -> list[str]:
    """The texts of the tooltips of all bars."""
    told: list[str] = []
    tip = page.locator("#vg-tooltip-element.visible")
    for bar in await chart.locator("svg.marks [aria-roledescription=bar]").all():
        await bar.hover(force=True)
        told.append(await tip.inner_text())
        box = await tip.bounding_box()
        assert box
        assert box["width"] <= 350
    return told


async def _unharmed(page: Page) -> None:
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
    page = await opened(await visit(stack.page))
    for count, names in enumerate(_NAMES, 1):
        await say(page, _rows(*names))
        await expect(replies(page)).to_have_count(count)
        chart = await _drawn(page)
        told = await _hovered(page, chart)
        assert len(told) == len(_LABELS)
        for label in _LABELS[:-1]:
            assert any(label[:20].split("\n")[0] in text for text in told), label
        await _unharmed(page)
        await keep(page, f"chart-hostile-{count}")
    await page.set_viewport_size({"width": 400, "height": 860})
    await page.wait_for_timeout(1000)  # the charts are drawn anew
    await keep(page, "chart-hostile-narrow")
    await _unharmed(page)


async def test_ten_thousand_categories_are_a_table(stack: Stack, visit: Visit) -> None:
    page = await opened(await visit(stack.page))
    await say(page, "SQL: SELECT 'category ' || i AS label, i * 1.5 AS amount FROM range(10000) t(i)")
    await answered(page, "10,000 rows")
    await expect(replies(page).last.get_by_role("radio")).to_have_count(0)
