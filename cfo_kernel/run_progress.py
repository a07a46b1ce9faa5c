"""The display of a run in progress, for terminals and notebook cells."""

import html
from dataclasses import dataclass, replace
from typing import Any

from cfo_kernel.display import action_label
from cfo_kernel.events import ActionStarted, Numbered, Progress, Restarted, Token, ToolCall

_THINKING = "Thinking …"


@dataclass(frozen=True)
class RunProgress:
    """The answer so far and the current activity. `has_begun` means that the agent has taken a step."""

    activity: str = _THINKING
    tokens: tuple[tuple[int, str], ...] = ()
    has_begun: bool = False

    def after(self, numbered: Numbered) -> "RunProgress":
        """Returns the progress after this event."""
        match numbered.event:
            case Token(text=text):
                return replace(self, tokens=(*self.tokens, (numbered.number, text)))
            case Restarted(from_=first_void):
                return replace(self, tokens=tuple(token for token in self.tokens if token[0] < first_void))
            case ToolCall(name=name):
                return RunProgress(f"{name} …", has_begun=True)
            case ActionStarted(kind=kind):
                return replace(self, activity=action_label(kind), has_begun=True)
            case Progress(done=done, total=total, label=label) if not self.has_begun:
                return replace(self, activity=f"{label} …" if done < total else _THINKING)
            case _:
                return self

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        text = "".join(text for _, text in self.tokens)
        lines = "\n\n".join(filter(None, (text, self.activity)))
        return {"text/plain": lines, "text/html": f'<div style="white-space:pre-wrap">{html.escape(lines)}</div>'}
