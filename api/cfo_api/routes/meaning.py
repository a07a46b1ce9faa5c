"""Routes for what the tables of a workspace mean, and for changes of its glossary."""

import re
from typing import Annotated, Any

from fastapi import APIRouter, Body, Header
from starlette.responses import Response

from cfo_api.dependencies import WorkspaceDep
from cfo_api.pagination import PageDep
from cfo_api.problems import may
from cfo_kernel.api_models import Page
from cfo_kernel.errors import InvalidInput, MeaningVersionMissing
from cfo_kernel.interface import MeaningVersion, StatedMeaning

router = APIRouter(prefix="/workspaces/{workspace_id}/meaning", tags=["meaning"])
_TAG = re.compile(r'"([0-9A-Za-z]{1,64})"')


MatchHeader = Annotated[
    str | None, Header(alias="If-Match", description="The ETag of the meaning that was read.", max_length=200)
]


@router.get("", responses=may(404, 409, 422))
async def get_meaning(workspace: WorkspaceDep, response: Response) -> StatedMeaning:
    """Returns what the tables and columns mean: inferred with evidence, and as the glossary states it.

    The `ETag` is the version of the glossary, which a change has to name.
    """
    return _tagged(await workspace.meaning(), response)


@router.patch("", responses=may(404, 409, 412, 422, 428))
async def set_meaning(
    workspace: WorkspaceDep,
    changes: Annotated[dict[str, Any], Body(description="Entries of `datasets.yaml`; null removes an entry.")],
    response: Response,
    if_match: MatchHeader = None,
) -> StatedMeaning:
    """Changes the glossary by a JSON merge patch (RFC 7396) and returns the new meaning.

    Comments and the order of the file stay. If any part of the change is wrong, nothing is changed.
    """
    return _tagged(await workspace.set_meaning(changes, version=_read_version(if_match)), response)


@router.post("/undo", responses=may(404, 409, 412, 422, 428))
async def undo_meaning(workspace: WorkspaceDep, response: Response, if_match: MatchHeader = None) -> StatedMeaning:
    """Undoes the last change of the glossary that is not undone yet, and returns the new meaning."""
    return _tagged(await workspace.undo_meaning(version=_read_version(if_match)), response)


@router.get("/history", responses=may(404, 422))
async def list_meaning_versions(workspace: WorkspaceDep, page: PageDep) -> Page[MeaningVersion]:
    """Returns the versions of the glossary that are kept, newest first."""
    versions = await workspace.meaning_history()
    return page.cut(versions, lambda one: f"{one.number:09}", lambda one: one, lambda key, last: key < last)


def _tagged(meaning: StatedMeaning, response: Response) -> StatedMeaning:
    response.headers["ETag"] = f'"{meaning.version}"'
    return meaning


def _read_version(if_match: str | None) -> str:
    """The version that a change is for."""
    if if_match is None:
        raise MeaningVersionMissing("A change has to name the version that it changes. Send the ETag as If-Match.")
    found = _TAG.fullmatch(if_match.strip())
    if found is None:
        raise InvalidInput('If-Match must be one ETag in quotes, such as "9f86d081884c7d65", as it was read.')
    return found[1]
