"""The finance measures that the engine knows. They are data: `finance_measures.toml` describes its entries."""

import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Literal

from cfo_kernel.data.semantics.meaning import Role
from cfo_kernel.values import Value

DAYS = "days"
"""The name that stands for the number of days in a question's period."""


class Concept(Value):
    """A part of a measure, and the words that name it in a company's files.

    `counts` means that it is a number of distinct things, such as orders. `of` and `flag` define it as the part of
    another concept in rows with a yes in a column named like one of the flags. `is_cost` means that measures count it
    as positive.
    """

    roles: tuple[Role, ...]
    words: tuple[str, ...]
    counts: bool = False
    of: str | None = None
    flag: tuple[str, ...] = ()
    is_cost: bool = False


class LibraryMeasure(Value):
    """A measure. Its `expression` names concepts, and other measures in the library."""

    expression: str
    explanation: str
    synonyms: tuple[str, ...] = ()
    unit: str | None = None
    better: Literal["higher", "lower"] | None = None


class Comparison(Value):
    """A comparison of any figure with itself, at another time or in another scenario, and the plan that computes it."""

    form: str
    plan: str
    synonyms: tuple[str, ...] = ()


class FinanceLibrary(Value):
    """All entries of the library, by name."""

    concepts: dict[str, Concept]
    measures: dict[str, LibraryMeasure]
    comparisons: dict[str, Comparison]


@lru_cache(maxsize=1)
def finance_library() -> FinanceLibrary:
    """Reads the library from its file."""
    return FinanceLibrary.model_validate(
        tomllib.loads(Path(__file__).with_name("finance_measures.toml").read_text("utf-8"))
    )
