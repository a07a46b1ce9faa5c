"""Routes for workspaces: their names, their usage, and queries over their tables."""

from fastapi import APIRouter

from cfo_api.dependencies import WorkbenchDep, WorkspaceDep
from cfo_api.pagination import PageDep
from cfo_api.problems import may
from cfo_api.schemas import DirectQuery, WorkspaceName, workspace_info
from cfo_kernel import ResultTable, UsageTotals
from cfo_kernel.api_models import Page, QueryAnswer, WorkspaceInfo
from cfo_kernel.interface import OpenRun

router = APIRouter(tags=["workspaces"])


@router.get("/workspaces", responses=may(422))
async def list_workspaces(wb: WorkbenchDep, page: PageDep) -> Page[WorkspaceInfo]:
    """Returns all workspaces, sorted by name."""
    return page.cut(await wb.workspaces(), lambda workspace: workspace.name, workspace_info)


@router.post("/workspaces", status_code=201, responses=may(409, 422))
async def create_workspace(wb: WorkbenchDep, body: WorkspaceName) -> WorkspaceInfo:
    """Creates an empty workspace."""
    return workspace_info(await wb.create_workspace(body.name))


@router.get("/workspaces/{workspace_id}", responses=may(404, 422))
async def get_workspace(workspace: WorkspaceDep) -> WorkspaceInfo:
    """Returns the workspace with this id or name."""
    return workspace_info(workspace)


@router.patch("/workspaces/{workspace_id}", responses=may(404, 409, 422))
async def rename_workspace(workspace: WorkspaceDep, body: WorkspaceName) -> WorkspaceInfo:
    """Changes the name of the workspace, but not its id."""
    await workspace.rename(body.name)
    return workspace_info(workspace)


@router.delete("/workspaces/{workspace_id}", status_code=204, responses=may(404, 409, 422))
async def delete_workspace(workspace: WorkspaceDep) -> None:
    """Stops the runs of the workspace and moves its folder to the root's `.trash/`, where it stays for 30 days."""
    await workspace.delete()


@router.get("/workspaces/{workspace_id}/runs", responses=may(404, 422))
async def list_open_runs(workspace: WorkspaceDep, page: PageDep) -> Page[OpenRun]:
    """Returns the runs that are queued or running, in the order in which they were accepted."""
    return page.cut(await workspace.open_runs(), lambda run: run.run_id, lambda run: run)


@router.get("/workspaces/{workspace_id}/usage", responses=may(404, 422))
async def get_workspace_usage(workspace: WorkspaceDep) -> UsageTotals:
    """Returns the total usage of the finished runs in the workspace."""
    return await workspace.usage()


@router.post("/workspaces/{workspace_id}/query", responses=may(404, 409, 422))
async def query_workspace(workspace: WorkspaceDep, body: DirectQuery) -> QueryAnswer:
    """Runs SQL, a plan or Python without a thread or a model. Returns the first 1,000 rows and the total row count."""
    answer = await workspace.query(body.direct)
    return QueryAnswer(result=answer) if isinstance(answer, ResultTable) else QueryAnswer(text=answer)
