"""What earlier attempts at a run have learned: an answer of the model is not paid for twice, a tool not run twice."""

from typing import Any, Protocol


class ReplayLog(Protocol):
    """The record of a run's attempts; what it takes and gives are JSON values."""

    def response(self) -> Any | None:
        """The model's answer to the next request, if it was given already."""
        ...

    def keep_response(self, response: Any) -> None: ...

    def tool(self, call_id: str) -> Any | None:
        """What this call returned, if it did."""
        ...

    def keep_tool(self, call_id: str, returned: Any) -> None: ...

    def file(self, asked_by: str) -> str | None:
        """The name that was given to the result of this call, if it got that far."""
        ...

    def keep_file(self, asked_by: str, name: str) -> None: ...


class EmptyReplayLog:
    """A memory with nothing in it, that keeps nothing: for a turn that is not to survive its process."""

    def response(self) -> None:
        return None

    def keep_response(self, response: Any) -> None: ...

    def tool(self, call_id: str) -> None:  # noqa: ARG002
        return None

    def keep_tool(self, call_id: str, returned: Any) -> None: ...

    def file(self, asked_by: str) -> None:  # noqa: ARG002
        return None

    def keep_file(self, asked_by: str, name: str) -> None: ...
