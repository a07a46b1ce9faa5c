"""Changes the glossary for people who edit it at the same time: checked, in one step, and only what they have seen."""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from cfo_kernel.data import glossary_editor, glossary_reader
from cfo_kernel.data.file_names import GLOSSARY
from cfo_kernel.data.workspace_data import WorkspaceData
from cfo_kernel.errors import CfoError, MeaningChanged, restored
from cfo_kernel.interface import MeaningVersion
from cfo_kernel.workbench.glossary_versions import GlossaryVersions, difference, version_of
from cfo_kernel.workbench.storage_errors import storage_errors

_NOT_STORED = f"{GLOSSARY} cannot be stored"
_MOST_SHOWN = 2_000


class GlossaryEdits:
    """The changes of one workspace's glossary."""

    def __init__(self, workspace_dir: Path, data: WorkspaceData) -> None:
        self._folder = workspace_dir / "data"
        self._data = data
        self._versions = GlossaryVersions(workspace_dir)

    async def text(self) -> str:
        """The text of the glossary, "" if there is none. Raises `GlossaryInvalid` if it is not a text file."""
        return await asyncio.to_thread(glossary_reader.text, self._folder)

    async def set(self, changes: Mapping[str, Any], version: str) -> None:
        """Makes the changes in the version that the caller has read.

        Raises `MeaningChanged`, a `GlossaryProblem` or `InvalidInput`, and changes nothing.
        """
        with storage_errors(_NOT_STORED):
            async with self._versions.locked():
                text = await self.text()
                changed = await asyncio.to_thread(glossary_editor.edited, text, changes)
                if changed == text:  # also for a request that is sent again because its answer was lost
                    return
                await asyncio.to_thread(self._check_version, text, version, changes)
                await self._check(text, changed)
                await asyncio.to_thread(self._versions.replace, text, changed, "edit")

    async def unite(self, table: str, files: list[str]) -> None:
        """Says which files form a table, or that they stay apart if there are none. Raises `GlossaryInvalid`."""
        with storage_errors(_NOT_STORED):
            async with self._versions.locked():
                text = await self.text()
                changed = await asyncio.to_thread(glossary_editor.edited, text, {"union": {table: files or False}})
                if changed != text:
                    await asyncio.to_thread(self._versions.replace, text, changed, "edit")

    async def undo(self, version: str) -> None:
        """Restores the text before the last change. Raises `NothingToUndo` or `MeaningChanged`."""
        with storage_errors(_NOT_STORED):
            async with self._versions.locked():
                text = await self.text()
                await asyncio.to_thread(self._check_version, text, version, {})
                earlier = await asyncio.to_thread(self._versions.before_last_edit, text)
                await asyncio.to_thread(self._versions.replace, text, earlier, "undo")

    async def history(self) -> list[MeaningVersion]:
        """The versions that are kept, newest first, each with its difference from the one before."""
        return await asyncio.to_thread(self._history)

    def _history(self) -> list[MeaningVersion]:
        with storage_errors("The versions of the glossary cannot be read"):
            found: list[MeaningVersion] = []
            before = ""
            for stored in self._versions.stored():
                text = stored.text()
                found.append(
                    MeaningVersion(
                        number=stored.number,
                        version=stored.version,
                        at=stored.at,
                        origin=stored.origin,
                        difference=difference(before, text) if found else "",
                    )
                )
                before = text
            return found[::-1]

    def _check_version(self, text: str, version: str, changes: Mapping[str, Any]) -> None:
        """Raises `MeaningChanged`, which shows how the glossary differs from the version that the caller has read."""
        if version == version_of(text):
            return
        earlier = self._versions.text_of(version)
        if earlier is not None:
            shown = f"What changed:\n{difference(earlier, text)}"
        else:
            same = _same_keys(glossary_reader.read_text(text).value, changes)
            now = json.dumps(_with_text_keys(same), default=str, ensure_ascii=False)
            shown = f"The same entries are now: {now[:_MOST_SHOWN]}"
        message = f"The glossary was changed after you had read it. Read it again, then make your change. {shown}"
        raise MeaningChanged(message, version=version_of(text))

    async def _check(self, text: str, changed: str) -> None:
        """Raises the first fault that the text does not have already, as its own error."""
        known = Counter(fault.problem for fault in await self._data.glossary_faults(text))
        for fault in await self._data.glossary_faults(changed):
            if not known[fault.problem]:
                raise _refused(fault.code, fault.problem)
            known[fault.problem] -= 1


def _refused(code: str, problem: str) -> CfoError:
    return restored(code, f"{problem[:1].upper()}{problem[1:]}. Nothing was changed: correct it and try again.")


def _with_text_keys(value: Any) -> Any:
    """The value in a form that JSON can show: in YAML, a key may also be a date or bytes."""
    if isinstance(value, dict):
        return {str(key): _with_text_keys(entry) for key, entry in cast("dict[Any, Any]", value).items()}
    if isinstance(value, list):
        return [_with_text_keys(entry) for entry in cast("list[Any]", value)]
    return value


def _same_keys(value: Any, changes: Mapping[str, Any]) -> Any:
    """The part of the glossary that the changes are about."""
    if not isinstance(value, dict):
        return value
    entries = {str(key).lower(): entry for key, entry in cast("dict[Any, Any]", value).items()}
    return {
        key: _same_keys(entries.get(key.lower()), cast("Mapping[str, Any]", change))
        if isinstance(change, Mapping)
        else entries.get(key.lower())
        for key, change in changes.items()
    }
