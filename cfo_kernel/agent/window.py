"""What the model sees of a thread: its last turns, each whole, so that a tool call is never apart from its result."""

import contextlib
from collections.abc import Sequence

from pydantic import ValidationError
from pydantic_ai.messages import (
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelRequest,
    ModelResponse,
    TextPart,
    UserPromptPart,
)

from cfo_kernel.replies import TaskResult, UserInteraction
from cfo_kernel.store.history import Entry, MessageEntry, RunEntry


def window(entries: Sequence[Entry], turns: int) -> list[ModelMessage]:
    """The messages of the last `turns` finished runs; it begins with a run that a person's message started.

    A run without a reply leaves the message and a word on what happened; one whose messages cannot be read (another
    version wrote them, or a person's editor) leaves the texts that people see.
    """
    messages = {e.run_id: e for e in entries if isinstance(e, MessageEntry)}
    runs = [e for e in entries if isinstance(e, RunEntry) and e.run_id in messages]
    start = max(0, len(runs) - turns)
    while start > 0 and not messages[runs[start].run_id].text:
        start -= 1
    seen: list[ModelMessage] = []
    for run in runs[start:]:
        seen += _turn(messages[run.run_id].text, run)
    return seen


def _turn(text: str, run: RunEntry) -> list[ModelMessage]:
    if run.model_messages:
        with contextlib.suppress(ValidationError):
            return ModelMessagesTypeAdapter.validate_python(run.model_messages)
    said = f"(This message got no answer: {(run.error.message if run.error else run.status).removesuffix('.')}.)"
    if run.reply is not None:
        said = run.reply.message if isinstance(run.reply, TaskResult | UserInteraction) else run.reply.purpose
    elif not text:
        return []
    return [ModelRequest([UserPromptPart(text or "(Go on.)")]), ModelResponse([TextPart(said)])]
