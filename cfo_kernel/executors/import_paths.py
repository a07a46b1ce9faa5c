"""Finds the packages that worker processes may import, which are those on the engine's own paths.

Packages may be anywhere: in a folder named in a `.pth` file, in the user's site-packages (`--user`), in a folder on
`PYTHONPATH` (`--target`), in a zip file, or in the checkout of an editable installation. A confined process may read
only the packages in such a folder, because the folder may also contain a `.env`, data, or all of a user's files.
"""

import contextlib
import functools
import importlib.abc
import json
import os
import pwd
import site
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec
from pathlib import Path
from types import ModuleType

_SITE_NAMES = ("site-packages", "dist-packages")
_MODULES = (".py", ".pyc", ".egg", *EXTENSION_SUFFIXES)
_PARTS_OF_PACKAGES = (".dist-info", ".egg-info", ".libs", ".egg")
_INITS = ("__init__.py", "__init__.pyc")
_ENGINE = Path(__file__).resolve().parents[1]
"""The engine's own package. Workers need it even if the workspaces are in the same checkout."""


def engine_path() -> list[str]:
    """The engine's own search path for packages. Workers search it in the same order.

    The current folder and the script's folder are excluded unless `PYTHONPATH` names them, because their files are not
    meant for workers.
    """
    script = getattr(sys.modules.get("__main__"), "__file__", None)
    left_out = _absolute([".", str(Path(script).parent) if script else "."])
    named = _absolute(os.environ.get("PYTHONPATH", "").split(os.pathsep))
    return [path for path in _absolute(sys.path) if path in named or path not in left_out]


_START = """
import json, runpy, sys
given = json.loads(sys.argv[1])
sys.path[:] = given + [path for path in sys.path if path not in given]
del sys.argv[:2]
try:
    runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)
except Exception as error:
    sys.exit(f'{type(error).__name__}: {error}')
"""


def command(module: str, *arguments: str, flags: Sequence[str] = ()) -> tuple[str, ...]:
    """The command that runs a module of the engine as a process, without the user's environment.

    If the process fails, it prints one line on standard error instead of a traceback, and the engine reports that line.
    """
    return (sys.executable, "-I", *flags, "-c", _START, json.dumps(engine_path()), module, *arguments)


@dataclass(frozen=True)
class ReadablePaths:
    """The parts of the packages that a confined process may read.

    `whole` contains files, and folders that it may read with everything in them. In the folders in `listed`, it may
    only list the names. `refused` maps the locations on `sys.path` that it cannot import from to the reason.
    """

    whole: tuple[Path, ...]
    listed: tuple[Path, ...]
    refused: dict[str, str]


def readable_paths(scratch: Path) -> ReadablePaths:
    """The paths that a process working in `scratch` may read.

    Folders with other people's or companies' data are excluded.
    """
    private = {_home(): "your home folder", scratch.resolve(): "the folder of the workspaces"}
    whole, listed, refused = [_ENGINE], list[Path](), dict[str, str]()
    for place in package_places():
        inside = [what for path, what in private.items() if path.is_relative_to(place.folder)]
        if inside and place.entry:
            refused[place.entry] = f"{inside[0]} is in it"
        else:
            whole += place.parts
            listed += [place.folder] if place.is_listed else []
    safe = [path for path in whole if not any(home.is_relative_to(path) for home in private)]
    return ReadablePaths((*_installed_folders(), *safe), tuple(listed), refused)


@dataclass(frozen=True)
class _Place:
    """An entry in `sys.path` with its packages, or packages that are found without an entry in `sys.path`."""

    entry: str
    folder: Path
    parts: tuple[Path, ...]
    is_listed: bool = False


@functools.cache
def package_places() -> tuple[_Place, ...]:
    """The locations of packages, apart from the interpreter's own folders.

    They are looked up only once, so that a process does this work for all processes that it forks.
    """
    installed = _installed_folders()
    found = [_Place("", folder, (*_linked(folder),)) for folder in installed if folder.name in _SITE_NAMES]
    for entry in sys.path:
        folder = Path(entry).resolve()
        if any(folder.is_relative_to(known) for known in installed):
            continue
        if not folder.is_dir():
            found.append(_Place(entry, folder, (_archive(folder),)))
        elif folder.name in _SITE_NAMES:
            found.append(_Place(entry, folder, (folder, *_linked(folder))))
        else:
            parts = (*_parts(folder),)
            found.append(_Place(entry, folder, parts, is_listed=bool(parts)))
    return (*found, _Place("", Path("/"), (*_editable_packages(),)))


