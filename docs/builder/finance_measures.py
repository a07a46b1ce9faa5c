"""Generates the tables of finance measures and comparisons from the library."""

from cfo_kernel.data.semantics.finance_library import finance_library


def table() -> str:
    """Returns the tables as Markdown."""
    library = finance_library()
    lines = ["| measure | what it is | expression |", "| --- | --- | --- |"]
    for name, measure in library.measures.items():
        other = f" ({', '.join(measure.synonyms)})" if measure.synonyms else ""
        expression = measure.expression.replace("_", " ").replace('"', "")
        lines.append(f"| {name}{other} | {measure.explanation} | `{expression}` |")
    lines += ["", "| comparison of any figure | what it is |", "| --- | --- |"]
    for name, comparison in library.comparisons.items():
        form = comparison.form[0].upper() + comparison.form[1:]
        lines.append(f"| {name} ({', '.join(comparison.synonyms)}) | {form}. |")
    return "\n".join(lines)
