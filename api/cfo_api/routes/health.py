"""Health: whether the process lives, and whether it can work. Both need no token."""

from fastapi import APIRouter

from cfo_api.dependencies import WorkbenchDep
from cfo_api.schemas import Health

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def get_health() -> Health:
    """The process lives."""
    return Health()


@router.get("/readyz")
async def get_readiness(wb: WorkbenchDep) -> Health:
    """The root is open, and the journal takes messages."""
    await wb.check()
    return Health()
