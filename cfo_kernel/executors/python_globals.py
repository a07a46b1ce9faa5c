"""A program's globals: pandas and numpy under their usual names, and the tables, which are loaded when first used."""

import builtins
import importlib.abc
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_NO_CHART = "There is no matplotlib here. Put the figures in result_df: the engine draws the chart."
_NO_NETWORK = "There is no network here. Work with the tables of the workspace."
_ADVICE = {
    "duckdb": "duckdb does not run here. Use pandas, or the SQL tool.",
    "matplotlib": _NO_CHART,
    "seaborn": _NO_CHART,
    "plotly": _NO_CHART,
    "requests": _NO_NETWORK,
    "httpx": _NO_NETWORK,
    "urllib3": _NO_NETWORK,
}


class ProgramGlobals(dict[str, Any]):
    """A program's globals. A table is loaded when its name is first used, and is an ordinary variable from then on.

    Subclassing dict is enough, because Python also calls `__missing__` for the globals of functions. The exception is a
    class body, which searches the builtins next, so the builtins provide the tables as well.
    """

    def __init__(self, tables: Mapping[str, Callable[[], Any]], known: Mapping[str, Any]) -> None:
        super().__init__(known)
        self._tables = tables
        self["__builtins__"] = _Builtins(self)

    def __missing__(self, name: str) -> Any:
        if name not in self._tables:
            raise KeyError(name)
        self[name] = frame = self._tables[name]()
        return frame


class _Builtins(dict[str, Any]):
    """Python's builtins, followed by the tables that `ProgramGlobals` would load."""

    def __init__(self, program_globals: ProgramGlobals) -> None:
        super().__init__(vars(builtins))
        self._globals = program_globals

    def __missing__(self, name: str) -> Any:
        return self._globals.__missing__(name)


class ImportAdvice(importlib.abc.MetaPathFinder):
    """Suggests an alternative to a library that cannot work here.

    It blocks nothing, since the confinement does that.
    """

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        if advice := _ADVICE.get(fullname.partition(".")[0]):
            raise ModuleNotFoundError(advice, name=fullname)
        return None

    def install(self) -> None:
        sys.meta_path.insert(0, self)
