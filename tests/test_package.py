"""The package as a whole: its exports, its errors, and the cost of importing it."""

import ast
import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

import cfo_kernel
from cfo_kernel import errors

EXPORTS = [
    "CfoError", "DataFile", "Dataset", "Direct", "Download", "Event", "FinishedRun", "Numbered", "PageRequest",
    "QueryPlan", "Reply", "ResultPage", "ResultTable", "Run", "RunSQL", "Settings", "ShownMessage", "Status",
    "TaskResult", "Thread", "UsageTotals", "UserInteraction", "Workbench", "Workspace", "WriteSheetFromFile",
    "connect", "load_ipython_extension", "unload_ipython_extension", "vega_lite",
]  # fmt: skip
HEAVY = ("pandas", "duckdb", "openai", "pydantic_ai", "sqlmodel", "pyarrow", "fastapi", "ipywidgets", "IPython")


def modules_after(code: str) -> set[str]:
    program = f"{code}\nimport sys; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_api_is_what_the_root_exports() -> None:
    assert sorted(cfo_kernel.__all__) == EXPORTS
    for name in EXPORTS:
        assert getattr(cfo_kernel, name) is not None


def test_the_version_is_written_in_one_place() -> None:
    sources = Path(__file__).parents[1]
    project = tomllib.loads((sources / "pyproject.toml").read_text())
    assert "version" in project["project"]["dynamic"]
    assert project["tool"]["hatch"]["version"]["path"] == "cfo_kernel/__init__.py"
    packages = [sources / package for package in ("cfo_kernel", "api/cfo_api", "widgets/cfo_widgets")]
    files = [file for package in packages for file in package.rglob("*.py")]
    assert [file.name for file in files if f'"{cfo_kernel.__version__}"' in file.read_text()] == ["__init__.py"]


def test_importing_costs_next_to_nothing() -> None:
    assert not modules_after("import cfo_kernel") & set(HEAVY)


def test_the_engine_itself_needs_neither_duckdb_nor_pandas() -> None:
    """Only its workers need them: files are read, and SQL and programs run, in separate processes."""
    assert not modules_after("import cfo_kernel.workbench.engine") & {"duckdb", "pandas", "pyarrow"}


def test_looking_around_loads_no_model_and_no_data_library() -> None:
    loaded = modules_after("from cfo_kernel import connect")
    assert not loaded & set(HEAVY)
    assert not modules_after("from cfo_kernel import Settings, CfoError, Reply, Event") & set(HEAVY)


def test_the_worker_of_queries_starts_without_pydantic() -> None:
    assert not modules_after("import cfo_kernel.executors.sql_worker") & {"pydantic", "pandas", "sqlalchemy"}


def test_a_server_is_reached_without_any_engine() -> None:
    """A client of a server never loads the engine, from the call to `connect` to a refused request."""
    loaded = modules_after(
        "import asyncio\n"
        "from cfo_kernel import CfoError, connect\n"
        "async def look():\n"
        "    async with connect('http://127.0.0.1:9') as wb:\n"
        "        await wb.workspaces()\n"
        "try:\n"
        "    asyncio.run(look())\n"
        "except CfoError as error:\n"
        "    assert error.code == 'server_unavailable'"
    )
    assert "httpx2" in loaded
    assert not loaded & {*HEAVY, "sqlalchemy", "numpy"}


def leaves(tree: type[errors.CfoError]) -> list[type[errors.CfoError]]:
    children = tree.__subclasses__()
    return [leaf for child in children for leaf in leaves(child)] if children else [tree]


def test_every_error_has_its_own_code_and_a_place_in_the_tree() -> None:
    every = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.CfoError)]
    codes = [kind.code for kind in every]
    assert len(set(codes)) == len(codes)
    tree = importlib.import_module("cfo_kernel.errors").__doc__ or ""
    named = {word for word in tree.replace("·", " ").split() if word.isidentifier()}
    assert {kind.__name__ for kind in every} <= named
    assert {leaf.code: leaf for leaf in leaves(errors.CfoError)} == errors.BY_CODE


def test_an_error_comes_back_as_itself() -> None:
    for kind in errors.BY_CODE.values():
        made = errors.restored(kind.code, "What to do.", line=3)
        assert type(made) is kind
        assert (made.message, str(made), made.details) == ("What to do.", "What to do.", {"line": 3})
    unknown = errors.restored("of_a_newer_version", "x")
    assert (type(unknown), unknown.code) == (errors.CfoError, "of_a_newer_version")
    assert errors.CfoError.code == "error"


def test_only_leaves_are_raised() -> None:
    """An error is sent between processes as its code, and the code of a base class is not restored as that class."""
    every = {
        name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, errors.CfoError)
    }
    branches = every - {leaf.__name__ for leaf in errors.BY_CODE.values()}
    raised: list[str] = []
    for path in Path(cfo_kernel.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            call = node.exc if isinstance(node, ast.Raise) else None
            if isinstance(call, ast.Call):
                name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
                raised += [f"{path.name}: {name}"] * (name in branches)
    assert raised == []
