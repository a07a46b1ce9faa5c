"""The window: the part of a thread that the model sees.

It consists of whole turns, so every tool call has its result.
"""

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
    """The messages of the last `turns` finished runs, or of more runs if these do not begin with a user's message.

    A run without a reply contributes its message and a line on what happened. If a run's stored messages cannot be read
    (because another version or an editor wrote them), the texts that users see take their place.
    """
    messages = {e.run_id: e for e in entries if isinstance(e, MessageEntry)}
    runs = [e for e in entries if isinstance(e, RunEntry) and e.run_id in messages]
    start = max(0, len(runs) - turns)
    while start > 0 and not messages[runs[start].run_id].text:
        start -= 1
    return [message for run in runs[start:] for message in _turn(messages[run.run_id].text, run)]


def _turn(text: str, run: RunEntry) -> list[ModelMessage]:
    if run.model_messages:
        with contextlib.suppress(ValidationError):
            return ModelMessagesTypeAdapter.validate_python(run.model_messages)
    answer = f"(This message got no answer: {(run.error.message if run.error else run.status).removesuffix('.')}.)"
    if run.reply is not None:
        answer = run.reply.message if isinstance(run.reply, TaskResult | UserInteraction) else run.reply.purpose
    elif not text:  # an empty message without a reply
        return []
    return [ModelRequest([UserPromptPart(text or "(Go on.)")]), ModelResponse([TextPart(answer)])]
