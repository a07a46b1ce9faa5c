"""Names of columns, no two of which may be alike: SQL does not tell upper from lower case."""

from collections.abc import Sequence


def unique_names(names: Sequence[str]) -> list[str]:
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


_LOWER = str.maketrans({chr(code): chr(code + 32) for code in range(ord("A"), ord("Z") + 1)})


def fold_case(name: str) -> str:
    """The name as DuckDB compares it: only the ASCII letters lose their case.

    `str.lower` makes the Kelvin sign a k; a name that passed for another would be looked up as a file.
    """
    return name.translate(_LOWER)
