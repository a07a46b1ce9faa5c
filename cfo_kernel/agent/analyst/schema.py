"""The role of each table and column: which tables hold figures or names, and which column dates the rows."""

from cfo_kernel.agent.analyst.phrases import ASKS, Ask
from cfo_kernel.agent.analyst.words import split, stem, words_in
from cfo_kernel.data.glossary import GlossaryFile, TableNotes
from cfo_kernel.data.hierarchies import NO_TREES, Node, Tree, Trees
from cfo_kernel.data.plan import Join
from cfo_kernel.data.tables import Column, Kind, Table, Tables

_RATES = words_in(
    "rate price ratio percent pct percentage margin age temperature score ownership share average avg factor"
)
_CALENDAR = words_in("year month quarter week day period weekday")
_CODES = words_in("zip zipcode postcode postal plz phone telephone fax iban ean sku isbn ssn serial")
_SCENARIOS = words_in("actual actuals budget budgeted forecast plan planned")
_MONEY = words_in("currency ccy curr cur iso")
_MOST_APART = 200
_AMOUNTS = frozenset(["amount", "amt", "value", "balance"])
_NAMING = frozenset(["name", "description", "title", "label", "text"])


class Schema:
    """The tables, glossary and trees, with the lookups that the analyst needs."""

    def __init__(self, tables: Tables, glossary: GlossaryFile, trees: Trees = NO_TREES) -> None:
        self.tables = tables
        self.glossary = glossary
        self.trees = trees
        self._targets = {r.to_table.lower() for r in tables.relations}

    def notes(self, table: str) -> TableNotes:
        return self.glossary.table(table)

    def column(self, name: str) -> tuple[Table, Column]:
        """The table and the column that `table.column` refers to."""
        table, _, column = name.partition(".")
        found = self.tables[table].column(column)
        if found is None:
            raise KeyError(name)
        return self.tables[table], found

    def measures(self, table: Table) -> tuple[Column, ...]:
        """The columns whose numbers are figures, not keys, codes or parts of a date."""
        return tuple(
            c
            for c in table.columns
            if c.kind is Kind.NUMBER and not c.is_key and c.name.lower().rpartition("_")[2] not in _CALENDAR | _CODES
        )

    def facts(self) -> tuple[Table, ...]:
        """The tables with figures that no other table refers to or, failing that, all tables with figures."""
        with_figures = [t for t in self.tables.values() if self.measures(t)]
        return tuple(t for t in with_figures if t.name.lower() not in self._targets) or tuple(with_figures)

    def is_fact(self, table: str) -> bool:
        return any(t.name.lower() == table.lower() for t in self.facts())

    def joins(self, start: str, tables: set[str]) -> tuple[Join, ...] | None:
        """The joins from `start` to these tables, or None if a table is out of reach or reached by two columns.

        They are left joins, so that a row without a matching key stays in the total.
        """
        joins: dict[str, Join] = {}
        for goal in sorted(tables):
            path = self.tables.path(start, goal)
            if path is None:
                return None
            for r in path:
                left, right = f"{r.table}.{r.column}", f"{r.to_table}.{r.to_column}"
                if (
                    joins.setdefault(r.to_table, Join(table=r.to_table, left=left, right=right, kind="left")).left
                    != left
                ):
                    return None
        return tuple(joins.values())

    def date(self, table: str) -> str | None:
        """The column that dates the table's rows, in the table or in a joined table.

        None if there is no single such column.
        """
        if named := self.notes(table).date:
            return f"{table}.{named}"
        if own := self._own_dates(table):
            return f"{table}.{own[0]}" if len(own) == 1 else None
        joined = [
            f"{t.name}.{c.name}"
            for t in self.tables.values()
            if t.name != table and self.tables.path(table, t.name)
            for c in t.columns
            if c.kind is Kind.TIME
        ]
        return joined[0] if len(joined) == 1 else None

    def no_date(self, table: str, purpose: str) -> str:
        """A sentence that explains why `date` is None for the table."""
        if own := self._own_dates(table):
            choice = f"Name the one to use in datasets.yaml, for example with `date: {own[0]}`."
            return f"{self.table_label(table)} has several dates {purpose}: {', '.join(own)}. {choice}"
        return f"{self.table_label(table)} has no date {purpose}."

    def _own_dates(self, table: str) -> list[str]:
        return [c.name for c in self.tables[table].columns if c.kind is Kind.TIME]

    def kept_apart(self, table: str) -> tuple[str, ...]:
        """Columns whose values must not be added together: those in the glossary, or a guess if it has no notes."""
        notes = self.notes(table)
        if notes.kept_apart or notes.defaults or notes.columns:
            return tuple(notes.kept_apart)
        near = [t for t in self.tables.values() if t.name == table or self.tables.path(table, t.name)]
        return tuple(f"{t.name}.{c.name}" for t in near for c in t.columns if c.values and _apart(c))

    def is_rate(self, column: str) -> bool:
        """Whether a total of the column would be meaningless, as for prices, rates and percentages."""
        return bool(_RATES & {w.stem for w in split(column.partition(".")[2].replace("_", " "))})

    def is_ledger_amount(self, column: str) -> bool:
        """Whether the column contains amounts of all kinds, so that only the account separates costs from income."""
        return bool(_AMOUNTS & {w.norm for w in split(column.partition(".")[2].replace("_", " "))})

    def names_rows(self, table: Table, column: Column) -> bool:
        """Whether the column names the table's rows, so that two rows with the same name are different things."""
        return column.kind is Kind.TEXT and column.distinct > 1 and column.distinct >= 0.8 * table.row_count

    def naming_column(self, table: Table) -> Column | None:
        """The column that users refer to by the table's name: 'by product' means by product name."""
        texts = [c for c in table.columns if c.kind is Kind.TEXT]
        named = [c for c in texts if _NAMING & set(c.name.lower().split("_"))] or [c for c in texts if not c.is_key]
        best = max(named or texts, key=lambda c: c.distinct, default=None)
        return best if best and self.names_rows(table, best) else None

    def key_of(self, table: Table) -> Column | None:
        return next((c for c in table.columns if c.is_key and table.is_unique(c)), None)

    def label(self, name: str) -> str:
        """The display name of `table.column`."""
        table, column = self.column(name)
        if said := self.glossary.column(table.name, column.name).name:
            return said
        words = column.name.replace("_", " ")
        head = [w for w in words.split() if w.lower() not in _NAMING]
        if column.kind is not Kind.TEXT:
            return words
        return " ".join(head or [stem(w.norm) for w in split(table.name.replace("_", " "))])

    def rows_of(self, table: str) -> str:
        """The display name of the table's rows: the glossary's word for them, or 'rows'."""
        said = [s for s in self.notes(table).synonyms if ASKS.get(f"{s}s") is Ask.ROWS]
        return f"{said[0]}s" if said else "rows"

    def parent_of(self, table: Table) -> tuple[Column, Column] | None:
        """The key column and the parent-key column, if the table's rows form a tree."""
        key = self.key_of(table)
        parent = table.column(f"parent_{key.name}") if key else None
        return (key, parent) if key and parent else None

    def parent(self, column: str, name: str) -> tuple[Tree, Node] | None:
        """The tree and the parent node that a value in this column names.

        A parent's figure includes everything below it.
        """
        table, _, label = column.partition(".")
        tree = self.trees.get(table.lower())
        if tree is None or tree.label.lower() != label.lower():
            return None
        nodes = tree.nodes_named(name)
        return (tree, nodes[0]) if len(nodes) == 1 and tree.children(nodes[0].key) else None

    def names_alike(self, one: str, other: str) -> bool:
        """Whether two columns name the same entities: they are one column, or the key and the label of one tree."""
        tree = self.trees.get(one.partition(".")[0].lower())
        both = {f"{tree.table}.{column}".lower() for column in (tree.key, tree.label)} if tree else set[str]()
        return one == other or {one.lower(), other.lower()} <= both

    def is_signed_parent(self, column: str, name: str) -> bool:
        """Whether the name is a parent in a tree with operators that add and subtract."""
        found = self.parent(column, name)
        return found is not None and found[0].signed

    def table_label(self, table: str) -> str:
        return self.notes(table).name or table.replace("_", " ")


def _apart(column: Column) -> bool:
    """Whether the values are scenarios (Actual, Budget) or currency codes."""
    values = [v for v in column.values or () if v.strip()]
    if column.kind is not Kind.TEXT or not 1 < len(values) <= _MOST_APART:
        return False
    scenarios = sum(bool(_SCENARIOS & {w.norm for w in split(v)}) for v in values)
    codes = all(len(v) == 3 and v.isalpha() and v.isupper() for v in values)
    named = bool(_MONEY & {w.norm for w in split(column.name.replace("_", " "))})
    return scenarios > 1 or (codes and named)
