"""Handles messages other than questions about figures: greetings, help, tables, columns, writing to a sheet."""

import re
from typing import Any

from cfo_kernel.agent.analyst.analysis import Reply, ask, done
from cfo_kernel.agent.analyst.lexicon import Lexicon
from cfo_kernel.agent.analyst.schema import Schema
from cfo_kernel.agent.analyst.words import Word, phrases_in, split, words_in
from cfo_kernel.data.tables import why_no_tables

_GREETINGS = phrases_in(
    "hello|hi|hey|good morning|good afternoon|good evening|help|help me|thanks|thank you|hi there|"
    "hello there|what can you do|who are you|what are you|how does this work|what can i ask|"
    "what can i ask you|how do you work|what do you do|what can you do for me|what questions can i ask|"
    "examples|show me examples|example questions"
)
_TABLES = words_in(
    "table tables dataset datasets data file files source sources what which are there do you have list "
    "the show me we is all available can see i of my our"
)
_TABLE_NOUNS = words_in("table tables dataset datasets data files file")
_COLUMN_NOUNS = words_in("column columns field fields schema structure")
_DESCRIBE = words_in(
    "what which does do are there is has have in of the table dataset list show me describe for contain contains its"
)
_WRITE = words_in("put save write export copy store")
_TARGETS = words_in("sheet workbook excel xlsx spreadsheet worksheet")
_THIS = words_in("that this it the result results table answer last them these figures data numbers")
_AROUND = words_in(
    "to into in as a an new named called name please and can you could for me my our with sheet workbook "
    "excel xlsx spreadsheet worksheet file"
)
_MOST_EXAMPLES = 6


def is_greeting(text: str) -> bool:
    words = [w.norm for w in split(text[:200]) if w.norm not in ("please", "there")]
    return " ".join(words) in _GREETINGS or (bool(words) and all(w in _GREETINGS for w in words))


def asks_for_tables(text: str) -> bool:
    """Whether the message asks for the tables: 'which tables are there', 'what data do you have'."""
    words = {w.norm for w in split(text[:200])}
    return bool(words & _TABLE_NOUNS) and words <= _TABLES


def asks_for_columns(text: str, lexicon: Lexicon) -> str | None:
    """The table named in messages such as 'what columns does general ledger have' or 'describe the accounts table'."""
    words = split(text[:200])
    norms = [w.norm for w in words]
    if not (_COLUMN_NOUNS & set(norms) or norms[:1] == ["describe"]):
        return None
    rest = tuple(w for w in words if w.norm not in _COLUMN_NOUNS | _DESCRIBE)
    names = [n for n in lexicon.also(rest) if n.kind == "table"] if rest else []
    return names[0].table if names else None


def wants_sheet(text: str) -> tuple[str, str] | None:
    """The workbook and the sheet named in messages such as 'put that into a sheet named Salaries'."""
    words = split(text[:300])
    norms = [w.norm for w in words]
    if not words or not _WRITE & set(norms[:3]) or not _TARGETS & set(norms) or not _THIS & set(norms):
        return None
    workbook, sheet, rest = "results.xlsx", "Result", norms
    at = next((i for i, n in enumerate(norms) if n in ("named", "called", "name")), None)
    quoted = re.search(r"[\"“']([^\"”']{1,80})[\"”']", text[:300])
    if quoted or at is not None:
        name = quoted.group(1) if quoted else _tail(words, at or 0)
        target = next((n for n in reversed(norms[: at or len(norms)]) if n in _TARGETS), "sheet")
        if name and target in ("workbook", "excel", "xlsx", "spreadsheet"):
            workbook = name if name.lower().endswith(".xlsx") else f"{name}.xlsx"
        elif name:
            sheet = name
        rest = norms[: at or 0] if at is not None else norms
    elif not set(norms) <= _WRITE | _THIS | _AROUND:
        return None
    return (workbook, sheet) if (not quoted and set(rest) <= _WRITE | _THIS | _AROUND) or quoted else None


def _tail(words: tuple[Word, ...], at: int) -> str:
    return " ".join(w.text for w in words[at + 1 :])


def sheet(target: tuple[str, str], file: str | None) -> Reply:
    """Writes the newest result, if there is one, to a new sheet."""
    if file is None:
        return ask("There is no result to write yet. Ask a question first.")
    workbook, name = target
    purpose = f"Writes the last result to the sheet '{name}' of {workbook}."
    args = {"source_file": file, "workbook": workbook, "sheet": name, "mode": "create", "purpose": purpose}
    return Reply("write_sheet_from_file", args)


def examples(schema: Schema) -> list[str]:
    """The glossary's example questions."""
    found = [q for notes in schema.glossary.tables.values() for q in notes.questions]
    return found[:_MOST_EXAMPLES]


def no_tables(datasets: Any) -> Reply:
    return ask(why_no_tables(_problems(datasets)))


def _problems(datasets: Any) -> list[str]:
    return [str(d["problem"]) for d in _listed(datasets) if d.get("problem")]


def welcome(schema: Schema, datasets: Any) -> Reply:
    """Introduces the analyst, with the tables, unreadable files and example questions."""
    tables = ", ".join(f"{schema.table_label(t.name)} ({t.row_count:,} rows)" for t in schema.tables.values())
    company = f" of {schema.glossary.company}" if schema.glossary.company else ""
    problems = _problems(datasets)
    parts = [f"I answer questions about the data{company}: {tables}." if tables else why_no_tables(problems)]
    parts += [f"These files cannot be read: {'; '.join(problems)}."] if tables and problems else []
    asked = examples(schema)
    parts += ["For example: " + " · ".join(asked)] if asked else []
    parts.append(
        "I can compute totals, averages, counts, shares, ranks, changes, actual against budget, running totals and "
        "ratios, "
        "by name and by period. If I do not understand every word of a question, I say so and ask."
    )
    return done("\n\n".join(parts))


def _listed(datasets: Any) -> list[dict[str, Any]]:
    if isinstance(datasets, dict):
        datasets = next((v for v in datasets.values() if isinstance(v, list)), [])  # type: ignore[assignment]
    return [d for d in datasets if isinstance(d, dict)] if isinstance(datasets, list) else []  # type: ignore[misc]


def columns(schema: Schema, table: str, _schema_seen: Any = None) -> Reply:
    """Describes a table's columns, with their names and descriptions from the glossary."""
    found = schema.tables[table]
    lines: list[str] = []
    for column in found.columns:
        notes = schema.glossary.column(found.name, column.name)
        about = ", ".join(x for x in (notes.name, notes.description) if x)
        lines.append(f"- {column.name} ({column.type}){': ' + about if about else ''}")
    return done(
        f"{schema.table_label(found.name)} has {found.row_count:,} rows and these columns:\n" + "\n".join(lines)
    )
