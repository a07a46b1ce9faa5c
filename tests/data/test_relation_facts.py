"""Pairs of columns that may refer to each other, in workspaces with very many columns."""

from collections.abc import Sequence
from typing import Any

import pytest

from cfo_kernel.data.semantics import relation_facts
from cfo_kernel.data.semantics.facts import TableFacts
from cfo_kernel.data.tables import Column, Table, Tables
from cfo_kernel.errors import QueryTimeout


def _table(name: str, columns: Sequence[str]) -> Table:
    made = [Column(name=n, type="BIGINT", nulls=0, distinct=500, minimum="1", maximum="1000") for n in columns]
    return Table(name=name, dataset=name, columns=tuple(made), row_count=500)


def test_with_many_columns_the_likely_pairs_are_compared_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relation_facts, "_MOST_COMPARED", 2_000)
    compared: list[str] = []
    real = relation_facts._may_refer

    def counted(column: Column, key: Column, target: Table) -> bool:
        compared.append(column.name)
        return real(column, key, target)

    monkeypatch.setattr(relation_facts, "_may_refer", counted)
    words = ["".join(chr(97 + int(digit)) for digit in f"{i:04}") for i in range(2_000)]
    tables = [_table(f"t{i}", words[50 * i : 50 * i + 50]) for i in range(40)]
    tables += [_table("customers", ["customer no"]), _table("orders", ["amount", "customer"])]
    facts = {t.name: TableFacts(keys=((t.columns[0].name,),)) for t in tables}
    pairs = relation_facts.likely_pairs(tables, facts)
    assert len(compared) <= len(tables) * relation_facts._FEWEST_COMPARED
    names = {(source[1].name, target[1].name) for source, target in pairs}
    assert ("customer", "customer no") in names
    assert len(names) == len(pairs)


async def test_a_range_that_takes_too_long_does_not_lose_the_other_facts() -> None:
    rates = _table("rates", ["from no", "to no"])
    sales = _table("sales", ["from no"])
    facts = {"rates": TableFacts(ordered=(("from no", "to no"),), keys=(("from no",),)), "sales": TableFacts()}

    async def ask(sql: str) -> Sequence[Sequence[Any]]:
        if " BETWEEN " in sql:
            raise QueryTimeout("It takes too long.")
        return [(i, 500, 500) for i in range(sql.count("UNION ALL") + 1)]

    found = await relation_facts.relation_facts(Tables([rates, sales]), facts, ask)
    assert ("sales", "rates") in [(i.table, i.to_table) for i in found.inclusions]
    assert not found.between
