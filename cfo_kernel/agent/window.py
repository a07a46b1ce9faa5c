"""What the model sees of a thread: its last turns, each whole, so that a tool call is never apart from its result."""

from collections.abc import Sequence

from pydantic_ai.messages import (
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelRequest,
    ModelResponse,
    TextPart,
    UserPromptPart,
)

from cfo_kernel.store.history import Entry, MessageEntry, RunEntry


def window(entries: Sequence[Entry], turns: int) -> list[ModelMessage]:
    """The messages of the last `turns` finished runs; it begins with a run that a person's message started.

    A run without a reply leaves the message and a word on what happened.
    """
    messages = {e.run_id: e for e in entries if isinstance(e, MessageEntry)}
    runs = [e for e in entries if isinstance(e, RunEntry) and e.run_id in messages]
    start = max(0, len(runs) - turns)
    while start > 0 and not messages[runs[start].run_id].text:
        start -= 1
    seen: list[ModelMessage] = []
    for run in runs[start:]:
        if run.model_messages:
            seen += ModelMessagesTypeAdapter.validate_python(run.model_messages)
        elif text := messages[run.run_id].text:
            said = f"(This message got no answer: {run.error.message if run.error else run.status}.)"
            seen += [ModelRequest([UserPromptPart(text)]), ModelResponse([TextPart(said)])]
    return seen
