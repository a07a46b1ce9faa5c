"""Health: whether the process lives, and whether it can work. Both need no token."""

import contextlib

from fastapi import APIRouter

from cfo_api.dependencies import WorkbenchDep
from cfo_api.values import Health
from cfo_kernel.errors import RunNotFound

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def get_health() -> Health:
    """The process lives."""
    return Health()


@router.get("/readyz")
async def get_readiness(wb: WorkbenchDep) -> Health:
    """The root is open, and the journal answers."""
    await wb.workspaces()
    with contextlib.suppress(RunNotFound):  # which only the journal can tell
        await wb.run("none")
    return Health()
