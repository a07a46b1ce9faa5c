"""The process that opens uploaded files, and writes sheets and exports. It confines itself first.

Run as `python -m cfo_kernel.data.file_process FOLDER`. The kernel lets it read `FOLDER/in` and write below `FOLDER/out`
(`cfo_kernel.executors.worker_folder`). A file that crashes or compromises a parser harms only this process.
"""

import gc
import importlib
import shutil
import sys
import tempfile
from pathlib import Path

from cfo_kernel.data.read_limits import MEMORY
from cfo_kernel.data.reading_stages import stages
from cfo_kernel.executors import worker_folder
from cfo_kernel.executors.worker_server import serve

_GARBAGE_THRESHOLD = 200_000  # objects


def main(folder: str) -> None:
    """Confines this process, then serves requests."""
    # Before the confinement: openpyxl reads a list of file types in /etc. Neither import starts a thread.
    for module in ("duckdb", "openpyxl"):
        importlib.import_module(module)
    # Libraries put temporary files here, not into /tmp. An earlier process that was killed may have left some.
    scratch = Path(folder, "out", "tmp")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    tempfile.tempdir = str(scratch)
    worker_folder.confine_worker(MEMORY, Path(folder))
    # After the confinement: pyarrow starts a thread, which would stay unconfined. pytz, because there may be no memory
    # left for an import when a time with a zone first needs it.
    ingest_worker, _ = (importlib.import_module(name) for name in ("cfo_kernel.data.ingest_worker", "pytz"))
    # The cells of a sheet are many objects without cycles. At the usual threshold, a fifth of the time would be spent
    # on searching them for garbage again and again.
    gc.set_threshold(_GARBAGE_THRESHOLD)
    serve(ingest_worker.HANDLERS, MEMORY, listen=stages.listen)


if __name__ == "__main__":
    main(*sys.argv[1:])
