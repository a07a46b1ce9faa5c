"""Names of columns, no two of which may be alike: SQL does not tell upper from lower case."""

from collections.abc import Sequence


def distinct(names: Sequence[str]) -> list[str]:
    """The names, a repeated one with a number behind it that no other name has."""
    given = {name.lower() for name in names}
    taken: set[str] = set()
    result: list[str] = []
    for name in names:
        unique, count = name, 2
        while unique.lower() in taken or (unique != name and unique.lower() in given):
            unique, count = f"{name}_{count}", count + 1
        taken.add(unique.lower())
        result.append(unique)
    return result
