"""Creates an environment with only the wheel and its requirements, without a network and in a second or two.

pip installs the wheel. The files of the required distributions are linked from the environment of the tests, one by
one, so a distribution that the wheel fails to require is missing here, as it would be for a user.
"""

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


class Environment:
    """A virtual environment at `folder` with the wheel and the given extras."""

    def __init__(self, folder: Path, wheel: Path, *extras: str) -> None:
        self.folder = folder
        venv.create(folder, symlinks=True)
        self.python = folder / "bin" / "python"
        self.cfo = folder / "bin" / "cfo"
        self._site = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
        pip = [sys.executable, "-m", "pip", "--python", str(self.python), "install", "--quiet"]
        options = ["--no-index", "--no-deps", "--no-compile", "--disable-pip-version-check"]
        subprocess.run([*pip, *options, str(wheel)], check=True)
        for required in self._required(extras):
            self._link(required)

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables for a process: those of the tests, except settings and paths to other packages."""
        foreign = ("CFO_", "OPENAI_", "ANTHROPIC_", "PYTHON", "JUPYTER", "VIRTUAL_ENV")
        return {name: value for name, value in os.environ.items() if not name.startswith(foreign)}

    def _required(self, extras: tuple[str, ...]) -> Iterator[Distribution]:
        """All distributions that the wheel needs with these extras, directly or indirectly."""
        [metadata] = self._site.glob("cfo_kernel-*.dist-info")
        open_ = [(Distribution.at(metadata), ("", *extras))]
        seen: set[tuple[str, str]] = set()
        found: set[str] = set()
        while open_:
            one, wanted = open_.pop()
            for requirement in map(Requirement, one.requires or ()):
                marker = requirement.marker
                if marker and not any(marker.evaluate({"extra": extra}) for extra in wanted):
                    continue
                name = canonicalize_name(requirement.name)
                new = {(name, extra) for extra in ("", *requirement.extras)} - seen
                if new:
                    seen |= new
                    required = distribution(name)
                    open_.append((required, tuple(extra for _, extra in new)))
                    if name not in found:
                        found.add(name)
                        yield required

    def _link(self, required: Distribution) -> None:
        """Links a distribution's modules and data files, but not its scripts, which would start another Python."""
        for file in required.files or ():
            if file.parts[0] != "..":
                target = self._site / file
            elif "share" in file.parts or "etc" in file.parts:
                start = file.parts.index("share" if "share" in file.parts else "etc")
                target = self.folder.joinpath(*file.parts[start:])
            else:
                continue
            source = Path(str(required.locate_file(file)))
            if source.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                try:
                    target.hardlink_to(source)
                except OSError:  # on another disk
                    shutil.copyfile(source, target)
