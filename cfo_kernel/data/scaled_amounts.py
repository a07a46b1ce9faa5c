"""Reads amounts that are followed by their scale: 1.2m, 350k, 1,5 Mio.

Runs in the ingest worker, on the table `staging`.
"""

import re
from collections.abc import Sequence

from cfo_kernel import column_names
from cfo_kernel.data import currencies, exact_types, number_grammar
from cfo_kernel.data.decisions import Decision, DecisionKind
from cfo_kernel.data.number_grammar import SCALES, Mark
from cfo_kernel.data.source_rows import SourceRows
from cfo_kernel.data.text_column import TextColumn
from cfo_kernel.sql_text import text_literal

_SCALED = re.compile(rf"[0-9.,]\s*{number_grammar.SCALE}\b", re.IGNORECASE)


def read_scaled(column: TextColumn, marks: Sequence[Mark], rows: SourceRows) -> list[Decision] | None:
    """Reads the amounts as full numbers. Returns None if some cells are not amounts, or if no cell has a scale."""
    example = next((cell for cell in column.sample if _SCALED.search(cell)), None)
    if example is None:
        return None
    mark: Mark | None = next((mark for mark in marks if column.matches(number_grammar.scaled(mark))), None)
    if mark is None or not column.matches(number_grammar.ONE_SIGN):
        return None
    scale, bare = number_grammar.scale_of(column.value), number_grammar.without_scale(column.value)
    digits = number_grammar.digits(bare, mark)
    power = f"coalesce(MAP {{{', '.join(f'{text_literal(w)}: {n}' for w, n in SCALES.items())}}}[{scale}], 0)"
    written = f"regexp_extract({bare}, {text_literal(currencies.CURRENCY)}, 0, 'i')"
    fraction = f"rtrim(split_part({digits}, '.', 2), '0')"
    [(whole, most, decimals, least, used, signs)] = column.connection.execute(
        f"""SELECT max(length(split_part({digits}, '.', 1)) + {power}), max(length({fraction})),
        max(greatest(length({fraction}) - {power}, 0)), count(*) FILTER ({scale} = '' AND {bare} IS NOT NULL),
        list(DISTINCT {scale}) FILTER ({scale} <> ''), list(DISTINCT {written}) FILTER ({written} <> '')
        FROM {column.table}"""  # noqa: S608 - built here
    ).fetchall()
    codes = {currencies.code(one) for one in signs or () if currencies.is_currency(one)}
    is_vague = {*used} <= number_grammar.VAGUE_SCALES and not codes
    if len(codes) != len({*map(str.lower, signs or ())}) or len(codes) > 1 or whole + most > exact_types.MAX_DIGITS - 2:
        return None
    if is_vague and (len(used) == 1 or least) and not column_names.says_money(column_names.words(column.name)):
        return None  # perhaps metres
    is_unclear = len(marks) > 1 and any(re.search("[.,]", cell) for cell in column.sample)
    is_unclear = is_unclear and column.matches(number_grammar.scaled(None))
    found = [_decision(column, example, mark, is_unclear=is_unclear)]
    if least:
        where = f"{bare} IS NOT NULL AND {scale} = '' AND regexp_matches({bare}, '[1-9]')"
        found += _unscaled(column, rows.of(column.rowids(where)), column.figure(f"count(*) FILTER ({where})"))
    value = f"CAST({number_grammar.sign(bare)} || {digits} AS {exact_types.decimal(whole, most)})"
    factor = f"CAST(CAST(10 AS HUGEINT) ** {power} AS DECIMAL(12, 0))"
    column.retype(exact_types.decimal(whole, decimals), f"CAST({value} AS DECIMAL(24, {most})) * {factor}")
    return found


def _decision(column: TextColumn, example: str, mark: Mark, *, is_unclear: bool) -> Decision:
    shape = "1.234,56" if mark == "," else "1,234.56"
    text = f"{column.name}: amounts such as {example} were read in the style of {shape}, and multiplied by their scale."
    if is_unclear:
        text += " The file does not show whether the separator is a decimal one. Check one value."
    return Decision(kind=DecisionKind.NUMBERS, text=text, column=column.name, needs_check=is_unclear)


def _unscaled(column: TextColumn, where: tuple[int, ...], count: int) -> list[Decision]:
    if not count:
        return []
    cells = "1 cell has" if count == 1 else f"{count:,} cells have"
    text = f"{column.name}: {cells} no scale, unlike the others, and were read as written."
    text = text.replace("and were", "and was") if count == 1 else text
    kind = DecisionKind.NUMBERS
    return [Decision(kind=kind, text=text, column=column.name, rows=where, count=count, needs_check=True)]
