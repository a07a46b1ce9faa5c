"""The address of a server: checks its URL and token before anything is sent, and builds the paths of its API."""

import ipaddress
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urlsplit

from pydantic import SecretStr

from cfo_kernel import not_found
from cfo_kernel.errors import CfoError, InvalidSettings


@dataclass(frozen=True)
class Address:
    """The URL of a server and the token to access it."""

    url: str
    token: SecretStr | None = None

    @classmethod
    def of(cls, url: str, token: SecretStr | None) -> "Address":
        """Returns the checked address. Raises `InvalidSettings` if the URL or the token is not valid."""
        secret = token.get_secret_value() if token else ""
        if not (secret.isascii() and secret.isprintable() and " " not in secret):
            raise InvalidSettings(
                "CFO_API_TOKEN may contain only printable ASCII characters and no spaces. Correct it."
            )
        parts = _parts(url.strip())
        if parts is None:
            raise InvalidSettings("CFO_URL is not a valid address. Set it to an address like http://127.0.0.1:8765.")
        if parts.username is not None or parts.password is not None:
            raise InvalidSettings("CFO_URL must not contain a password. Remove it, and set CFO_API_TOKEN instead.")
        if parts.query or parts.fragment:
            raise InvalidSettings(
                "CFO_URL must not contain a query or a fragment. Remove the ? or # and everything after it."
            )
        return cls(url.strip().rstrip("/"), token if secret else None)

    @property
    def is_loopback(self) -> bool:
        """Whether the server is on this machine, where no proxy can reach it."""
        host = urlsplit(self.url).hostname or ""
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost" or host.endswith(".localhost")


def _parts(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        is_server = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return parts if is_server and url.isprintable() and " " not in url else None


def segment(text: str, error: CfoError) -> str:
    """Returns an id or a name, escaped as a single segment of a path.

    Raises `error` if that is impossible: `..` or `a/b` would lead to another route.
    """
    if text.strip(".") and "/" not in text and "\\" not in text and text.isprintable():
        return quote(text, safe="")
    raise error


def file_path(file: str) -> str:
    """Returns `results/x` or `analysis/x`, escaped as the end of a path. Raises `ResultNotFound`."""
    error = not_found.result(file)
    if file.partition("/")[0] not in ("results", "analysis"):
        raise error
    return "/".join(segment(part, error) for part in file.split("/"))
