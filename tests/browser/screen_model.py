"""A scripted model for the screens. The first word of a message selects the answer.

It is stateless, so a run that resumes after a crash gets the same answer, whatever tabs and reloads are involved.
"""

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from tests.models.scripted_server import Answer, ScriptedServer, Text, ToolCall, _error, _events  # pyright: ignore[reportPrivateUsage]
from tests.replies import TOTALS, sheet

ATTACK = (
    '<img src=x onerror="window.HACKED=1"> <script>window.HACKED=2</script> [run](javascript:window.HACKED=3) '
    "![spy](https://spy.example/p.png) <a href='https://evil.example' onclick='window.HACKED=4'>click</a>"
)
MARKDOWN = """**Gross margin fell 1.9 points**, almost all of it in Sales.

- Sales slipped by *4.3 %* on the quarter
- Finance held at `4,400.55`

| Driver | Effect |
| --- | ---: |
| Mix | -0.6 |
| Price | -0.4 |
"""
WORDS = " ".join(f"word{number}" for number in range(400))
ENDLESS = " ".join(f"word{number}" for number in range(5000))
SERIES = (
    "SELECT DATE '2012-01-31' + INTERVAL (i) MONTH AS month, (1000 * (i + 1) + 0.55)::DECIMAL(12,2) AS actual, "
    "(900 * (i + 2))::DECIMAL(12,2) AS budget FROM range(12) AS t(i) ORDER BY month"
)
MANY = (
    "SELECT i AS number, 'Customer ' || (i % 977) AS customer, "
    "((i * 7919 % 100000) / 7 - 5000)::DECIMAL(12,2) AS amount FROM range(1000000) AS t(i) ORDER BY i"
)
BRIDGE = (
    "SELECT * FROM (VALUES ('EBITDA 2011', 1200.0), ('Volume', 340.5), ('Price', -120.25), ('Freight', -95.0), "
    "('Overheads', 60.75), ('EBITDA 2012', 1386.0)) AS t(step, amount)"
)
_FIGURE = "CASE WHEN i % 7 <> {0} % 7 THEN ((i * ({0} + 3) % 90) * 1111 - 40000)::DECIMAL(12,2) END AS FY20{0:02}"
WIDE = f"SELECT i AS line, {', '.join(map(_FIGURE.format, range(24)))} FROM range(150) AS t(i) ORDER BY i"
HOSTILE_CELLS = f"SELECT $${ATTACK}$$ AS \"<b>name</b>\", '=1+1' AS formula, -1234.5 AS amount"


def _answer(kind: str, step: int) -> Answer | None:
    """The answer at this step. None makes the model's server fail."""
    end = ToolCall("task_result", {"message": f"That was {kind}. Finance spent 4,400.55 and Sales 2,300.30."})
    tables = {
        "table": TOTALS, "series": SERIES, "many": MANY, "hostile": HOSTILE_CELLS, "bridge": BRIDGE, "wide": WIDE,
    }  # fmt: skip
    match kind, step:
        case "markdown", 0:
            return ToolCall("task_result", {"message": MARKDOWN})
        case "attack", 0:
            return ToolCall("task_result", {"message": ATTACK})
        case "slow", 0:
            return ToolCall("task_result", {"message": WORDS})
        case "endless", 0:
            return ToolCall("task_result", {"message": ENDLESS})
        case "ask", 0:
            return ToolCall(
                "user_interaction", {"message": "Which department?", "choices": ["tell Sales", "tell Finance"]}
            )
        case "steps", 0:
            return [ToolCall("list_datasets"), ToolCall("execute_sql", {"sql": TOTALS})]
        case "program", 0:
            return ToolCall("execute_python", {"code": "import time\ntime.sleep(20)"})
        case "sheet", 0:
            return sheet("results/result_001.parquet")
        case "wrong", _:
            return ToolCall("run_sql", {"sql": "SELECT * FROM nowhere", "purpose": "A table that does not exist."})
        case "fail", _:
            return None
        case ("many", 1):  # sent again, because the model is asked whether the user wants all of these rows
            return _answer(kind, 0)
        case (word, 0) if word in tables:
            return ToolCall("run_sql", {"sql": tables[word], "purpose": f"The {word} you asked for."})
        case _:
            return end


class ScreenModel(ScriptedServer):
    """Streams its answers in small pieces, as real models do."""

    def __init__(self, chunk_delay: float = 0.02) -> None:
        super().__init__((), chunk_delay=chunk_delay)

    async def _chat(self, request: Request) -> Response:
        body: dict[str, Any] = await request.json()
        kind, step = "", 0
        for message in body["messages"]:
            match message:
                case {"role": "user", "content": str(text)}:
                    kind, step = (text.split() or [""])[0].lower(), 0
                case {"role": "assistant"}:
                    step += 1
                case _:
                    pass
        answer = _answer(kind, step)
        if answer is None:
            return _error(400, json.dumps("The scripted model refuses this."))
        parts = [answer] if isinstance(answer, Text | ToolCall) else list(answer)
        number = self.turns_taken = self.turns_taken + 1
        return StreamingResponse(self._send(_events(body, parts, number, None), None), media_type="text/event-stream")
