"""Connections that do not wait for ever: one that says nothing costs the process a file, and it has not many."""

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

HEAD = 30.0
"""Seconds in which the head of a request must have come: from its first byte on, or from the connection on."""


class Connection(H11Protocol):
    """A connection of uvicorn that hangs up where the head of a request takes too long."""

    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        cycle: RequestResponseCycle | None = getattr(self, "cycle", None)  # there is none before the first request
        if cycle is not None and not cycle.response_complete:
            self._stop_waiting()
        else:  # some of a head and not its end, or the rest of a body that nobody wanted
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _should_upgrade(self) -> bool:
        """There is nothing to change to; who only asks (Java's client does, for HTTP/2) is not worth a warning."""
        return False

    def _wait(self) -> None:
        if self._waiting is None:
            self._waiting = self.loop.call_later(HEAD, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
