"""`connect()`: the way to a workbench, here or at a server. What the other one needs is not loaded."""

from typing import TYPE_CHECKING

from cfo_kernel.settings import Settings, load

if TYPE_CHECKING:
    from cfo_kernel.interface import Workbench


def connect(url: str | None = None, *, settings: Settings | None = None) -> "Workbench":
    """The workbench at the server `url` (or `CFO_URL`); without one, that of this machine: `wb = connect()`.

    Settings come from the environment unless given. Nothing is opened or sent yet. Raises `InvalidSettings`.
    """
    known = settings or load()
    address = (known.url or None) if url is None else url
    if address is not None:
        from cfo_kernel.remote import RemoteWorkbench

        return RemoteWorkbench(address, known.api_token)
    from cfo_kernel.workbench import EmbeddedWorkbench

    return EmbeddedWorkbench(known)
