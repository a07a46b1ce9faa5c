"""cfo_kernel: a Jupyter-native analyst workbench. Ask questions of a company's files, and get figures you can defend.

    wb = connect()
    thread = await (await wb.workspace("adventure_works")).thread()
    await thread.ask("total actual amount of Salaries in 2012 by department")

Names in `__all__` are loaded on first use, so that `import cfo_kernel` is fast.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cfo_kernel.charts import vega_lite as vega_lite
    from cfo_kernel.connection import connect as connect
    from cfo_kernel.data.direct_query import Direct as Direct
    from cfo_kernel.data.plan import QueryPlan as QueryPlan
    from cfo_kernel.data.result_pages import PageRequest as PageRequest
    from cfo_kernel.data.result_pages import ResultPage as ResultPage
    from cfo_kernel.data.tables import Dataset as Dataset
    from cfo_kernel.errors import CfoError as CfoError
    from cfo_kernel.events import Event as Event
    from cfo_kernel.events import FinishedRun as FinishedRun
    from cfo_kernel.events import Numbered as Numbered
    from cfo_kernel.events import Status as Status
    from cfo_kernel.events import UsageTotals as UsageTotals
    from cfo_kernel.interface import DataFile as DataFile
    from cfo_kernel.interface import Download as Download
    from cfo_kernel.interface import Run as Run
    from cfo_kernel.interface import ShownMessage as ShownMessage
    from cfo_kernel.interface import Thread as Thread
    from cfo_kernel.interface import Workbench as Workbench
    from cfo_kernel.interface import Workspace as Workspace
    from cfo_kernel.magics import load_ipython_extension as load_ipython_extension
    from cfo_kernel.magics import unload_ipython_extension as unload_ipython_extension
    from cfo_kernel.replies import Reply as Reply
    from cfo_kernel.replies import ResultTable as ResultTable
    from cfo_kernel.replies import RunSQL as RunSQL
    from cfo_kernel.replies import TaskResult as TaskResult
    from cfo_kernel.replies import UserInteraction as UserInteraction
    from cfo_kernel.replies import WriteSheetFromFile as WriteSheetFromFile
    from cfo_kernel.settings import Settings as Settings

_MODULES = {
    "CfoError": "errors",
    "DataFile": "interface",
    "Dataset": "data.tables",
    "Direct": "data.direct_query",
    "Download": "interface",
    "Event": "events",
    "FinishedRun": "events",
    "Numbered": "events",
    "PageRequest": "data.result_pages",
    "QueryPlan": "data.plan",
    "Reply": "replies",
    "ResultPage": "data.result_pages",
    "ResultTable": "replies",
    "Run": "interface",
    "RunSQL": "replies",
    "Settings": "settings",
    "ShownMessage": "interface",
    "Status": "events",
    "TaskResult": "replies",
    "Thread": "interface",
    "UsageTotals": "events",
    "UserInteraction": "replies",
    "Workbench": "interface",
    "Workspace": "interface",
    "WriteSheetFromFile": "replies",
    "connect": "connection",
    "load_ipython_extension": "magics",
    "unload_ipython_extension": "magics",
    "vega_lite": "charts",
}
__all__ = sorted(_MODULES)  # pyright: ignore[reportUnsupportedDunderAll]
__version__ = "0.1.0"  # the only definition of the version, which the build also reads from here


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(f"cfo_kernel.{_MODULES[name]}"), name)
    raise AttributeError(f"module 'cfo_kernel' has no attribute {name!r}")
