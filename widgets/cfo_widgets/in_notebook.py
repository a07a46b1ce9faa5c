"""Widgets in a cell of a notebook: which cell that is, and what can be read there without a kernel."""

import html
import os
from collections.abc import Mapping, Sequence
from typing import Any

from IPython.core.getipython import get_ipython
from IPython.display import display, update_display
from ipywidgets import Widget
from typing_extensions import override

from cfo_kernel.display import reply_html, reply_text
from cfo_kernel.interface import ShownMessage

_LAST = 30
"""Messages: a notebook is no archive, the thread is."""
Said = tuple[str, str]
"""The same words as text and as HTML."""


def current_cell() -> str:
    """Names the notebook and the cell that runs now; empty where the front end tells none, as Voila."""
    parent: Any = getattr(get_ipython(), "get_parent", dict)()  # a shell without a front end has none
    notebook, cell = os.environ.get("JPY_SESSION_NAME"), parent.get("metadata", {}).get("cellId")
    return f"{notebook}#{cell}" if notebook and cell else ""


class InNotebook(Widget):
    """A widget that leaves words in its notebook.

    JupyterLab keeps no state of widgets, unless it is told to, and shows no other form of an output where the widget is
    missing. So the words are an output of their own, which the widget hides while it is there (tokens.css).
    """

    _kept: Said | None = None

    def in_words(self) -> Said:
        """What a person reads where the widget is not there."""
        name = f"The {type(self).__name__} of cfo_kernel"
        return f"{name} lives in its kernel.", f"<p>{name} lives in its kernel.</p>"

    @override
    def _repr_mimebundle_(self, **more: Any) -> Any:
        made: Any = super()._repr_mimebundle_(**more)
        if current_cell():
            self._kept = self.in_words()
            display(self._bundle(self._kept), raw=True, display_id=self.model_id)
        data = made[0] if isinstance(made, tuple) else made
        if data:
            data["text/plain"] = _PLAIN.format(self.in_words()[0])
        return made

    def keep_words(self) -> None:
        """Writes the words anew, where they stand in a notebook."""
        if self._kept is not None and self._kept != (words := self.in_words()):
            self._kept = words
            update_display(self._bundle(words), raw=True, display_id=self.model_id)

    @staticmethod
    def _bundle(words: Said) -> dict[str, str]:
        return {"text/plain": _PLAIN.format(words[0]), "text/html": _HTML.format(words[1])}


_PLAIN = "{}\n\nRun this cell to go on."
_HTML = '<div class="cfo-still" style="max-height:640px;overflow:auto">{}<p><em>Run this cell to go on.</em></p></div>'


def conversation(title: str, messages: Sequence[Mapping[str, Any]]) -> Said:
    """The words of a thread, the last ones at least."""
    texts, parts = [title], [f"<h4>{html.escape(title)}</h4>"]
    if len(messages) > _LAST:
        texts.append("…")
        parts.append("<p>…</p>")
    for message in messages[-_LAST:]:
        said = ShownMessage.model_validate({k: v for k, v in message.items() if k != "chart"})
        text, marked = _said(said)
        texts.append(text)
        parts.append(marked)
    return "\n\n".join(texts), "".join(parts)


def _said(message: ShownMessage) -> Said:
    if message.reply:
        return reply_text(message.reply), reply_html(message.reply)
    if message.who == "person":
        text = message.text or "(continue)"
        return f"> {text}", f"<blockquote>{html.escape(text)}</blockquote>"
    text = message.error.message if message.error else "Stopped."
    return text, f"<p>{html.escape(text)}</p>"
