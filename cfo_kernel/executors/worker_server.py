"""The code inside a worker process: reads requests, calls their handlers, and answers each with a value or an error.

The main thread handles requests one after another. A second thread reads the pipe, so that a request can be stopped
while it runs. A third thread stops it and reports progress, because DuckDB is interrupted from another thread.

The protocol, in frames of `framing`: the engine sends `{"op": name, "id": number, ...arguments}`, or `{"stop": number}`
for the request with that id. The worker answers each op with any number of `{"progress": percent}` and `{"stage": ...}`
frames, followed by one `{"value": ...}` or `{"error": ...}`.
"""

import os
import queue
import resource
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, BinaryIO, Protocol

from cfo_kernel.errors import CfoError, without_paths
from cfo_kernel.executors import framing

Handler = Callable[..., dict[str, Any]]
_FIRST_PROGRESS = 0.5  # seconds; a quicker request needs no progress bar
_PROGRESS_EVERY = 0.2
_CHECK_EVERY = 0.05


class InterruptibleWork(Protocol):
    """The other threads' access to the work in the main thread."""

    def stop(self) -> None:
        """Asks the work to end. Called repeatedly until it has ended."""
        ...

    def progress(self) -> float:
        """The progress of the work in percent, negative if it is not known."""
        ...


def serve(
    handlers: dict[str, Handler],
    memory_bytes: int,
    work: InterruptibleWork | None = None,
    listen: Callable[[Callable[[Any], None]], None] | None = None,
) -> None:
    """Serves requests, with at most `memory_bytes` of address space, until the engine closes the pipe.

    `listen` is given a function with which the handlers report the stages of the running request.

    When the engine is gone, the process ends even if a request is still running.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    # The pipe is moved to other descriptors, and standard output is redirected to standard error, because a library
    # that prints must not write into the middle of a frame.
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    server = _Server(handlers, requests, answers, work)
    if listen is not None:
        listen(server.report)
    server.run()


class _Server:
    """The state shared by the three threads: the ids of the running request and of the request to stop."""

    def __init__(
        self, handlers: dict[str, Handler], requests: BinaryIO, answers: BinaryIO, work: InterruptibleWork | None
    ) -> None:
        self._handlers = handlers
        self._requests = requests
        self._answers = answers
        self._work = work
        self._waiting: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._write_lock = threading.Lock()
        self._running_lock = threading.Lock()
        self._running: int | None = None
        self._has_begun = threading.Event()
        self._to_stop = -1

    def run(self) -> None:
        threading.Thread(target=self._read_requests, daemon=True).start()
        if self._work is not None:
            threading.Thread(target=self._watch, args=(self._work,), daemon=True).start()
        while True:
            request = self._waiting.get()
            self._set_running(request.pop("id", 0))
            answer = _answer(self._handlers, request)
            self._set_running(None)  # first, because the engine may send the next request as soon as it has the answer
            self._send(answer)

    def report(self, stage: Any) -> None:
        """Reports the stage of the running request."""
        self._send(framing.pack({"stage": stage}))

    def _set_running(self, number: int | None) -> None:
        """Records which request is running. Takes the lock, so that a late stop cannot interrupt the next request."""
        with self._running_lock:
            self._running = number
            self._has_begun.clear() if number is None else self._has_begun.set()

    def _read_requests(self) -> None:
        try:
            while (request := framing.read(self._requests)) is not None:
                if "stop" in request:
                    self._to_stop = request["stop"]
                else:
                    self._waiting.put(request)
        finally:  # even after an error: without this thread, the process would outlive its engine
            os._exit(0)

    def _watch(self, work: InterruptibleWork) -> None:
        """Stops a request when asked to, and reports the progress of the running request."""
        while self._has_begun.wait():
            number, reported = self._running, time.monotonic() + _FIRST_PROGRESS - _PROGRESS_EVERY
            while self._has_begun.is_set() and self._running == number:
                time.sleep(_CHECK_EVERY)
                with self._running_lock:
                    if self._to_stop == number == self._running:
                        work.stop()  # repeated, because an interruption may come before the query starts
                        continue
                if time.monotonic() - reported >= _PROGRESS_EVERY and (done := work.progress()) >= 0:
                    reported = time.monotonic()
                    self._send(framing.pack({"progress": done}))

    def _send(self, frame: bytes) -> None:
        try:
            with self._write_lock:
                self._answers.write(frame)
                self._answers.flush()
        except BrokenPipeError:  # the engine is gone, but the reading thread has not noticed yet
            os._exit(0)


def _answer(handlers: dict[str, Handler], request: dict[str, Any]) -> bytes:
    """The frame with the value or the error. It is packed here because packing may run out of memory too."""
    try:
        return framing.pack({"value": handlers[request.pop("op")](**request)})
    except CfoError as error:
        return _failed(error.code, error.message, error.details)
    except MemoryError:
        message = "The query needs more memory than the worker's limit. Select fewer rows or columns."
        return _failed("query_out_of_memory", message, {"retryable": True})
    except Exception as error:  # noqa: BLE001 - the process boundary: the engine must learn of every failure
        message = f"The worker failed: {type(error).__name__}: {without_paths(str(error))}"
        return _failed("query_failed", message, {"retryable": False})


def _failed(code: str, message: str, details: dict[str, Any]) -> bytes:
    return framing.pack({"error": {"code": code, "message": message, "details": details}})
