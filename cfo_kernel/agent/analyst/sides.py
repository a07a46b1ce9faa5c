"""Reads shapes that compare two sets of rows: shares, ratios, differences and variances between scenarios."""

from dataclasses import replace

from cfo_kernel.agent.analyst.draft import Draft, Said
from cfo_kernel.agent.analyst.lexicon import Name
from cfo_kernel.agent.analyst.marks import Sort
from cfo_kernel.agent.analyst.phrases import Ask
from cfo_kernel.agent.analyst.reading import NotUnderstood, Pick, Reading, Shape
from cfo_kernel.agent.analyst.within import check_column, inside, listed_after


def sided(base: Reading, draft: Draft) -> Reading | None:
    """The reading with its two sides, or None if the question does not have two."""
    if found := _variance(base, draft):
        return found
    if draft.asks(Ask.RATIO, Ask.DIVIDED) or _per_value(draft):
        return _pair(base, draft, Shape.RATIO)
    if (at := draft.first(Ask.SHARE)) is not None and not _of_change(draft, at):
        return _share(base, draft, at)
    if draft.asks(Ask.DIFFERENCE) and base.relation != "compare":
        return _pair(base, draft, Shape.DIFFERENCE)
    return None


def _variance(base: Reading, draft: Draft) -> Reading | None:
    """Compares two scenarios, usually with the glossary's default first: actual against budget."""
    defaults = draft.schema.notes(base.table).defaults
    pick = next((p for p in base.picks if p.column in defaults and not p.default and not p.negated), None)
    asked = draft.asks(Ask.VARIANCE) or draft.over_scenario is not None
    if pick is None:
        if asked:
            raise NotUnderstood("I do not know which scenarios to compare.", _against(base, draft))
        return None
    usual = str(defaults[pick.column])
    if len(pick.values) > 2:
        raise NotUnderstood("I can compare only two scenarios at a time.")
    versus = draft.asks(Ask.VERSUS, Ask.COMPARE, Ask.DIFFERENCE) and base.relation != "compare"
    if len(pick.values) == 1 and not asked and not versus:
        return None
    if len(pick.values) == 1 and not asked and any(len(p.values) > 1 for p in base.picks):
        return None
    right = next((v for v in pick.values if v != usual), None)
    if right is None:
        raise NotUnderstood(f"I do not know what to compare {usual} with.", _against(base, draft))
    left = next((v for v in pick.values if v != right), usual)
    others = tuple(p for p in base.picks if p is not pick)
    if _subtracted(draft) and pick.values == (right, left):
        left, right = right, left  # 'budget minus actual' states the order
    return replace(
        base,
        shape=Shape.VARIANCE,
        picks=others,
        left=(Pick(pick.column, (left,)),),
        right=(Pick(pick.column, (right,)),),
    )


def _subtracted(draft: Draft) -> bool:
    at = draft.first(Ask.DIFFERENCE)
    return at is not None and draft.words[draft.marks[at].start].norm == "minus"


def _against(base: Reading, draft: Draft) -> tuple[str, ...]:
    defaults = draft.schema.notes(base.table).defaults
    return tuple(
        f"{base.asked} against {value}"
        for path, usual in defaults.items()
        for value in draft.schema.column(path)[1].values or ()
        if value != usual
    )


def _per_value(draft: Draft) -> bool:
    """Whether 'per' is followed by a value, which makes a ratio: 'Salaries per Headcount'."""
    for at, mark in enumerate(draft.marks):
        following = draft.next(at) if mark.is_ask(Ask.PER) else None
        if following is not None and draft.marks[following].values:
            draft.used.add(at)
            return True
    return False


def _free(draft: Draft, base: Reading) -> list[Said]:
    """The values that are neither scenarios nor excluded."""
    defaults = draft.schema.notes(base.table).defaults
    return [s for s in draft.values if not s.negated and s.name.path not in defaults]


def _pair(base: Reading, draft: Draft, shape: Shape) -> Reading:
    """Makes sides from two values in one column, in the question's order, or else from two values in one table."""
    values = _free(draft, base)
    by_column: dict[str, list[Said]] = {}
    for said in values:
        by_column.setdefault(said.name.path, []).append(said)
    pairs = [listed for listed in by_column.values() if len(listed) == 2]
    if any(len(listed) > 2 for listed in by_column.values()) or len(pairs) > 1:
        raise NotUnderstood(f"I do not know which two names to use for the {shape.value}.")
    if pairs:
        return _with_sides(base, shape, [pairs[0][0].name], [pairs[0][1].name])
    tables = {s.name.table for s in values}
    if len(values) == 2 and len(tables) == 1:
        return _with_sides(base, shape, [values[0].name], [values[1].name])
    raise NotUnderstood(f"I do not know which two names to use for the {shape.value}.")


def _with_sides(base: Reading, shape: Shape, left: list[Name], right: list[Name]) -> Reading:
    if left == right:
        raise NotUnderstood(f"Both sides of the {shape.value} have the same name.")
    sided = [(n.path, n.value) for n in (*left, *right)]
    kept: list[Pick] = []
    for pick in base.picks:
        values = tuple(v for v in pick.values if pick.negated or (pick.column, v) not in sided)
        if values:
            kept.append(replace(pick, values=values))
    return replace(base, shape=shape, picks=tuple(kept), left=_as_picks(left), right=_as_picks(right))


