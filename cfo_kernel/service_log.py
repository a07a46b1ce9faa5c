"""The log of a service: the engine's warnings and errors, on standard error."""

import logging

from cfo_kernel.clean_text import clean_text
from cfo_kernel.settings import Settings

_SHORTEST = 8
"""A shorter secret may occur as a word in any text."""


def log_to_stderr(settings: Settings) -> None:
    """Writes the engine's warnings and errors to standard error, without the secrets in the settings.

    Programs that are not services, such as notebooks, configure the engine's log themselves.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(_Formatter(settings))
    logging.getLogger("cfo_kernel").addHandler(handler)


class _Formatter(logging.Formatter):
    """Formats a record with its traceback, which may quote what a model or its server sent."""

    def __init__(self, settings: Settings) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")
        self._secrets = sorted((s for s in settings.secrets() if len(s) >= _SHORTEST), key=len, reverse=True)

    def format(self, record: logging.LogRecord) -> str:
        text = clean_text(super().format(record))
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text
