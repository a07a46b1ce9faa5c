"""A widget in a cell: the words that stay in its notebook, and the thread that comes back with the next run."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from cfo_widgets import Chat, in_notebook
from cfo_widgets import Workbench as Whole
from cfo_widgets import workbench as whole_module

from cfo_kernel import Workbench
from tests.widgets.pages import Page

_SCRIPT = "<img src=x onerror=alert(1)>"
Shown = list[tuple[str, dict[str, str]]]


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Shown:
    """What comes into the notebook beside the widgets, as in a cell of JupyterLab."""
    found: Shown = []

    def show(data: dict[str, str], *, raw: bool, display_id: str) -> None:
        found.append((display_id, data))

    monkeypatch.setattr(in_notebook, "current_cell", lambda: "notebook#cell")
    monkeypatch.setattr(in_notebook, "display", show)
    monkeypatch.setattr(in_notebook, "update_display", show)
    return found


@pytest.fixture
async def made(
    make_workbench: Callable[..., Workbench], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Callable[..., Whole]]:
    monkeypatch.setattr(whole_module, "current_cell", lambda: "notebook#cell")
    all_made: list[Whole] = []

    def make(**more: Any) -> Whole:
        all_made.append(Whole(make_workbench(model="offline"), **more))
        return all_made[-1]

    yield make
    for one in all_made:
        one.close()


async def test_the_words_of_a_conversation_stand_beside_it_and_are_written_anew(
    make_workbench: Callable[..., Workbench], shown: Shown
) -> None:
    thread = await (await make_workbench(model="offline").workspace("tiny")).thread()
    chat = Chat()
    await chat.show(thread)
    bundle = chat._repr_mimebundle_()[0]
    assert bundle["text/plain"] == "New thread\n\nRun this cell to go on."
    await thread.ask(f"SQL: SELECT '{_SCRIPT}' AS name")
    await chat.refresh()
    assert {display_id for display_id, _ in shown} == {chat.model_id}
    text, html = shown[-1][1]["text/plain"], shown[-1][1]["text/html"]
    assert f"> SQL: SELECT '{_SCRIPT}' AS name" in text
    assert "<td" in html
    assert "<img" not in html
    written = len(shown)
    await chat.refresh()
    assert len(shown) == written, "nothing is new"
    chat.close()


async def test_without_a_notebook_nothing_stands_beside_a_widget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_notebook, "display", lambda *_, **__: pytest.fail("shown"))
    chat = Chat()
    assert "text/plain" in chat._repr_mimebundle_()[0]
    chat.close()


async def test_the_thread_of_the_cell_comes_back_to_the_first_page_only(
    make_workbench: Callable[..., Workbench], made: Callable[..., Whole]
) -> None:
    workspace = await make_workbench(model="offline").workspace("tiny")
    first, second = await workspace.thread(), await workspace.thread()
    await asyncio.gather(first.ask("how many rows are in ledger"), second.ask("how many rows are in ledger"))
    whole = made()
    page = Page(whole._frame)
    for thread in (first, second):
        assert await page.ask("enter", thread=thread.id) == {"is_found": True}
        assert whole._frame.thread == first.id, "the kernel knows what is open"


async def test_a_thread_of_another_workspace_than_the_one_named_does_not_come_back(
    make_workbench: Callable[..., Workbench], made: Callable[..., Whole]
) -> None:
    thread = await (await make_workbench(model="offline").workspace("tiny")).thread()
    await thread.ask("how many rows are in ledger")
    await make_workbench(model="offline").create_workspace("Other")
    whole = made(workspace="other")
    assert await Page(whole._frame).ask("enter", thread=thread.id) == {"is_found": True}
    assert whole._frame.thread == ""
    assert whole._workspaces.workspace_id == "other"
