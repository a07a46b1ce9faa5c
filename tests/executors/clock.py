"""How much later than its limit something may end."""

import os


def slack() -> float:
    """One second over the limit, of a machine that is this test's alone; a busy one shares its seconds out."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1) + 0.5)
