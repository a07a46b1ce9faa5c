"""Checks the glossary's form and its references to tables, and leaves out the parts that are not valid."""

import copy
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from cfo_kernel import validation_errors
from cfo_kernel.data.glossary import GlossaryFile
from cfo_kernel.data.glossary_guards import LostGuards, lost_guards
from cfo_kernel.data.glossary_names import wrong_names
from cfo_kernel.data.glossary_reader import Location, Written, drop
from cfo_kernel.data.tables import Tables
from cfo_kernel.errors import GlossaryProblem

_MOST_FAULTS = 100
_Dropped = tuple[Location, GlossaryProblem]


@dataclass(frozen=True)
class CheckedGlossary:
    """The valid part of a glossary, an error for each part that is left out, and the guards lost with these parts."""

    file: GlossaryFile
    faults: tuple[GlossaryProblem, ...] = ()
    lost: LostGuards = field(default_factory=dict[tuple[str, str], str])


def checked(written: Written, tables: Tables | None = None) -> CheckedGlossary:
    """The well-formed part of the glossary. With `tables`, parts that refer to unknown names are dropped too."""
    value = copy.deepcopy(written.value)
    dropped: list[_Dropped] = []
    file = _valid(value, written, dropped)
    while tables is not None and (wrong := list(wrong_names(file, tables))):
        dropped += [(part.loc, written.fault(part.loc, part.problem, part.kind)) for part in wrong]
        for loc, *_ in reversed(wrong):  # from the last to the first, so that positions in lists stay valid
            drop(value, loc)
        file = _valid(value, written, dropped)
    faults = sorted((*written.faults, *(fault for _, fault in dropped)), key=lambda fault: int(fault.details["line"]))
    lost = lost_guards(((loc, fault.message) for loc, fault in (*written.skipped, *dropped)), file)
    return CheckedGlossary(file=file, faults=tuple(faults[:_MOST_FAULTS]), lost=lost)


def _valid(value: dict[Any, Any], written: Written, dropped: list[_Dropped]) -> GlossaryFile:
    """The glossary built from these values. Malformed parts are removed from `value` first."""
    for _ in range(_MOST_FAULTS):
        try:
            return GlossaryFile.model_validate(value)
        except ValidationError as error:
            found = validation_errors.faults(error.errors(include_url=False, include_input=False))
            dropped += [(fault.loc, written.fault(fault.loc, fault.describe(fault.path))) for fault in found]
            removed: set[Location] = set()
            for loc in reversed([fault.loc for fault in found]):
                if any(loc[:length] in removed for length in range(1, len(loc) + 1)):
                    continue  # a second error in the same part
                path = drop(value, loc)
                if not path:
                    return GlossaryFile()
                removed.add(path)
    return GlossaryFile()