def _as_picks(names: list[Name]) -> tuple[Pick, ...]:
    columns = dict.fromkeys(n.path for n in names)
    return tuple(Pick(c, tuple(dict.fromkeys(n.value for n in names if n.path == c))) for c in columns)


def _share(base: Reading, draft: Draft, at: int) -> Reading:
    """Reads 'A as % of B', 'share of B from A' and 'A's share of B' as ratios, and other shares as a column."""
    values = _free(draft, base)
    before = draft.previous(at)
    if before is not None and draft.marks[before].is_ask(Ask.AS):
        left = [s for s in values if s.at < at][-1:]
        right = [s for s in values if s.at > at][:1]
        if base.by and not right and not any(g.at > at for g in draft.groups):
            return replace(base, shape=Shape.SHARE)
        if not left or not right:
            raise NotUnderstood(
                "I do not know which figure you want as a share of which. Name both, for example 'Discounts as % "
                "of Trade Sales'."
            )
        return _of_whole(base, left, right)
    following = draft.next(at, Ask.OF)
    if following is not None and draft.marks[following].sort is Sort.GRAIN:
        raise NotUnderstood(
            "I can show shares of a figure, but not of a number of periods. Ask for the figure by period."
        )
    if found := inside(draft, at, values):
        return _inside(base, *found)
    whole = _whole(draft, at, values)
    part = _part(draft, at, values, whole)
    if whole and part:
        return _of_whole(base, part, whole)
    if part and _of_measure(draft, at):
        return _with_sides(base, Shape.RATIO, [s.name for s in part], [])
    if not base.by:
        raise NotUnderstood(
            "I do not know which figure you want as a share of which. Name a group, for example 'by "
            "department', or both names."
        )
    if any(len(p.values) > 1 and not p.negated for p in base.picks) and not draft.asks(Ask.TOGETHER, Ask.OR):
        raise NotUnderstood(
            "The question asks for the share of several names. Say 'together' if you mean their combined share."
        )
    check_column(base, draft, whole, values)
    return replace(base, shape=Shape.SHARE)


def _inside(base: Reading, part: list[Said], whole: list[Said]) -> Reading:
    """Reads 'share of X in Y' as the rows that match both X and Y, divided by all rows of Y.

    If X and Y are values in one column, the share is X divided by Y.
    """
    one_column = {s.name.path for s in part} & {s.name.path for s in whole}
    left = [s.name for s in part] + ([] if one_column else [s.name for s in whole])
    return _with_sides(base, Shape.RATIO, left, [s.name for s in whole])


def _of_whole(base: Reading, part: list[Said], whole: list[Said]) -> Reading:
    """Divides the part by the whole.

    If they are values in different tables, only rows that match both belong to the part.
    """
    apart = {s.name.table for s in part} & {s.name.table for s in whole}
    left = [s.name for s in part] + ([] if apart else [s.name for s in whole])
    return _with_sides(base, Shape.RATIO, left, [s.name for s in whole])


def _whole(draft: Draft, at: int, values: list[Said]) -> list[Said]:
    """The first value after 'share of', and the values listed with it."""
    words = draft.words[draft.marks[at].start : draft.marks[at].end]
    total = words[-1].norm in ("total", "in") and len(words) > 1
    for said in values:
        if said.at < at:
            continue
        before = said.at - 1
        while before > at and (
            draft.marks[before].sort in (Sort.FILLER, Sort.PERIOD) or draft.marks[before].is_ask(Ask.SUM, Ask.ALL)
        ):
            before -= 1
        if draft.marks[before].is_ask(Ask.OF) or (total and before == at):
            return [said, *listed_after(draft, said, values)]
    return []


def _of_change(draft: Draft, at: int) -> bool:
    """Whether the question asks for a change in percent, not for a share: 'by what percentage did it grow'."""
    said = " ".join(w.norm for w in draft.words[draft.marks[at].start : draft.marks[at].end])
    return said in ("percent", "percentage", "pct") and draft.asks(Ask.CHANGE, Ask.GROWTH)


def _of_measure(draft: Draft, at: int) -> bool:
    """Whether the whole is the measure itself, over all rows, as in 'share of revenue'."""
    place = draft.next(at, Ask.OF, Ask.SUM, Ask.ALL)
    return place is not None and draft.marks[place].sort is Sort.NAME and draft.is_measure(draft.marks[place].names)


def _part(draft: Draft, at: int, values: list[Said], whole: list[Said]) -> list[Said]:
    """The values whose share is asked for: after 'came from', just before 'share', or else the only other values."""
    others = [s for s in values if s not in whole]
    came = draft.first(Ask.CAME_FROM)
    if came is not None and (after := [s for s in others if s.at > came]):
        return [after[0], *listed_after(draft, after[0], others)]
    if near := [s for s in others if draft.previous(at) == s.at]:
        return near
    if draft.groups or not others or len({s.name.path for s in others}) > 1:
        return []
    before = draft.previous(others[0].at)
    if before is not None and draft.marks[before].is_ask(Ask.IN):
        return []
    return others
