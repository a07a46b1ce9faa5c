"""Names of tables and columns, compared as in SQL, which ignores case."""

from collections.abc import Sequence

MAX_NAME = 200
_CONTROLS = dict.fromkeys((*range(32), *range(127, 160)), "�")


def bounded_names(names: Sequence[str]) -> list[str]:
    """The column names of an untrusted file, made safe: short, distinct, and without control characters."""
    plain = [name.translate(_CONTROLS) or "column" for name in names]
    return unique_names([name if len(name) <= MAX_NAME else name[: MAX_NAME - 1] + "…" for name in plain])


def unique_names(names: Sequence[str]) -> list[str]:
    """The names, with a number appended to each repeated name so that all are different."""
    given = {name.lower() for name in names}
    taken: set[str] = set()
    result: list[str] = []
    for name in names:
        unique, count = name, 2
        # An added number must not collide with a later name: a, a, a_2 become a, a_3, a_2.
        while unique.lower() in taken or (unique != name and unique.lower() in given):
            unique, count = f"{name}_{count}", count + 1
        taken.add(unique.lower())
        result.append(unique)
    return result


_LOWER = str.maketrans({chr(code): chr(code + 32) for code in range(ord("A"), ord("Z") + 1)})


def fold_case(name: str) -> str:
    """The name as DuckDB compares it: only ASCII letters are lowercased.

    `str.lower` turns the Kelvin sign into a k. The policy could then mistake the name for a known table, while DuckDB
    would look it up as a file.
    """
    return name.translate(_LOWER)
