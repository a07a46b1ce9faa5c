"""Tests the application against the whole OpenAPI document: no 5xx, and only documented statuses and bodies.

Each operation is tried twice: with invented names, and with names that exist.
"""

import asyncio
import contextlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
import uvicorn
from cfo_api.app import create_app
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from cfo_kernel import Settings, connect
from tests.conftest import LEDGER

OPENAPI = json.loads((Path(__file__).parents[1] / "golden" / "openapi.json").read_text())
OPERATIONS = [operation["operationId"] for item in OPENAPI["paths"].values() for operation in item.values()]
CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]
NO_CASES = ("Unsatisfiable", "FailedHealthCheck")
"""The errors for an operation without anything to break. The health check is the one for what is filtered out. It ends
the search after 50 attempts instead of 459; operations with cases need at most 14 attempts.
"""
FIXED = settings(
    max_examples=6,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[check for check in HealthCheck if check is not HealthCheck.filter_too_much],
)
World = tuple[str, Any, dict[str, str]]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A served application that uses the offline analyst: its URL, its document, and existing names."""
    root = tmp_path_factory.mktemp("root")
    (root / "tiny" / "data").mkdir(parents=True)
    (root / "tiny" / "data" / "ledger.csv").write_text(LEDGER)
    with served(root) as url, httpx.Client(base_url=url, timeout=60) as client:
        body = {"workspace_id": "tiny", "message": "SQL: SELECT * FROM ledger"}
        run = client.post("/chat", json=body).raise_for_status().json()
        there = {"workspace_id": "tiny", "thread_id": run["thread_id"], "run_id": run["run_id"]}
        more = {"name": "ledger.csv", "dataset_id": "ledger", "table": "ledger", "file": run["reply"]["result"]["file"]}
        yield url, schemathesis.openapi.from_dict(client.get("/openapi.json").json()), {**there, **more}


@contextlib.contextmanager
def served(root: Path) -> Iterator[str]:
    """Serves the application in a separate event loop, alongside the test."""
    given_settings = Settings(root=root, model="offline", query_timeout=5, python_timeout=5)

    async def serve() -> None:
        app = create_app(connect(settings=given_settings), given_settings)
        server.config = uvicorn.Config(app, port=0, log_level="error", access_log=False, timeout_graceful_shutdown=5)
        await server.serve()

    server = uvicorn.Server(uvicorn.Config(""))
    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            thread.join(0.02)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(30)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("is_there", [False, True], ids=["nowhere", "there"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_the_application_does_what_the_document_says(world: World, name: str, is_there: bool) -> None:
    url, schema, there = world
    operation = schema.find_operation_by_id(name)
    known = there if is_there and not name.startswith("delete_") else {}

    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
        sent = 0

        @FIXED
        @given(case=operation.as_strategy(generation_mode=mode))
        def tried(case: Any) -> None:
            for part in (case.path_parameters, case.body):
                if isinstance(part, dict):
                    part.update({key: known[key] for key in part.keys() & known.keys()})
            if isinstance(case.body, dict) and isinstance(case.body.get("timeout"), int | float):
                case.body["timeout"] = min(case.body["timeout"], 1)
            nonlocal sent
            sent += 1
            response = case.call(base_url=url, timeout=60)
            assert response.status_code < 500, (case.as_curl_command(), response.text)
            case.validate_response(response, checks=CHECKS)

        try:
            tried()
        except schemathesis.errors.InvalidSchema:
            raise
        except Exception as error:
            if sent or not type(error).__name__.startswith(NO_CASES):
                raise
