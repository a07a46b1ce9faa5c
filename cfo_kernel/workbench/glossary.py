"""The company's glossary as front ends show it: what people wrote, without what only the engine reads."""

from cfo_kernel.data import glossary as written
from cfo_kernel.data.questions import simple_questions
from cfo_kernel.data.tables import Tables
from cfo_kernel.interface import Glossary, GlossaryColumn, GlossaryTable


def view(glossary: written.Glossary, tables: Tables) -> Glossary:
    """Tables and columns under the names that the tables themselves have, as upper and lower case are the same."""
    shown = tuple(_table(tables[name].name, notes) for name, notes in glossary.tables.items() if name in tables)
    asked = tuple(question for table in shown for question in table.questions)
    return Glossary(company=glossary.company, tables=shown, questions=asked or simple_questions(tables))


def _table(name: str, notes: written.TableNotes) -> GlossaryTable:
    columns = tuple(
        GlossaryColumn(
            column=column, name=said.name, description=said.description, synonyms=said.synonyms, note=said.note
        )
        for column, said in notes.columns.items()
    )
    return GlossaryTable(
        table=name,
        name=notes.name,
        description=notes.description,
        synonyms=notes.synonyms,
        questions=notes.questions,
        columns=columns,
    )
