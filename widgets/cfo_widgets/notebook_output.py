"""Supports widgets in notebook cells: finds their cell, and stores text that is readable without a kernel."""

import html
import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from IPython.core.getipython import get_ipython
from IPython.display import display, update_display
from ipywidgets import Widget
from typing_extensions import override

from cfo_kernel.display import reply_html, reply_text
from cfo_kernel.replies import reply_adapter

_MAX_MESSAGES = 30
"""How many messages are kept in the notebook. The whole conversation is in its thread."""


class NotebookOutput(NamedTuple):
    """The same content as text and as HTML."""

    text: str
    html: str


def current_cell() -> str:
    """Returns the ids of the running cell and its notebook.

    Empty if the front end, such as Voila, does not send them.
    """
    parent: Any = getattr(get_ipython(), "get_parent", dict)()  # missing in a shell without a front end
    notebook, cell = os.environ.get("JPY_SESSION_NAME"), parent.get("metadata", {}).get("cellId")
    return f"{notebook}#{cell}" if notebook and cell else ""


class NotebookWidget(Widget):
    """A widget that leaves readable text in its notebook.

    By default, JupyterLab does not save the state of widgets, and does not fall back to another representation of the
    output if a widget is missing. The text is therefore a separate output, hidden while the widget is shown
    (tokens.css).
    """

    _displayed: NotebookOutput | None = None

    def notebook_output(self) -> NotebookOutput:
        """Returns the content to show where the widget cannot run."""
        text = f"The cfo_kernel {type(self).__name__} needs a running kernel."
        return NotebookOutput(text, f"<p>{text}</p>")

    @override
    def _repr_mimebundle_(self, **more: Any) -> Any:
        bundle: Any = super()._repr_mimebundle_(**more)
        if current_cell():
            self._displayed = self.notebook_output()
            display(_mime_bundle(self._displayed), raw=True, display_id=self.model_id)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        if data:
            data["text/plain"] = _TEXT.format(self.notebook_output().text)
        return bundle

    def update_notebook_output(self) -> None:
        """Updates the text in the notebook if it has changed."""
        if self._displayed is not None and self._displayed != (current := self.notebook_output()):
            self._displayed = current
            update_display(_mime_bundle(current), raw=True, display_id=self.model_id)


_TEXT = "{}\n\nRun this cell to continue."
_HTML = (
    '<div class="cfo-still" style="max-height:640px;overflow:auto">{}<p><em>Run this cell to continue.</em></p></div>'
)


def _mime_bundle(output: NotebookOutput) -> dict[str, str]:
    return {"text/plain": _TEXT.format(output.text), "text/html": _HTML.format(output.html)}


def conversation_output(title: str, messages: Sequence[Mapping[str, Any]]) -> NotebookOutput:
    """Formats the last messages of a thread. The messages are in the page's format."""
    texts, parts = [title], [f"<h4>{html.escape(title)}</h4>"]
    if len(messages) > _MAX_MESSAGES:
        texts.append("…")
        parts.append("<p>…</p>")
    for message in messages[-_MAX_MESSAGES:]:
        output = _message_output(message)
        texts.append(output.text)
        parts.append(output.html)
    return NotebookOutput("\n\n".join(texts), "".join(parts))


def _message_output(message: Mapping[str, Any]) -> NotebookOutput:
    if message["reply"]:
        reply = reply_adapter.validate_python(message["reply"])
        return NotebookOutput(reply_text(reply), reply_html(reply))
    if message["who"] == "person":
        text = message["text"] or "(continue)"
        return NotebookOutput(f"> {text}", f"<blockquote>{html.escape(text)}</blockquote>")
    text = message["error"]["message"] if message["error"] else "Stopped."
    return NotebookOutput(text, f"<p>{html.escape(text)}</p>")
