"""Reads 'share of X in Y', which divides a part by its whole within each group of the answer."""

from cfo_kernel.agent.analyst.draft import Draft, Said
from cfo_kernel.agent.analyst.marks import Sort
from cfo_kernel.agent.analyst.phrases import Ask
from cfo_kernel.agent.analyst.reading import NotUnderstood, Reading

Inside = tuple[list[Said], list[Said]]


def inside(draft: Draft, at: int, values: list[Said]) -> Inside | None:
    """The part and the whole in 'share of X in Y'. The whole is empty if Y is the measure itself."""
    following = draft.next(at)
    if following is None or not draft.marks[following].is_ask(Ask.OF):
        return None
    first = draft.next(following, Ask.ALL, Ask.SUM)
    part = [s for s in values if s.at == first]
    if not part:
        return None
    part += listed_after(draft, part[0], values)
    link = part[-1].at + 1
    while link < len(draft.marks) and draft.marks[link].sort in (Sort.PERIOD, Sort.FILLER):
        link += 1
    if link >= len(draft.marks) or not draft.marks[link].is_ask(Ask.IN, Ask.OF):
        return None
    place = draft.next(link, Ask.ALL, Ask.SUM)
    if place is None:
        return None
    whole = [s for s in values if s.at == place]
    if whole:
        return part, [*whole, *listed_after(draft, whole[0], values)]
    names = draft.marks[place].names
    return (part, []) if draft.is_measure(names) or draft.is_fact(names) else None


def check_column(base: Reading, draft: Draft, whole: list[Said], values: list[Said]) -> None:
    """Asks for clarification if shares of groups could also mean the share of one name in another."""
    columns = {s.name.path for s in values}
    only_times = bool(base.by) and all(b.grain for b in base.by)
    others = [s for s in values if whole and s not in whole]
    loose = [s for s in others if not _led_in(draft, s)]
    if loose or (only_times and len(columns) > 1):
        names = " and ".join(dict.fromkeys(s.name.value for s in values))
        raise NotUnderstood(
            f"I do not know what the share refers to ({names}): you may mean the share of one name in another, or "
            "each row's share of the total. Say 'share of X in Y'."
        )


def listed_after(draft: Draft, said: Said, values: list[Said]) -> list[Said]:
    """The values of the same column listed after the given value: 'Rent, Meals and Salaries'."""
    listed: list[Said] = []
    last = said.at
    for other in values:
        if other.at <= last or other.name.path != said.name.path:
            continue
        if all(
            m.sort is Sort.FILLER or m.is_ask(Ask.AND, Ask.OR, Ask.TOGETHER) for m in draft.marks[last + 1 : other.at]
        ):
            listed.append(other)
            last = other.at
    return listed


def _led_in(draft: Draft, said: Said) -> bool:
    """Whether 'in' or 'of' precedes the value: 'in Germany', 'of Germany'."""
    before = draft.previous(said.at)
    return before is not None and draft.marks[before].is_ask(Ask.IN, Ask.OF)
