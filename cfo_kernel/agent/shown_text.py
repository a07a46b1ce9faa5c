"""Prepares a model's text for display: cleans it, and removes the API keys that were sent to its server."""

from dataclasses import dataclass
from typing import Any, cast

from cfo_kernel.clean_text import clean_text
from cfo_kernel.replies import Reply

_MASK = "***"
_SHORTEST_KEY = 8
"""A shorter "key" is a placeholder for a server that needs none, and may occur as a word in an answer."""


@dataclass(frozen=True)
class ShownText:
    """Prepares text from a model for display. `secrets` are the API keys for the model servers."""

    secrets: tuple[str, ...] = ()

    def text(self, text: str) -> str:
        text = clean_text(text)
        for secret in self.secrets:
            if len(secret) >= _SHORTEST_KEY:
                text = text.replace(secret, _MASK)
        return text

    def growing(self, text: str) -> str:
        """The text so far of a message that is still being written, without an ending that may be the start of a
        key.
        """
        text = self.text(text)
        for secret in self.secrets:
            begun = range(min(len(secret), len(text)), _SHORTEST_KEY - 1, -1)
            if length := next((n for n in begun if text.endswith(secret[:n])), 0):
                text = text[:-length]
        return text

    def value(self, value: Any) -> Any:
        """The JSON value with its strings prepared."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(key): self.value(inner) for key, inner in cast("dict[str, Any]", value).items()}
        if isinstance(value, list):
            return [self.value(inner) for inner in cast("list[Any]", value)]
        return value

    def reply(self, reply: Reply) -> Reply:
        """The reply with the model's own text prepared. Its table holds the company's data and stays unchanged."""
        texts = {name: getattr(reply, name) for name in type(reply).model_fields}
        changed: dict[str, Any] = {name: self.text(text) for name, text in texts.items() if isinstance(text, str)}
        if reply.kind == "user_interaction":
            changed["choices"] = tuple(self.text(choice) for choice in reply.choices)
        return reply.model_copy(update=changed)
