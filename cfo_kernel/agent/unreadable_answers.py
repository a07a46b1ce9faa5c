"""Converts the errors raised by code that trusts a server's types into one that the engine handles."""

import logging
from collections.abc import Generator
from contextlib import contextmanager
from traceback import format_exception

from cfo_kernel.agent.model_errors import UnreadableAnswer
from cfo_kernel.agent.shown_text import without_keys

_log = logging.getLogger(__name__)
_ERRORS = (AssertionError, AttributeError, TypeError, LookupError, ValueError, OverflowError, RecursionError)


@contextmanager
def reading_answer(model: str, key: str | None) -> Generator[None]:
    """Raises `UnreadableAnswer` if this model's answer does not match the types that its protocol defines."""
    try:
        yield
    except _ERRORS as error:
        # The error may quote the answer, and the answer the key.
        trace = without_keys("".join(format_exception(error)), (key or "",))
        _log.warning("the answer of the model %s cannot be read: %s", model, trace)
        raise UnreadableAnswer(model, "The answer cannot be read.") from error
