"""Where a server is: its URL and token, checked before anything is sent, and the paths of its API."""

import ipaddress
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urlsplit

from pydantic import SecretStr

from cfo_kernel import not_found
from cfo_kernel.errors import CfoError, InvalidSettings


@dataclass(frozen=True)
class Address:
    """The URL of a server, and the token that opens it."""

    url: str
    token: SecretStr | None = None

    @classmethod
    def of(cls, url: str, token: SecretStr | None) -> "Address":
        """Raises `InvalidSettings` for a URL that is none of a server, or a token that no header can carry."""
        secret = token.get_secret_value() if token else ""
        if not (secret.isascii() and secret.isprintable() and " " not in secret):
            raise InvalidSettings("CFO_API_TOKEN may hold printable ASCII only, and no space. Correct it.")
        parts = _parts(url.strip())
        if parts is None:
            raise InvalidSettings("CFO_URL is wrong: it looks like http://127.0.0.1:8765. Correct it and start again.")
        if parts.username is not None or parts.password is not None:
            raise InvalidSettings("CFO_URL may not hold a password. Take it out, and give the token in CFO_API_TOKEN.")
        if parts.query or parts.fragment:
            raise InvalidSettings("CFO_URL ends with its path. Take out what stands after the ? or the #.")
        return cls(url.strip().rstrip("/"), token if secret else None)

    @property
    def is_loopback(self) -> bool:
        """Whether the server is on this machine, where no proxy may stand in between."""
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


def segment(text: str, otherwise: CfoError) -> str:
    """An id or a name as one segment of a path; raises `otherwise` for what can be none, without asking the server."""
    if text.strip(".") and "/" not in text and "\\" not in text and text.isprintable():
        return quote(text, safe="")
    raise otherwise


def file_path(file: str) -> str:
    """`results/x` or `analysis/x` of a thread as the end of a path. Raises `ResultNotFound`."""
    otherwise = not_found.result(file)
    if file.partition("/")[0] not in ("results", "analysis"):
        raise otherwise
    return "/".join(segment(part, otherwise) for part in file.split("/"))
