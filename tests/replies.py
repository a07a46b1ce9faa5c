"""The scripted model's replies in the tests, about the tiny company's ledger."""

from collections.abc import Callable

from cfo_kernel import Numbered, Run
from cfo_kernel.events import Restarted, Token
from tests.models.scripted_server import ScriptedServer, ToolCall

Serve = Callable[..., ScriptedServer]

TOTALS = "SELECT department, sum(amount) AS total FROM ledger GROUP BY ALL ORDER BY ALL"
MESSAGE = "Finance spent 4,400.55 and Sales 2,300.30 in January and February 2012."
LOOK = ToolCall("list_datasets")
QUERY = ToolCall("execute_sql", {"sql": TOTALS})
ANSWER = ToolCall("task_result", {"message": MESSAGE})
TABLE = ToolCall("run_sql", {"sql": TOTALS, "purpose": "Totals by department."})


def sheet(source_file: str, **changed: str) -> ToolCall:
    """A reply that writes a result file to a sheet."""
    arguments = {"source_file": source_file, "workbook": "report.xlsx", "sheet": "Totals", "purpose": "For the board."}
    return ToolCall("write_sheet_from_file", {**arguments, **changed})


async def events_of(run: Run) -> list[Numbered]:
    """All events of a run."""
    return [numbered async for numbered in run.events()]


async def wait_for_event(run: Run, kind: str) -> None:
    """Waits for the first event of this kind."""
    async for numbered in run.events():
        if numbered.event.type == kind:
            return
    raise AssertionError(f"the run ended without {kind}")


def shown_message(events: list[Numbered]) -> str:
    """The message shown by a client that discards tokens after a `restarted` event."""
    tokens: dict[int, str] = {}
    for numbered in events:
        match numbered.event:
            case Token(text=text):
                tokens[numbered.number] = text
            case Restarted(from_=first):
                tokens = {number: text for number, text in tokens.items() if number < first}
            case _:
                pass
    return "".join(tokens.values())
