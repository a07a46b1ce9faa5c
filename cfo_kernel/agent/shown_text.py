"""Prepares a model's text for display: removes the API keys that were sent to its server, and cleans the text.

A server may repeat its key, for example in an error that the model then quotes. Keys are removed from each answer as it
arrives, before it is recorded and before any of its calls runs, so that no query, file name, record or log contains a
key. Cleaning comes later, because it matters only for display.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any, TypeVar, cast

from pydantic import BaseModel

from cfo_kernel.agent.long_texts import matches
from cfo_kernel.clean_text import clean_text
from cfo_kernel.replies import Reply
from cfo_kernel.values import COMPANY_DATA

_MASK = "***"
_SHORTEST_KEY = 8
"""A shorter "key" is a placeholder for a server that needs none, and may occur as a word in an answer."""
# Characters that may separate those of a key, and disappear before the text is read: escape sequences, hidden
# characters, and backslashes, also as JSON writes them. No key contains one, so there is only one way to match.
_HIDDEN = r"(?:\x1b|\\(?i:u001b))\[[0-?]{0,16}[@-~]|\\(?i:u(?!00[2-7])[0-9a-f]{4})|\\(?!u)|[^ -~]"
_BETWEEN = rf"(?:{_HIDDEN}){{0,16}}"
_LONGEST_CHARACTER = 6 + 16 * 24
"""The length of a key's character in a text, with everything that may follow it."""
M = TypeVar("M", bound=BaseModel)


def without_keys(text: str, secrets: Sequence[str]) -> str:
    """The text without these keys, even if JSON escapes some of their characters."""
    pattern = _pattern(tuple(secrets)) if len(text) >= _SHORTEST_KEY else None
    if pattern is None:
        return text
    pieces: list[str] = []
    start = 0
    for key in matches(pattern, text, max(map(len, secrets)) * _LONGEST_CHARACTER):
        pieces += (text[start : key.start()], _MASK)
        start = key.end()
    return "".join((*pieces, text[start:]))


@lru_cache(maxsize=8)
def _pattern(secrets: tuple[str, ...]) -> re.Pattern[str] | None:
    keys = sorted((secret for secret in secrets if len(secret) >= _SHORTEST_KEY), key=len, reverse=True)
    return re.compile("|".join(_BETWEEN.join(map(_character, key)) for key in keys)) if keys else None


def _character(character: str) -> str:
    return rf"(?:{re.escape(character)}|\\(?i:u{ord(character):04x}))"


@dataclass(frozen=True)
class ShownText:
    """Prepares text from a model for display. `secrets` are the API keys for the model servers."""

    secrets: tuple[str, ...] = ()

    def text(self, text: str) -> str:
        shown = without_keys(clean_text(text), self.secrets)
        return text if shown == text else shown

    def growing(self, text: str) -> str:
        """The text so far of a message that is still being written, up to a possible beginning of a key."""
        text = self.text(text)
        for secret in self.secrets:
            begun = range(min(len(secret), len(text)), _SHORTEST_KEY - 1, -1)
            if length := next((n for n in begun if text.endswith(secret[:n])), 0):
                text = text[:-length]
        return text

    def value(self, value: Any) -> Any:
        """The value with all its strings prepared, including those in lists, objects and models.

        A value of an unknown type is converted to text, because it may contain any text.
        """
        match value:
            case str():
                return self.text(value)
            case dict():
                return {self.value(key): self.value(inner) for key, inner in cast("dict[Any, Any]", value).items()}
            case list():
                return [self.value(inner) for inner in cast("list[Any]", value)]
            case tuple():
                return tuple(self.value(inner) for inner in cast("tuple[Any, ...]", value))
            case BaseModel():
                return self._model(value)
            case None | bool() | int() | float() | Decimal() | date():
                return value
            case _:
                return self.text(str(value))

    def reply(self, reply: Reply) -> Reply:
        """The reply, with everything that the model wrote prepared for display. The company's data stays unchanged."""
        return self._model(reply)

    def _model(self, model: M) -> M:
        fields = type(model).model_fields.items()
        texts = {name: getattr(model, name) for name, field in fields if COMPANY_DATA not in field.metadata}
        return model.model_copy(update={name: self.value(value) for name, value in texts.items()})
