"""The widgets of cfo_kernel. `Workbench(connect())` shows all of them together. Each also works in its own cell.

A widget is imported only when it is first used, so that `python -m cfo_widgets` does not import any.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cfo_widgets.chat import Chat as Chat
    from cfo_widgets.data_panel import DataPanel as DataPanel
    from cfo_widgets.results import ResultView as ResultView
    from cfo_widgets.thread_picker import ThreadPicker as ThreadPicker
    from cfo_widgets.workbench import Workbench as Workbench
    from cfo_widgets.workspace_picker import WorkspacePicker as WorkspacePicker

_MODULES = {
    "Chat": "chat",
    "DataPanel": "data_panel",
    "ResultView": "results",
    "ThreadPicker": "thread_picker",
    "Workbench": "workbench",
    "WorkspacePicker": "workspace_picker",
}
__all__ = sorted(_MODULES)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(f"cfo_widgets.{_MODULES[name]}"), name)
    raise AttributeError(f"module 'cfo_widgets' has no attribute {name!r}")
