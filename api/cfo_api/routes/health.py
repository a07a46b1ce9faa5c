"""Routes that report whether the process is alive and whether it is ready. Neither requires a token."""

from fastapi import APIRouter

from cfo_api.dependencies import WorkbenchDep
from cfo_api.schemas import Health

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def get_health() -> Health:
    """Reports that the process is alive."""
    return Health()


@router.get("/readyz")
async def get_readiness(wb: WorkbenchDep) -> Health:
    """Reports whether the server is ready: the root is open, and the journal accepts messages."""
    await wb.check()
    return Health()
