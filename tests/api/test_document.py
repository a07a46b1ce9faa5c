"""The OpenAPI document equals its golden file, and has an example and every status for each operation."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from cfo_api import examples, problems

import cfo_kernel
from cfo_kernel import errors

GOLDEN = Path(__file__).parents[1] / "golden" / "openapi.json"
WRITE = os.environ.get("CFO_GOLDEN") == "write"  # read here: the tests themselves see no CFO_ variable


@pytest.fixture
async def document(client: httpx.AsyncClient) -> Any:
    return (await client.get("/openapi.json")).json()


def operations(document: Any) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


async def test_the_document_is_the_golden_one(document: Any) -> None:
    """`CFO_GOLDEN=write` rewrites the file. The difference is what clients will notice."""
    assert document["info"].pop("version") == cfo_kernel.__version__
    text = json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    if WRITE:
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()


async def test_every_operation_has_examples_that_fit(document: Any) -> None:
    seen: set[str] = set()
    answering: set[str] = set()
    for path, method, operation in operations(document):
        seen.add(operation["operationId"])
        if any("content" in r for status, r in operation["responses"].items() if int(status) < 400):
            answering.add(operation["operationId"])
        contents = [r["content"] for r in operation["responses"].values() if "content" in r]
        contents += [operation["requestBody"]["content"]] if "requestBody" in operation else []
        assert contents, (path, method)
        for media_type, media in (pair for content in contents for pair in content.items()):
            assert "example" in media, (path, method, media_type)
            if "json" in media_type:
                jsonschema.validate(media["example"], {**media["schema"], "components": document["components"]})
        for parameter in operation.get("parameters", ()):
            assert "example" in parameter or "default" in parameter["schema"] or not parameter["required"], path
    assert answering == set(examples.ANSWERS)
    assert set(examples.BODIES) <= seen


async def test_every_status_is_documented(document: Any) -> None:
    for path, method, operation in operations(document):
        statuses = {int(status) for status in operation["responses"]}
        needed = {403, 413, 500, 503} if operation["tags"] == ["health"] else {401, 403, 413, 500, 503}
        needed |= {404} if "{" in path else set()
        needed |= {422} if operation.get("parameters") or "requestBody" in operation else set()
        needed |= {409} if "threads" in path and "{thread_id}" in path else set()
        assert needed <= statuses, (path, method, needed - statuses)
        assert [s for s in statuses if s < 400], (path, method)
        for status in statuses - {s for s in statuses if s < 400}:
            problem = operation["responses"][str(status)]["content"]["application/problem+json"]["example"]
            assert (problem["status"], set(problem)) == (status, {"type", "title", "status", "detail", "code"})
            kind = errors.BY_CODE.get(problem["code"])
            assert kind is None or problems.status_of(kind) == status


def test_every_error_has_a_status_of_its_branch() -> None:
    statuses = {code: problems.status_of(kind) for code, kind in errors.BY_CODE.items()}
    assert set(statuses.values()) == {401, 404, 409, 410, 412, 413, 422, 428, 429, 500, 503}
    assert set(statuses.values()) <= examples.PROBLEMS.keys()
    assert statuses["events_pruned"] == 410
    assert statuses["thread_not_found"] == statuses["file_not_found"] == statuses["unknown_table"] == 404
    assert statuses["nothing_to_continue"] == statuses["idempotency_mismatch"] == 409
    assert statuses["empty_message"] == statuses["sql_policy_violation"] == statuses["empty_file"] == 422
    assert statuses["file_too_large"] == 413
    assert statuses["storage_failed"] == 503
