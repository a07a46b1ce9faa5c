"""A widget in a cell leaves text in the notebook, and restores its thread when the cell is run again."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from cfo_widgets import Chat, notebook_output
from cfo_widgets import Workbench as WorkbenchWidget
from cfo_widgets import workbench as workbench_module

from cfo_kernel import Workbench
from tests.widgets.fake_page import FakePage

_SCRIPT = "<img src=x onerror=alert(1)>"
Displayed = list[tuple[str, dict[str, str]]]


@pytest.fixture
def displayed(monkeypatch: pytest.MonkeyPatch) -> Displayed:
    """Records what is displayed next to the widgets, as in a JupyterLab cell."""
    outputs: Displayed = []

    def display(data: dict[str, str], *, raw: bool, display_id: str) -> None:
        outputs.append((display_id, data))

    monkeypatch.setattr(notebook_output, "current_cell", lambda: "notebook#cell")
    monkeypatch.setattr(notebook_output, "display", display)
    monkeypatch.setattr(notebook_output, "update_display", display)
    return outputs


@pytest.fixture
async def in_cell(
    make_workbench: Callable[..., Workbench], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Callable[..., WorkbenchWidget]]:
    """Creates workbench widgets in a notebook cell."""
    monkeypatch.setattr(workbench_module, "current_cell", lambda: "notebook#cell")
    widgets: list[WorkbenchWidget] = []

    def make(**more: Any) -> WorkbenchWidget:
        widgets.append(WorkbenchWidget(make_workbench(model="offline"), **more))
        return widgets[-1]

    yield make
    for widget in widgets:
        widget.close()


async def test_the_text_of_a_conversation_is_displayed_and_updated(
    make_workbench: Callable[..., Workbench], displayed: Displayed
) -> None:
    thread = await (await make_workbench(model="offline").workspace("tiny")).thread()
    chat = Chat()
    await chat.show(thread)
    bundle = chat._repr_mimebundle_()[0]
    assert bundle["text/plain"] == "New thread\n\nRun this cell to continue."
    await thread.ask(f"SQL: SELECT '{_SCRIPT}' AS name")
    await chat.refresh()
    assert {display_id for display_id, _ in displayed} == {chat.model_id}
    text, html = displayed[-1][1]["text/plain"], displayed[-1][1]["text/html"]
    assert f"> SQL: SELECT '{_SCRIPT}' AS name" in text
    assert "<td" in html
    assert "<img" not in html
    count = len(displayed)
    await chat.refresh()
    assert len(displayed) == count, "nothing has changed"
    chat.close()


async def test_outside_a_notebook_nothing_is_displayed_beside_a_widget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notebook_output, "display", lambda *_, **__: pytest.fail("displayed"))
    chat = Chat()
    assert "text/plain" in chat._repr_mimebundle_()[0]
    chat.close()


async def test_only_the_first_page_of_a_cell_restores_its_thread(
    make_workbench: Callable[..., Workbench], in_cell: Callable[..., WorkbenchWidget]
) -> None:
    workspace = await make_workbench(model="offline").workspace("tiny")
    first, second = await workspace.thread(), await workspace.thread()
    await asyncio.gather(first.ask("how many rows are in ledger"), second.ask("how many rows are in ledger"))
    widget = in_cell()
    page = FakePage(widget._frame)
    for thread in (first, second):
        assert await page.ask("enter", thread=thread.id) == {"is_found": True}
        assert widget._frame.thread == first.id, "the kernel knows which thread is open"


async def test_a_thread_of_another_workspace_than_the_named_one_is_not_restored(
    make_workbench: Callable[..., Workbench], in_cell: Callable[..., WorkbenchWidget]
) -> None:
    thread = await (await make_workbench(model="offline").workspace("tiny")).thread()
    await thread.ask("how many rows are in ledger")
    await make_workbench(model="offline").create_workspace("Other")
    widget = in_cell(workspace="other")
    assert await FakePage(widget._frame).ask("enter", thread=thread.id) == {"is_found": True}
    assert widget._frame.thread == ""
    assert widget._workspaces.workspace_id == "other"
