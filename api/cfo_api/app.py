"""The application: the routes for a workbench, behind the auth middleware."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.middleware.cors import CORSMiddleware

from cfo_api import problems
from cfo_api.auth_middleware import AuthMiddleware
from cfo_api.event_feeds import EventFeeds
from cfo_api.long_requests import LongRequests
from cfo_api.openapi import openapi_document
from cfo_api.routes import chat, data, health, meaning, runs, threads, workspaces
from cfo_kernel import Settings, __version__
from cfo_kernel.hosts import is_loopback
from cfo_kernel.interface import Workbench

_EXPOSED_HEADERS = ("Location", "Cfo-Run-Id", "Cfo-Thread-Id", "Content-Disposition", "ETag")


def create_app(workbench: Workbench, settings: Settings, *, host: str = "127.0.0.1") -> FastAPI:
    """Returns the application for a server that listens on `host`. It closes the workbench when it shuts down."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        await workbench.workspaces()  # opens the root, which resumes the runs of processes that died
        try:
            yield
        finally:
            app.state.closing.set()
            await workbench.close()

    app = FastAPI(
        title="cfo_kernel",
        version=__version__,
        summary="Ask questions of a company's files, and get figures you can defend.",
        lifespan=lifespan,
        generate_unique_id_function=_operation_id,
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
    )
    app.state.workbench = workbench
    app.state.closing = asyncio.Event()
    app.state.feeds = EventFeeds(app.state.closing)
    app.state.long_requests = LongRequests(settings.stream_limit, settings.client_stream_limit)
    parts = (workspaces, data, meaning, threads, runs, chat, health)
    app.state.routes = [route for part in parts for route in part.router.routes]
    for part in parts:
        app.include_router(part.router)
    problems.install(app)
    token = settings.api_token.get_secret_value() if settings.api_token else None
    app.add_middleware(AuthMiddleware, token=token, origins=settings.cors_origins, is_local=is_loopback(host))
    if settings.cors_origins:  # outermost, since preflight requests have no token
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "If-Match", "Last-Event-ID"],
            expose_headers=_EXPOSED_HEADERS,
        )
    app.openapi = lambda: openapi_document(app)
    return app


def _operation_id(route: APIRoute) -> str:
    return route.name
