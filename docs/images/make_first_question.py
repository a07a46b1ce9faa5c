"""Draws `first_question.svg` from a real answer about the sample company.

Run `.venv/bin/python docs/images/make_first_question.py` when the answer or its appearance has changed.
"""

import asyncio
import io
import re
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import DIMMED_MONOKAI
from rich.text import Text

from cfo_kernel import Settings, connect
from cfo_kernel.display import reply_text

QUESTION = "total actual amount of Salaries in 2012 by department"


async def answer() -> str:
    async with connect(settings=Settings(model="offline")) as wb:
        thread = await (await wb.workspace("adventure_works")).thread()
        try:
            return reply_text(await thread.ask(QUESTION))
        finally:
            await thread.delete()


def main() -> None:
    console = Console(record=True, width=110, file=io.StringIO())
    console.print(Text(f'$ cfo ask -w adventure_works "{QUESTION}"', style="bold"))
    console.print(Text(asyncio.run(answer())))
    svg = console.export_svg(title="cfo_kernel", theme=DIMMED_MONOKAI)
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)  # a picture that loads nothing from elsewhere
    (Path(__file__).parent / "first_question.svg").write_text(svg)


if __name__ == "__main__":
    main()
