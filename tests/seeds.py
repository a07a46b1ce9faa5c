"""Seeds for random choices in tests."""

import subprocess
from pathlib import Path

MOST = 10**6
"""Seeds are smaller than this."""


def commit_seed() -> int:
    """A seed that is the same for the same commit and differs from one commit to the next."""
    command = ["git", "rev-parse", "HEAD"]
    revision = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False).stdout
    return int(revision[:12] or "0", 16) % MOST
