"""Copies of workspaces whose files have been ingested, so that tests need not read them again."""

import json
import os
import shutil
from pathlib import Path

from cfo_kernel.data import file_records


def copy_ingested(workspace: Path, to: Path) -> None:
    """Copies a workspace. Its files are links, and count as ingested although a link changes their stamps."""
    shutil.copytree(workspace, to, copy_function=os.link)
    for path in (to / "data").iterdir():
        record = to / ".cache" / file_records.file_name(path)
        if record.exists():
            stored = json.loads(record.read_text())
            record.unlink()  # the copy's link
            record.write_text(json.dumps({**stored, "stamp": file_records.stamp_of(path).model_dump()}))
