"""Finds the known names that resemble a misspelled name, in bounded time, because callers run in the event loop."""

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

_MOST_NAMES = 5_000
_LONGEST = 64  # characters that are compared
_COMPARED = 6


def similar(name: str, known: Iterable[str], most: int = 3, likeness: float = 0.5) -> list[str]:
    """The known names most similar to `name`, ignoring case, best first. Only the first 5,000 are searched.

    `difflib` ranks names as people would, but takes seconds for thousands of long names. It therefore compares only the
    names that rapidfuzz, whose score is never below difflib's, finds closest.
    """
    # Imported here, because most processes suggest no names, and this loads more than forty modules.
    from rapidfuzz import process
    from rapidfuzz.distance import Indel

    by_lower = {k[:_LONGEST].lower(): k for k in islice(known, _MOST_NAMES)}
    asked = name[:_LONGEST].lower()
    scored = process.extract(
        asked, by_lower.keys(), scorer=Indel.normalized_similarity, limit=_COMPARED, score_cutoff=likeness
    )
    return [by_lower[k] for k in get_close_matches(asked, [k for k, *_ in scored], most, likeness)]
