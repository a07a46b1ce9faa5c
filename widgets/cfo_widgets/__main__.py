"""`python -m cfo_widgets`: serves the workbench as a web page, over an API that is already running."""

import argparse
import os
import secrets
import socket
import sys

from cfo_kernel.hosts import is_loopback

_DEFAULT_API = "http://127.0.0.1:8765"


def main() -> int:
    """Returns the exit code: 0 after a normal stop, 1 if it cannot serve, 2 for an invalid command line."""
    parser = argparse.ArgumentParser(prog="python -m cfo_widgets", description="Serve the workbench as a web page.")
    parser.add_argument("--ip", default="127.0.0.1", help="the address to listen on (default: this machine only)")
    parser.add_argument("--port", type=int, default=8866, help="the port, or 0 for any free port (default: 8866)")
    parser.add_argument(
        "--url", help=f"the URL of the API (default: CFO_URL, or {_DEFAULT_API}); its token is CFO_API_TOKEN"
    )
    options = parser.parse_args()
    # Removed from the environment, which the visitors' kernels inherit.
    given_token = os.environ.pop("CFO_PAGE_TOKEN", "")
    if not given_token and not is_loopback(options.ip):
        return _fail(f"Other machines can reach {options.ip}. Set CFO_PAGE_TOKEN to a long secret and restart.")
    try:
        with socket.create_server((options.ip, options.port)) as listening:
            port = listening.getsockname()[1]
    except (OSError, OverflowError) as error:
        return _fail(
            f"Cannot listen on {options.ip}, port {options.port} ({error}). Choose another with --ip or --port."
        )
    try:
        from cfo_widgets.page import serve
    except ImportError as error:
        return _fail(f"The page is not installed ({error.name} is missing). Run: pip install 'cfo-kernel[lab]'")
    os.environ["CFO_URL"] = options.url or os.environ.get("CFO_URL") or _DEFAULT_API
    token = given_token or secrets.token_urlsafe(32)
    sys.stdout.write(f"The workbench is at http://{options.ip}:{port}/{'' if given_token else f'?token={token}'}\n")
    sys.stdout.flush()
    serve(options.ip, port, token)
    return 0


def _fail(message: str) -> int:
    sys.stderr.write(f"{message}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