class RefusedPackages(importlib.abc.MetaPathFinder):
    """The last import finder in a confined process.

    It explains why a package in a location that must not be read is not found.
    """

    def __init__(self, refused: dict[str, str]) -> None:
        self._refused = refused

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        for folder, reason in self._refused.items():
            if path is None and any(Path(folder, f"{fullname}{end}").exists() for end in ("", *_MODULES)):
                message = (
                    f"{fullname} is installed in a folder that a confined process may not read, since {reason}."
                    " Install it into the environment of cfo_kernel, or into a separate folder."
                )
                raise ModuleNotFoundError(message, name=fullname)
        return None

    def install(self) -> None:
        """Blocks all lookups in the forbidden locations, where Python would fail to open files."""
        sys.path[:] = [entry for entry in sys.path if entry not in self._refused]
        sys.meta_path.append(self)


def _absolute(entries: Iterable[str]) -> list[str]:
    """The entries as absolute paths, without duplicates.

    Relative paths are dropped if the current folder was removed.
    """
    found: dict[str, None] = {}
    for entry in entries:
        with contextlib.suppress(FileNotFoundError):
            if entry:
                found[os.path.abspath(entry)] = None  # noqa: PTH100 - without `..`, but with links unresolved
    return list(found)


@functools.cache
def _installed_folders() -> list[Path]:
    """The folders of the interpreter and of its site-packages."""
    paths = sysconfig.get_paths()
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    libraries = (Path(prefix, "lib") for prefix in (sys.prefix, sys.base_prefix))  # in conda, for example
    folders = [*(Path(paths[name]) for name in names), *map(Path, site.getsitepackages()), *libraries]
    return list(dict.fromkeys(folder.resolve() for folder in folders if folder.is_dir()))


def _home() -> Path:
    """The user's home folder, regardless of the environment variables."""
    with contextlib.suppress(KeyError):  # a container may have no such user
        return Path(pwd.getpwuid(os.geteuid()).pw_dir).resolve()
    return Path("/")


def _parts(folder: Path) -> Iterator[Path]:
    """The packages and modules in a folder that may also contain other files."""
    claimed: set[str] | None = None
    for entry in os.scandir(folder):
        path = Path(entry.path)
        if entry.name.startswith("."):
            continue
        if not entry.is_dir():
            if entry.name.endswith(_MODULES):
                yield path.resolve()
        elif entry.name.endswith(_PARTS_OF_PACKAGES) or any((path / name).exists() for name in _INITS):
            yield path.resolve()
        elif entry.name.isidentifier():  # a namespace package, or any other folder
            claimed = _names_in_records(folder) if claimed is None else claimed
            if entry.name in claimed:
                yield path.resolve()


def _names_in_records(folder: Path) -> set[str]:
    """The names that pip installed in the folder, according to pip's records."""
    names: set[str] = set()
    for record in folder.glob("*.dist-info/RECORD"):
        with contextlib.suppress(OSError):
            names.update(line.partition("/")[0] for line in record.read_text(errors="replace").splitlines())
    return names


def _archive(path: Path) -> Path:
    """The zip file that the path leads into, or else the path itself."""
    return next((part for part in (path, *path.parents) if part.is_file()), path)


def _linked(folder: Path) -> Iterator[Path]:
    """Packages that are linked into site-packages, as a whole or file by file."""
    for entry in os.scandir(folder):
        init = Path(entry.path, "__init__.py")
        if entry.is_symlink():
            yield Path(entry.path).resolve()
        elif entry.is_dir() and init.is_symlink():
            yield init.resolve().parent


def _editable_packages() -> Iterator[Path]:
    """Packages of editable installations that setuptools finds with its own finder instead of `sys.path`."""
    for finder in sys.meta_path:
        module = sys.modules.get(getattr(finder, "__module__", ""))
        mapping: object = getattr(module, "MAPPING", None)
        if module is not None and module.__name__.startswith("__editable__") and isinstance(mapping, dict):
            for place in mapping.values():  # pyright: ignore[reportUnknownVariableType]
                path = Path(str(place))  # pyright: ignore[reportUnknownArgumentType]
                yield path.resolve() if path.exists() else path.with_suffix(".py").resolve()
