"""What the tables are for: which hold the figures, which the names, and which column places rows in time."""

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
    """Tables, glossary and trees, with the questions the analyst has about them."""

    def __init__(self, tables: Tables, glossary: GlossaryFile, trees: Trees = NO_TREES) -> None:
        self.tables = tables
        self.glossary = glossary
        self.trees = trees
        self._targets = {r.to_table.lower() for r in tables.relations}

    def notes(self, table: str) -> TableNotes:
        return self.glossary.table(table)

    def column(self, name: str) -> tuple[Table, Column]:
        """The table and the column of `table.column`."""
        table, _, column = name.partition(".")
        found = self.tables[table].column(column)
        if found is None:
            raise KeyError(name)
        return self.tables[table], found

    def measures(self, table: Table) -> tuple[Column, ...]:
        """The columns whose numbers are figures: no keys and no parts of a calendar."""
        return tuple(
            c
            for c in table.columns
            if c.kind is Kind.NUMBER and not c.is_key and c.name.lower().rpartition("_")[2] not in _CALENDAR | _CODES
        )

    def facts(self) -> tuple[Table, ...]:
        """The tables that hold what happened: with figures, and nothing points at them."""
        with_figures = [t for t in self.tables.values() if self.measures(t)]
        return tuple(t for t in with_figures if t.name.lower() not in self._targets) or tuple(with_figures)

    def is_fact(self, table: str) -> bool:
        return any(t.name.lower() == table.lower() for t in self.facts())

    def joins(self, start: str, tables: set[str]) -> tuple[Join, ...] | None:
        """The joins that bring these tables to `start`, or None where one of them cannot be reached.

        They are left joins: a row whose key finds no partner stays in the total.
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
        """The column that places the table's rows in time, its own or that of one table it joins."""
        if named := self.notes(table).date:
            return f"{table}.{named}"
        own = [c.name for c in self.tables[table].columns if c.kind is Kind.TIME]
        if own:
            return f"{table}.{own[0]}" if len(own) == 1 else None
        joined = [
            f"{t.name}.{c.name}"
            for t in self.tables.values()
            if t.name != table and self.tables.path(table, t.name)
            for c in t.columns
            if c.kind is Kind.TIME
        ]
        return joined[0] if len(joined) == 1 else None

    def kept_apart(self, table: str) -> tuple[str, ...]:
        """The columns whose values are never added into one figure: the glossary's, else those that look like it."""
        notes = self.notes(table)
        if notes.kept_apart or notes.defaults or notes.columns:
            return tuple(notes.kept_apart)
        near = [t for t in self.tables.values() if t.name == table or self.tables.path(table, t.name)]
        return tuple(f"{t.name}.{c.name}" for t in near for c in t.columns if c.values and _apart(c))

    def is_rate(self, column: str) -> bool:
        """Whether adding the column up means nothing: a price, a rate, a percentage."""
        return bool(_RATES & {w.stem for w in split(column.partition(".")[2].replace("_", " "))})

    def is_ledger_amount(self, column: str) -> bool:
        """Whether the column is money of any kind, so that 'spent' and 'cost' say nothing beyond the account."""
        return bool(_AMOUNTS & {w.norm for w in split(column.partition(".")[2].replace("_", " "))})

    def names_rows(self, table: Table, column: Column) -> bool:
        """Whether the column names the rows of its table, so that a name found twice is two things."""
        return column.kind is Kind.TEXT and column.distinct > 1 and column.distinct >= 0.8 * table.row_count

    def naming_column(self, table: Table) -> Column | None:
        """The column people mean when they say the table's name: 'by product' is by product name."""
        texts = [c for c in table.columns if c.kind is Kind.TEXT]
        named = [c for c in texts if _NAMING & set(c.name.lower().split("_"))] or [c for c in texts if not c.is_key]
        best = max(named or texts, key=lambda c: c.distinct, default=None)
        return best if best and self.names_rows(table, best) else None

    def key_of(self, table: Table) -> Column | None:
        return next((c for c in table.columns if c.is_key and table.is_unique(c)), None)

    def label(self, name: str) -> str:
        """What people call `table.column`."""
        table, column = self.column(name)
        if said := self.glossary.column(table.name, column.name).name:
            return said
        words = column.name.replace("_", " ")
        head = [w for w in words.split() if w.lower() not in _NAMING]
        if column.kind is not Kind.TEXT:
            return words
        return " ".join(head or [stem(w.norm) for w in split(table.name.replace("_", " "))])

    def rows_of(self, table: str) -> str:
        """What people call the rows of the table: the glossary's own word for them, or just rows."""
        said = [s for s in self.notes(table).synonyms if ASKS.get(f"{s}s") is Ask.ROWS]
        return f"{said[0]}s" if said else "rows"

    def parent_of(self, table: Table) -> tuple[Column, Column] | None:
        """The key and the parent's key of a table whose rows form a tree."""
        key = self.key_of(table)
        parent = table.column(f"parent_{key.name}") if key else None
        return (key, parent) if key and parent else None

    def parent(self, column: str, name: str) -> tuple[Tree, Node] | None:
        """The parent in a tree that a value of this column names: its figure is the roll-up of what is below it."""
        table, _, label = column.partition(".")
        tree = self.trees.get(table.lower())
        if tree is None or tree.label.lower() != label.lower():
            return None
        nodes = tree.nodes_named(name)
        return (tree, nodes[0]) if len(nodes) == 1 and tree.children(nodes[0].key) else None

    def names_alike(self, one: str, other: str) -> bool:
        """Whether values of the two columns name the same things: one column, or key and label of a tree."""
        tree = self.trees.get(one.partition(".")[0].lower())
        both = {f"{tree.table}.{column}".lower() for column in (tree.key, tree.label)} if tree else set[str]()
        return one == other or {one.lower(), other.lower()} <= both

    def is_signed_parent(self, column: str, name: str) -> bool:
        """Whether the tree says by its operators what is added and what is subtracted below the name."""
        found = self.parent(column, name)
        return found is not None and found[0].signed

    def table_label(self, table: str) -> str:
        return self.notes(table).name or table.replace("_", " ")


def _apart(column: Column) -> bool:
    """Whether the values are scenarios (Actual, Budget), or the codes of currencies."""
    values = [v for v in column.values or () if v.strip()]
    if column.kind is not Kind.TEXT or not 1 < len(values) <= _MOST_APART:
        return False
    scenarios = sum(bool(_SCENARIOS & {w.norm for w in split(v)}) for v in values)
    codes = all(len(v) == 3 and v.isalpha() and v.isupper() for v in values)
    named = bool(_MONEY & {w.norm for w in split(column.name.replace("_", " "))})
    return scenarios > 1 or (codes and named)
