"""`cfo up`: the API and the page of the workbench on this machine, with fresh tokens, until they are stopped."""

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

from cfo_kernel.errors import InvalidInput, InvalidSettings, ProcessCrashLoop, StorageFailed
from cfo_kernel.executors.locked_temp_folders import locked_temp_folder
from cfo_kernel.settings import Settings
from cfo_kernel.store.folders import create_catalog_folder
from cfo_kernel.supervisor import GivenUp, SupervisedProcess, Supervisor

_USUAL_PORT = 8866
_HERE = "127.0.0.1"
_BLUE, _GREEN = "\033[34m", "\033[32m"
_NEEDED = ("fastapi", "uvicorn", "voila", "anywidget")
_ENGINES = ("CFO_", "OPENAI_", "ANTHROPIC_")
"""Beginnings of the variables that are for the engine: the page, whose kernels are its visitors', gets none of them."""
_PAGES = ("CFO_COUNTDOWN",)
"""But these it gets."""


async def up(
    settings: Settings, port: int | None, api_port: int, *, opens_browser: bool, say: Callable[[str], None]
) -> None:
    """Runs both until SIGTERM or Ctrl-C. Raises `InvalidInput`, `InvalidSettings` or `ProcessCrashLoop`."""
    if missing := [name for name in _NEEDED if find_spec(name) is None]:
        raise InvalidInput(
            f"The workbench is not installed ({', '.join(missing)} missing). Run: pip install 'cfo-kernel[api,lab]'"
        )
    if settings.url:
        raise InvalidInput(
            "`cfo up` serves the folders of this machine. Unset CFO_URL, or start the page alone: python -m cfo_widgets"
        )
    with contextlib.ExitStack() as held:  # both at once, or they might be the same
        api_at, page_at = _free_port(api_port, "--api-port", held), _page_port(port, held)
    api_token, page_token = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    supervisor = Supervisor(_programs(api_at, page_at, api_token, page_token), (api_token, page_token), say)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, supervisor.stop)
    address = f"http://{_HERE}:{page_at}/?token={page_token}"

    def ready() -> None:
        say(f"\nThe workbench of {settings.resolved_root()} is at\n\n    {address}\n\nPress Ctrl+C to stop it.\n")
        if leading:
            # One that stays in this terminal must not hold up the end.
            threading.Thread(target=_open, args=(leading.as_uri(),), daemon=True).start()

    say("Starting the workbench …")
    with contextlib.ExitStack() as files:
        leading = files.enter_context(_leading_to(address, settings.resolved_root())) if opens_browser else None
        try:
            await supervisor.run(ready)
        except GivenUp as error:
            raise ProcessCrashLoop(str(error)) from error
    say("Stopped. What was sent is in its thread.")


def _programs(api_at: int, page_at: int, api_token: str, page_token: str) -> list[SupervisedProcess]:
    plain = {name: value for name, value in os.environ.items() if name != "CFO_URL"}
    bare = {name: value for name, value in plain.items() if name in _PAGES or not name.startswith(_ENGINES)}
    url = f"http://{_HERE}:{api_at}"
    python = (sys.executable, "-P", "-u", "-m")
    return [
        SupervisedProcess(
            "api",
            (*python, "cfo_api", "--host", _HERE, "--port", str(api_at)),
            {**plain, "CFO_API_TOKEN": api_token},
            f"{url}/readyz",
            _BLUE,
        ),
        SupervisedProcess(
            "page",
            (*python, "cfo_widgets", "--ip", _HERE, "--port", str(page_at)),
            {**bare, "CFO_URL": url, "CFO_API_TOKEN": api_token, "CFO_PAGE_TOKEN": page_token},
            f"http://{_HERE}:{page_at}/cfo/ready",
            _GREEN,
        ),
    ]


def _page_port(port: int | None, held: contextlib.ExitStack) -> int:
    """The given one; else the usual one, or any where that is taken."""
    if port is not None:
        return _free_port(port, "--port", held)
    with contextlib.suppress(InvalidSettings):
        return _free_port(_USUAL_PORT, "--port", held)
    return _free_port(0, "--port", held)


def _free_port(port: int, option: str, held: contextlib.ExitStack) -> int:
    """That port, or any for 0, taken until `held` ends; both parts keep theirs when they are started again."""
    try:
        return held.enter_context(socket.create_server((_HERE, port))).getsockname()[1]
    except (OSError, OverflowError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else "there is no such port"
        raise InvalidSettings(f"Cannot listen at port {port} ({reason}). Take another with {option}.") from error


@contextlib.contextmanager
def _leading_to(address: str, root: Path) -> Generator[Path]:
    """A file that leads a browser to the address, for its owner alone.

    Every user of the machine sees what a browser was started with; with the address, that would be the page's token.
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


def _open(address: str) -> None:
    with contextlib.suppress(webbrowser.Error):  # where there is none, the right address was printed
        webbrowser.open(address)
