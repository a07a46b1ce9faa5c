"""`python -m cfo_widgets` with ten websocket pings a second, all logged, so that a test need not wait 30 s for one."""

import sys
from typing import Any

from cfo_widgets import page
from cfo_widgets.__main__ import main
from jupyter_server.base.websocket import WebSocketMixin

from tests.browser.stack import PING_LOGGED

_settings, _send_ping = page.settings, WebSocketMixin.send_ping


def _with_fast_pings(ip: str, port: int, token: str) -> Any:
    config = _settings(ip, port, token)
    config.Voila.tornado_settings["ws_ping_interval"] = 100  # milliseconds
    return config


def _send_and_log(self: Any) -> None:
    sys.stderr.write(f"{PING_LOGGED}\n")
    _send_ping(self)


page.settings = _with_fast_pings
WebSocketMixin.send_ping = _send_and_log

if __name__ == "__main__":
    sys.exit(main())
