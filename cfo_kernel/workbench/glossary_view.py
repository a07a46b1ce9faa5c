"""The glossary for front ends: the parts written for readers, without the fields that only the engine uses."""

from cfo_kernel.data.glossary import GlossaryFile, TableNotes
from cfo_kernel.data.starter_questions import starter_questions
from cfo_kernel.data.tables import Tables
from cfo_kernel.interface import Glossary, GlossaryColumn, GlossaryTable


def shown_glossary(file: GlossaryFile, tables: Tables, problems: tuple[str, ...] = ()) -> Glossary:
    """Returns the glossary with the tables' actual names, since the file may write them in another case."""
    shown = tuple(_table(tables[name].name, notes) for name, notes in file.tables.items() if name in tables)
    questions = tuple(question for table in shown for question in table.questions)
    return Glossary(
        company=file.company, tables=shown, questions=questions or starter_questions(tables), problems=problems
    )


def _table(name: str, notes: TableNotes) -> GlossaryTable:
    columns = tuple(
        GlossaryColumn(
            column=name_in_sql,
            name=column.name,
            description=column.description,
            synonyms=column.synonyms,
            note=column.note,
        )
        for name_in_sql, column in notes.columns.items()
    )
    return GlossaryTable(
        table=name,
        name=notes.name,
        description=notes.description,
        synonyms=notes.synonyms,
        questions=notes.questions,
        columns=columns,
    )
