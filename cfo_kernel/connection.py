"""Defines `connect()`, which returns an embedded or a remote workbench and loads only the modules that it needs."""

from typing import TYPE_CHECKING

from cfo_kernel.settings import Settings, load

if TYPE_CHECKING:
    from cfo_kernel.interface import Workbench


def connect(url: str | None = None, *, settings: Settings | None = None) -> "Workbench":
    """Returns the workbench on the server at `url` or `CFO_URL`. If neither is set, returns an embedded workbench.

    The settings are read from the environment unless they are passed in. Nothing is opened or sent until a method is
    called. Raises `InvalidSettings` if a setting is not valid.
    """
    settings = settings or load()
    address = (settings.url or None) if url is None else url
    if address is not None:
        from cfo_kernel.remote import RemoteWorkbench

        return RemoteWorkbench(address, settings.api_token)
    from cfo_kernel.workbench import EmbeddedWorkbench

    return EmbeddedWorkbench(settings)
