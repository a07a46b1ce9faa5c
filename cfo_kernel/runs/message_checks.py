"""Checks incoming messages: whether a message is valid, and whether a reply may be continued."""

from collections.abc import Sequence

from cfo_kernel.errors import EmptyMessage, InvalidInput, MessageTooLong, NothingToContinue
from cfo_kernel.store.folders import is_id
from cfo_kernel.store.history import Entry, MessageEntry, RunEntry

MAX_MESSAGE = 100_000
"""The longest message that is accepted, in UTF-8 bytes. Longer tables should be uploaded as files."""
_MAX_KEY = 200


def check_message(text: str, in_reply_to: str | None, key: str | None = None) -> None:
    """Raises `EmptyMessage`, `MessageTooLong`, `NothingToContinue` or `InvalidInput` for an invalid message."""
    if in_reply_to is not None and not is_id(in_reply_to):
        raise NothingToContinue(
            "`in_reply_to` is not the id of a run. Use the run id of the reply that you want to continue."
        )
    if key is not None and not (0 < len(key) <= _MAX_KEY and key.isprintable()):
        raise InvalidInput(f"The idempotency key must be 1 to {_MAX_KEY} printable characters long. Use a UUID.")
    if not text and in_reply_to is None:
        raise EmptyMessage("The message is empty. Write a question.")
    if text and not text.strip():
        raise EmptyMessage("The message contains only whitespace. Write a question.")
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise InvalidInput("The message contains characters that are not valid text. Send it as UTF-8.") from error
    if size > MAX_MESSAGE:
        limit = f"{MAX_MESSAGE:,}"
        raise MessageTooLong(f"The message has {size:,} bytes; the limit is {limit}. Upload a long table as a file.")


def check_continue(entries: Sequence[Entry], in_reply_to: str | None) -> None:
    """Raises `NothingToContinue` unless the reply of this run waits for review and no message has followed it."""
    messages = [e for e in entries if isinstance(e, MessageEntry)]
    replies = {e.run_id: e.reply for e in entries if isinstance(e, RunEntry)}
    reply = replies.get(in_reply_to or "")
    if reply is None or not reply.waits_for_review or not messages or messages[-1].run_id != in_reply_to:
        message = "That reply cannot be continued: it was already answered or does not ask for review. Send a message."
        raise NothingToContinue(message)


def continues_left(entries: Sequence[Entry], limit: int) -> int:
    """Returns how many more automatic continues are allowed, out of `limit` in a row.

    A user's message resets the count.
    """
    messages = [e for e in entries if isinstance(e, MessageEntry)]
    in_a_row = next((n for n, message in enumerate(reversed(messages)) if not message.untouched), len(messages))
    return max(0, limit - in_a_row)
