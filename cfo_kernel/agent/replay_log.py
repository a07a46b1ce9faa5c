"""The replay log of a run: answers, tool results and file names that earlier attempts recorded.

With it, a later attempt never pays for the same answer or runs the same tool twice. The log is a protocol because
`runs` implements it with the journal, and `agent` must not import `runs`.
"""

from typing import Any, Protocol


class ReplayLog(Protocol):
    """The recorded steps of a run. All values are JSON. `run_deps.call_key` returns the `call_key` of a call."""

    def response(self) -> Any | None:
        """The model's recorded answer to the next request, or None."""
        ...

    def keep_response(self, response: Any) -> None: ...

    def tool(self, call_key: str) -> Any | None:
        """The recorded result of this tool call, or None."""
        ...

    def keep_tool(self, call_key: str, returned: Any) -> None: ...

    def file(self, call_key: str) -> str | None:
        """The file name that was reserved for the result of this call, or None."""
        ...

    def keep_file(self, call_key: str, name: str) -> None: ...


class EmptyReplayLog:
    """A log that records nothing, for a turn that need not survive its process."""

    def response(self) -> None:
        return None

    def keep_response(self, response: Any) -> None: ...

    def tool(self, call_key: str) -> None:  # noqa: ARG002
        return None

    def keep_tool(self, call_key: str, returned: Any) -> None: ...

    def file(self, call_key: str) -> None:  # noqa: ARG002
        return None

    def keep_file(self, call_key: str, name: str) -> None: ...
