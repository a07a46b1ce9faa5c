import pytest

from cfo_kernel.executors.sql_names import unique_names


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a", "b"], ["a", "b"]),
        (["a", "a", "a"], ["a", "a_2", "a_3"]),
        (["a", "A"], ["a", "A_2"]),
        (["a", "a", "a_2"], ["a", "a_3", "a_2"]),
        (["a_2", "a", "a", "A_2"], ["a_2", "a", "a_3", "A_2_2"]),
        ([], []),
    ],
)
def test_names_are_unique_without_case(names: list[str], expected: list[str]) -> None:
    assert unique_names(names) == expected
    assert len({name.lower() for name in unique_names(names)}) == len(names)
