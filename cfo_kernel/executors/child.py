"""The inside of a worker process: reads requests, calls the handler of each, answers with its value or its error."""

import os
import resource
import sys
from collections.abc import Callable
from typing import Any

from cfo_kernel.errors import CfoError
from cfo_kernel.executors import wire

Handler = Callable[..., dict[str, Any]]


def serve(handlers: dict[str, Handler], memory_bytes: int) -> None:
    """Serves until the engine closes the pipe, with no more address space than `memory_bytes`.

    The pipe to the engine is kept from everything else: what a library prints goes to standard error.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    while (request := wire.read(requests)) is not None:
        answers.write(_answer(handlers, request))
        answers.flush()


def _answer(handlers: dict[str, Handler], request: dict[str, Any]) -> bytes:
    """The frame that answers: building it can fail too, for want of memory."""
    try:
        return wire.pack({"value": handlers[request.pop("op")](**request)})
    except CfoError as error:
        return _failed(error.code, error.message, error.details)
    except MemoryError:
        message = "This needs more memory than the worker may use. Ask for fewer rows or columns."
        return _failed("query_out_of_memory", message, {})
    except Exception as error:  # noqa: BLE001 - the process boundary: the engine must hear of every failure
        return _failed("query_failed", f"The worker failed: {type(error).__name__}: {error}", {})


def _failed(code: str, message: str, details: dict[str, Any]) -> bytes:
    return wire.pack({"error": {"code": code, "message": message, "details": details}})
