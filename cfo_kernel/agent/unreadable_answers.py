"""Turns the errors of code that trusts a server's types into an error that the engine knows."""

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
    """Raises `UnreadableAnswer` if the answer of this model does not have the types that its protocol defines."""
    try:
        yield
    except _ERRORS as error:
        # The error may quote the answer, and the answer the key.
        trace = without_keys("".join(format_exception(error)), (key or "",))
        _log.warning("the answer of the model %s cannot be read: %s", model, trace)
        raise UnreadableAnswer(model, "The answer cannot be read.") from error
