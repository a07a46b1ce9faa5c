"""`connect()`: a workbench on this machine or at a server. Only the modules of the chosen one are loaded."""

from typing import TYPE_CHECKING

from cfo_kernel.settings import Settings, load

if TYPE_CHECKING:
    from cfo_kernel.interface import Workbench


def connect(url: str | None = None, *, settings: Settings | None = None) -> "Workbench":
    """The workbench of the server at `url` (or `CFO_URL`); without one, that of this machine.

    Settings come from the environment unless given. Nothing is opened or sent before the first call of a method.
    Raises `InvalidSettings`.
    """
    settings = settings or load()
    address = (settings.url or None) if url is None else url
    if address is not None:
        from cfo_kernel.remote import RemoteWorkbench

        return RemoteWorkbench(address, settings.api_token)
    from cfo_kernel.workbench import EmbeddedWorkbench

    return EmbeddedWorkbench(settings)
