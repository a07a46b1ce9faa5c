"""Routes for the files of a workspace and their tables."""

from typing import Annotated

from fastapi import APIRouter, File, Query, UploadFile
from starlette.responses import Response

from cfo_api.dependencies import WorkspaceDep
from cfo_api.downloads import BYTES, attachment
from cfo_api.long_requests import LongRoute
from cfo_api.pagination import PageDep
from cfo_api.problems import may
from cfo_api.schemas import NewUnion
from cfo_kernel import DataFile, Dataset
from cfo_kernel.api_models import Page, Uploaded
from cfo_kernel.interface import LIST_WAIT, MAX_LIST_WAIT, Glossary

Wait = Annotated[float, Query(ge=0, le=MAX_LIST_WAIT, description="Seconds to wait for files that are being read.")]
router = APIRouter(prefix="/workspaces/{workspace_id}", tags=["data"])
_long = APIRouter(prefix="/workspaces/{workspace_id}", tags=["data"], route_class=LongRoute)


@router.get("/data", responses=may(404, 422))
async def list_files(workspace: WorkspaceDep, page: PageDep) -> Page[DataFile]:
    """Returns the files in `data/`, sorted by name."""
    return page.cut(await workspace.files(), lambda file: file.name, lambda file: file)


@_long.post("/data", status_code=201, responses=may(404, 409, 422, 429))
async def upload_files(
    workspace: WorkspaceDep, files: Annotated[list[UploadFile], File(description="CSV, Excel, JSON or Parquet files.")]
) -> Uploaded:
    """Stores files in `data/`, one after the other. An existing file with the same name is replaced.

    Stops at the first file that is not a table. The files before it are stored.
    """
    return Uploaded(items=tuple([await workspace.upload(file.file, file.filename) for file in files]))


@_long.get("/data/{name}", response_class=Response, responses={**BYTES, **may(404, 422, 429)})
async def download_file(workspace: WorkspaceDep, name: str) -> Response:
    """Returns a file as it was uploaded."""
    return attachment(await workspace.download(name))


@router.delete("/data/{name}", status_code=204, responses=may(404, 409, 422))
async def delete_file(workspace: WorkspaceDep, name: str) -> None:
    """Moves a file from `data/` to the workspace's `.trash/`, where it stays for 30 days."""
    await workspace.delete_file(name)


@router.post("/data/{name}/stop-reading", status_code=204, responses=may(404, 409, 422))
async def stop_reading(workspace: WorkspaceDep, name: str) -> None:
    """Stops the reading of a file, which is then listed without tables until it is read again.

    A file that has already been read is not affected.
    """
    await workspace.stop_reading(name)


@router.post("/data/{name}/read-again", status_code=204, responses=may(404, 409, 422))
async def read_again(workspace: WorkspaceDep, name: str) -> None:
    """Reads a file again whose reading was stopped or failed. A file that has already been read is not affected."""
    await workspace.read_again(name)


@router.post("/unions", status_code=204, responses=may(404, 409, 422))
async def unite_files(workspace: WorkspaceDep, union: NewUnion) -> None:
    """Puts the tables of several files together as one table. Without files, keeps apart those that would form it.

    Writes `union` in `data/datasets.yaml`. For a file with several tables, name the table instead.
    """
    await workspace.unite(union.name, union.files)


@router.get("/datasets", responses=may(404, 422))
async def list_datasets(
    workspace: WorkspaceDep,
    page: PageDep,
    wait: Wait = LIST_WAIT,
) -> Page[Dataset]:
    """Returns the files with their tables. If a file cannot be read, its `problem` says why.

    Waits up to `wait` seconds for files that are being read. The `reading` of one that takes longer says how far it is.
    """
    return page.cut(await workspace.datasets(wait=wait), lambda dataset: dataset.file, lambda dataset: dataset)


@router.get("/datasets/{dataset_id}/schema", responses=may(404, 422))
async def get_dataset_schema(workspace: WorkspaceDep, dataset_id: str) -> Dataset:
    """Returns the dataset with this id, file name or table, with its tables, their columns, and column profiles."""
    return await workspace.schema(dataset_id)


@router.get("/glossary", responses=may(404, 409, 422))
async def get_glossary(workspace: WorkspaceDep, wait: Wait = LIST_WAIT) -> Glossary:
    """Returns the glossary of the tables and columns, with example questions.

    It says nothing about the tables of files that are still being read after `wait` seconds.
    """
    return await workspace.glossary(wait=wait)


@_long.get("/tables/{table}", response_class=Response, responses={**BYTES, **may(404, 422, 429)})
async def download_table(workspace: WorkspaceDep, table: str) -> Response:
    """Returns the whole table as a Parquet file."""
    return attachment(await workspace.table(table).download())


router.routes += _long.routes
