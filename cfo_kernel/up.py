"""`cfo up`, which runs the API and the page of the workbench on this machine with new tokens until it is stopped."""

import asyncio
import contextlib
import html
import os
import secrets
import signal
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable, Generator
from importlib.util import find_spec
from pathlib import Path

from cfo_kernel.errors import InvalidInput, InvalidSettings, StorageFailed
from cfo_kernel.executors.locked_temp_folders import locked_temp_folder
from cfo_kernel.settings import Settings
from cfo_kernel.store.folders import create_catalog_folder
from cfo_kernel.supervisor import SupervisedProcess, Supervisor

_DEFAULT_PORT = 8866
_LOOPBACK = "127.0.0.1"
_BLUE, _GREEN = "\033[34m", "\033[32m"
_REQUIRED_PACKAGES = ("fastapi", "uvicorn", "voila", "anywidget")
_ENGINE_PREFIXES = ("CFO_", "OPENAI_", "ANTHROPIC_")
"""Prefixes of environment variables for the engine. Not passed to the page, whose kernels run its visitors' code."""
_PAGE_VARIABLES = ("CFO_COUNTDOWN",)
"""Variables with such a prefix that are nevertheless passed to the page."""


async def up(
    settings: Settings, port: int | None, api_port: int, *, opens_browser: bool, print_line: Callable[[str], None]
) -> None:
    """Runs the API and the page until SIGTERM or Ctrl-C.

    Raises `InvalidInput`, `InvalidSettings`, `StorageFailed` or `ProcessCrashLoop`.
    """
    if missing := [name for name in _REQUIRED_PACKAGES if find_spec(name) is None]:
        raise InvalidInput(
            f"The workbench is not installed ({', '.join(missing)} missing). Run: pip install 'cfo-kernel[api,lab]'"
        )
    if settings.url:
        raise InvalidInput(
            "`cfo up` serves folders on this machine. Unset CFO_URL, or start only the page: python -m cfo_widgets"
        )
    with contextlib.ExitStack() as reserved:  # reserves both ports at the same time, so that they differ
        chosen_api_port = _free_port(api_port, "--api-port", reserved)
        chosen_page_port = _page_port(port, reserved)
    api_token, page_token = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    processes = _processes(chosen_api_port, chosen_page_port, api_token, page_token)
    supervisor = Supervisor(processes, (api_token, page_token), print_line)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, supervisor.stop)
    address = f"http://{_LOOPBACK}:{chosen_page_port}/?token={page_token}"
    root = settings.resolved_root()

    def on_ready() -> None:
        print_line(f"\nThe workbench of {root} is at\n\n    {address}\n\nPress Ctrl+C to stop it.\n")
        if redirect:
            # Runs in a thread that may be abandoned, because a browser in this terminal runs until the user quits it.
            threading.Thread(target=_open_browser, args=(redirect.as_uri(),), daemon=True).start()

    print_line("Starting the workbench …")
    with contextlib.ExitStack() as files:
        redirect = files.enter_context(_redirect_file(address, root)) if opens_browser else None
        await supervisor.run(on_ready)
    print_line("Stopped. All messages that were sent are in their threads.")


def _processes(api_port: int, page_port: int, api_token: str, page_token: str) -> list[SupervisedProcess]:
    api_environment = {name: value for name, value in os.environ.items() if name != "CFO_URL"}
    page_environment = {
        name: value
        for name, value in api_environment.items()
        if name in _PAGE_VARIABLES or not name.startswith(_ENGINE_PREFIXES)
    }
    url = f"http://{_LOOPBACK}:{api_port}"
    python = (sys.executable, "-P", "-u", "-m")
    return [
        SupervisedProcess(
            "api",
            (*python, "cfo_api", "--host", _LOOPBACK, "--port", str(api_port)),
            {**api_environment, "CFO_API_TOKEN": api_token},
            f"{url}/readyz",
            _BLUE,
        ),
        SupervisedProcess(
            "page",
            (*python, "cfo_widgets", "--ip", _LOOPBACK, "--port", str(page_port)),
            {**page_environment, "CFO_URL": url, "CFO_API_TOKEN": api_token, "CFO_PAGE_TOKEN": page_token},
            f"http://{_LOOPBACK}:{page_port}/cfo/ready",
            _GREEN,
        ),
    ]


def _page_port(port: int | None, reserved: contextlib.ExitStack) -> int:
    """Returns the given port or, without one, the default port. If the default port is taken, returns any free port."""
    if port is not None:
        return _free_port(port, "--port", reserved)
    with contextlib.suppress(InvalidSettings):
        return _free_port(_DEFAULT_PORT, "--port", reserved)
    return _free_port(0, "--port", reserved)


def _free_port(port: int, option: str, reserved: contextlib.ExitStack) -> int:
    """Reserves this port, or any free port if it is 0, until `reserved` is closed, and returns its number.

    The port is chosen here, not by the process, so that a restarted process gets the same port.
    """
    try:
        return reserved.enter_context(socket.create_server((_LOOPBACK, port))).getsockname()[1]
    except (OSError, OverflowError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else "there is no such port"
        raise InvalidSettings(f"Cannot listen on port {port} ({reason}). Choose another with {option}.") from error


@contextlib.contextmanager
def _redirect_file(address: str, root: Path) -> Generator[Path]:
    """Yields a file that redirects a browser to the address. Only its owner can read it.

    The address contains the page's token, and the browser's command line is visible to all users of the machine.
    """
    with contextlib.ExitStack() as files:
        try:
            folder = files.enter_context(locked_temp_folder(create_catalog_folder(root) / "opening"))
            folder.chmod(0o700)
            file = folder / "workbench.html"
            file.touch(0o600)
            file.write_text(f'<meta http-equiv="refresh" content="0; url={html.escape(address)}">\n')
        except OSError as error:
            message = f"The folder {root} cannot be written to ({error.strerror}). Check CFO_ROOT and its disk."
            raise StorageFailed(message) from error
        yield file


def _open_browser(address: str) -> None:
    with contextlib.suppress(webbrowser.Error):  # without a browser, the user can open the printed address
        webbrowser.open(address)
