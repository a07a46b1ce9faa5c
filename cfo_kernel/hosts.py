"""Parses the `Host` header of a request, and checks whether it can only refer to this machine.

A server on this machine checks the header, so that pages from other sites cannot reach the server through a name that
resolves to 127.0.0.1 (DNS rebinding).
"""

import ipaddress
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    """Whether the name or address can only refer to this machine."""
    name = host.strip("[]").lower()
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def host_name(host: str) -> str:
    """The name of a host without the port. Empty if it is not a valid host, such as `user@localhost`."""
    try:
        parts = urlsplit(f"//{host}")
        is_host = parts.netloc == host and "@" not in host and parts.port != 0
    except ValueError:
        return ""
    return (is_host and parts.hostname) or ""


def is_own_origin(origin: str, host: str) -> bool:
    """Whether the `Origin` header names the same server as the `Host` header."""
    return origin.lower() in (f"http://{host}".lower(), f"https://{host}".lower())
