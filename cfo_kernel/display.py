"""Formats values for users: as plain text for terminals, and as HTML for notebooks. Escapes data and model output."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, overload

from cfo_kernel.number_formats import NumberFormat, as_number

if TYPE_CHECKING:
    from cfo_kernel.replies import ReplyBase, ResultTable

T = TypeVar("T")
_TEXT_ROWS, _HTML_ROWS, _WIDTH = 40, 100, 48
_ACTION_LABELS = {"run_sql": "Running the query …", "write_sheet_from_file": "Writing the sheet …"}
_STYLE = "border-collapse:collapse;font-variant-numeric:tabular-nums"


def cell(value: Any, format: NumberFormat | None) -> str:
    """Formats a value. Only columns of numbers or months have a format. A number that rounds to zero has no sign."""
    if value is not None and format is not None and format.role == "month":
        return str(value)[:7]
    number = as_number(value)
    if value is None or format is None or number is None:
        return "" if value is None else str(value)
    match format.role:
        case "year" | "code":
            return f"{number:z.{format.decimals}f}"
        case "percent":
            return f"{number.scaleb(2):z,.{format.decimals}f}%"
        case "points":
            return f"{number:z,.{format.decimals}f}%"
        case _:
            return f"{number:z,.{format.decimals}f}"


def grid(columns: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[bool]) -> str:
    """Formats a table as aligned text."""
    cut = [[c if len(c) <= _WIDTH else c[: _WIDTH - 1] + "…" for c in map(_one_line, row)] for row in [columns, *rows]]
    widths = [max(len(row[i]) for row in cut) for i in range(len(columns))]
    lines = [
        "  ".join(c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, widths, right, strict=True)) for row in cut
    ]
    lines.insert(1, "  ".join("─" * w for w in widths))
    return "\n".join(line.rstrip() for line in lines)


def html_grid(columns: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[bool]) -> str:
    """Formats a table as HTML, with the values escaped."""

    def row(tag: str, cells: Sequence[str]) -> str:
        tags = (
            f'<{tag} style="text-align:{"right" if r else "left"}">{html.escape(c)}</{tag}>'
            for c, r in zip(cells, right, strict=True)
        )
        return f"<tr>{''.join(tags)}</tr>"

    body = "".join(row("td", cells) for cells in rows)
    return f'<table style="{_STYLE}"><thead>{row("th", columns)}</thead><tbody>{body}</tbody></table>'


class Listing(Sequence[T]):
    """A sequence that IPython shows as a table. `rows` returns the rows of one item, in the order of `columns`.

    It is not a subclass of `list`, because IPython ignores `_repr_mimebundle_` on lists.
    """

    def __init__(
        self, items: Iterable[T], columns: Sequence[str], rows: Callable[[T], Sequence[Sequence[str]]]
    ) -> None:
        self._items = tuple(items)
        self._columns = columns
        self._rows = rows

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...
    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        return self._items[index]

    def __len__(self) -> int:
        return len(self._items)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return bundle(self._columns, [row for item in self for row in self._rows(item)])


def bundle(columns: Sequence[str], rows: Sequence[Sequence[str]], lines: Sequence[str] = ()) -> dict[str, str]:
    """Formats a small table of strings, with lines of text below it, as plain text and as HTML."""
    right = [False] * len(columns)
    below = "".join(f"<div>{html.escape(line)}</div>" for line in lines)
    return {
        "text/plain": "\n".join([grid(columns, rows, right), *map(printable, lines)]),
        "text/html": html_grid(columns, rows, right) + below,
    }


def action_label(kind: str) -> str:
    """Returns the label that front ends show while the engine performs the action of a reply of this kind."""
    return _ACTION_LABELS.get(kind, "Working …")


def table_text(table: ResultTable, rows: int = _TEXT_ROWS) -> str:
    """Formats the first rows of a result, with the total row count, as plain text."""
    return "\n".join([grid(*_grid_parts(table, rows)), *_footer(table, rows)])


def table_html(table: ResultTable) -> str:
    """Formats the first rows of a result as HTML, with the total row count, and the SQL in a collapsed section."""
    footer = "".join(f"<div>{html.escape(line)}</div>" for line in _footer(table, _HTML_ROWS))
    query = f"<details><summary>{table.query.language}</summary><pre>{html.escape(table.query.text)}</pre></details>"
    return html_grid(*_grid_parts(table, _HTML_ROWS)) + footer + query


def reply_text(reply: ReplyBase) -> str:
    """Formats a reply for a terminal: its message, table, SQL and choices."""
    table: ResultTable | None = getattr(reply, "result", None)
    parts = [printable(_message(reply))]
    if table is not None:
        parts += [table_text(table), f"{table.query.language}:\n" + printable(_indented(table.query.text))]
    if choices := getattr(reply, "choices", ()):
        parts.append("\n".join(f"  {i}. {printable(choice)}" for i, choice in enumerate(choices, start=1)))
    return "\n\n".join(parts)


def reply_html(reply: ReplyBase) -> str:
    """Formats a reply as HTML for a notebook."""
    table: ResultTable | None = getattr(reply, "result", None)
    choices = "".join(f"<li>{html.escape(c)}</li>" for c in getattr(reply, "choices", ()))
    message = "<br>".join(html.escape(line) for line in _message(reply).splitlines())
    return (
        f"<div><p>{message}</p>{table_html(table) if table else ''}"
        + (f"<ul>{choices}</ul>" if choices else "")
        + "</div>"
    )


def _message(reply: ReplyBase) -> str:
    error, written = getattr(reply, "error", None), getattr(reply, "written", None)
    message: str = getattr(reply, "message", None) or getattr(reply, "purpose", "")
    if error is not None:
        message += f"\nThis failed ({error.code}): {error.message}"
    if written is not None:
        message += f"\nWrote {written.rows:,} rows to {written.file}, sheet {written.sheet}, {written.range}."
    return message


def _grid_parts(table: ResultTable, rows: int) -> tuple[list[str], list[list[str]], list[bool]]:
    formats = [c.format for c in table.columns]
    cells = [[cell(v, f) for v, f in zip(row, formats, strict=True)] for row in table.rows[:rows]]
    return [c.name for c in table.columns], cells, [f is not None and f.role != "month" for f in formats]


def _footer(table: ResultTable, rows: int) -> list[str]:
    shown = min(rows, len(table.rows))
    count = f"{shown:,} of {table.row_count:,} rows" if shown < table.row_count else f"{shown:,} rows"
    return [count if table.row_count != 1 else "1 row", *map(printable, table.notes)]


def printable(text: str) -> str:
    """Removes control characters, which a terminal would execute, except line breaks."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)


def _one_line(value: str) -> str:
    return printable(" ".join(value.split()) if any(c in value for c in "\n\r\t") else value)


def _indented(sql: str) -> str:
    return "\n".join(f"  {line}" for line in sql.splitlines())
