"""The inside of a worker process: reads requests, calls the handler of each, answers with its value or its error.

Requests are carried out one after the other in the main thread. A second thread reads the pipe, so that a request can
be told to stop, and a third tells how far it is and passes the word on: DuckDB takes an interruption from outside.
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
_FIRST_PROGRESS = 0.5  # seconds; what is quicker needs no word
_PROGRESS_EVERY = 0.2
_LOOK_EVERY = 0.05


class Work(Protocol):
    """The work that is going on in the main thread, as the other threads see it."""

    def stop(self) -> None:
        """Asks it to end; asked again and again until it does."""
        ...

    def progress(self) -> float:
        """Percent of it that is done; negative where it is not known."""
        ...


def serve(handlers: dict[str, Handler], memory_bytes: int, work: Work | None = None) -> None:
    """Serves until the engine closes the pipe, with no more address space than `memory_bytes`.

    The pipe to the engine is kept from everything else: what a library prints goes to standard error. When the engine
    is gone, so is the process, whatever it is doing.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    _Serving(handlers, requests, answers, work).run()


class _Serving:
    """What the three threads share: the number of the request that runs, and the one that is to stop."""

    def __init__(self, handlers: dict[str, Handler], requests: BinaryIO, answers: BinaryIO, work: Work | None) -> None:
        self._handlers = handlers
        self._requests = requests
        self._answers = answers
        self._work = work
        self._waiting: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._writing = threading.Lock()
        self._turning = threading.Lock()
        self._running: int | None = None
        self._begun = threading.Event()
        self._to_stop = -1

    def run(self) -> None:
        threading.Thread(target=self._read, daemon=True).start()
        if self._work is not None:
            threading.Thread(target=self._watch, args=(self._work,), daemon=True).start()
        while True:
            request = self._waiting.get()
            self._runs(request.pop("id", 0))
            answer = _answer(self._handlers, request)
            self._runs(None)
            self._send(answer)

    def _runs(self, number: int | None) -> None:
        """From here on this request runs: a word to stop must not reach the one that comes after it."""
        with self._turning:
            self._running = number
            self._begun.clear() if number is None else self._begun.set()

    def _read(self) -> None:
        try:
            while (request := framing.read(self._requests)) is not None:
                if "stop" in request:
                    self._to_stop = request["stop"]
                else:
                    self._waiting.put(request)
        finally:  # without its ear the process would live on for nobody
            os._exit(0)

    def _watch(self, work: Work) -> None:
        while self._begun.wait():
            number, told = self._running, time.monotonic() + _FIRST_PROGRESS - _PROGRESS_EVERY
            while self._begun.is_set() and self._running == number:
                time.sleep(_LOOK_EVERY)
                with self._turning:
                    if self._to_stop == number == self._running:
                        work.stop()
                        continue
                if time.monotonic() - told >= _PROGRESS_EVERY and (done := work.progress()) >= 0:
                    told = time.monotonic()
                    self._send(framing.pack({"progress": done}))

    def _send(self, frame: bytes) -> None:
        try:
            with self._writing:
                self._answers.write(frame)
                self._answers.flush()
        except BrokenPipeError:  # the engine is gone, which the other pipe has not told yet
            os._exit(0)


def _answer(handlers: dict[str, Handler], request: dict[str, Any]) -> bytes:
    """The frame that answers: building it can fail too, for want of memory."""
    try:
        return framing.pack({"value": handlers[request.pop("op")](**request)})
    except CfoError as error:
        return _failed(error.code, error.message, error.details)
    except MemoryError:
        message = "This needs more memory than the worker may use. Ask for fewer rows or columns."
        return _failed("query_out_of_memory", message, {"retryable": True})
    except Exception as error:  # noqa: BLE001 - the process boundary: the engine must hear of every failure
        message = f"The worker failed: {type(error).__name__}: {without_paths(str(error))}"
        return _failed("query_failed", message, {"retryable": False})


def _failed(code: str, message: str, details: dict[str, Any]) -> bytes:
    return framing.pack({"error": {"code": code, "message": message, "details": details}})
