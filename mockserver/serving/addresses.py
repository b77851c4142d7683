"""Where a server listens, and the names it answers to."""

import errno
import functools
import ipaddress
import socket
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

BACKLOG = 1024


class CannotListen(Exception):
    """The address cannot be listened on; the message says why and what to do."""


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on this address alone. Port 0 takes any free one. Raises CannotListen."""
    address = url_of(host, port).removeprefix("http://")
    try:
        family, kind, proto, _, target = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError):
        raise CannotListen(f"{host} is not an address of this machine; choose another with --host.") from None
    listener = socket.socket(family, kind, proto)
    try:
        # Without it the port of a server just stopped is refused for a minute.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(target)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise CannotListen(_reason(error, address)) from None
    return listener


def _reason(error: OSError, address: str) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"{address} is taken by another process; stop it, or choose another with --port (0 = any free one)."
        case errno.EACCES:
            return f"{address} needs more rights than you have; choose a --port above 1023 (0 = any)."
        case errno.EADDRNOTAVAIL:
            return f"{address} is not an address of this machine; choose another with --host."
        case _:
            return f"{address} cannot be listened on: {error}."


def url_of(host: str, port: int) -> str:
    """The base URL of an address, without a slash at the end."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def loopback(host: str) -> bool:
    """Whether only this machine reaches the address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def known_hosts(bound: str, allowed: Iterable[str] = ()) -> Callable[[str], bool] | None:
    """Which `Host` headers a server bound to this address answers; None for all.

    A page that somebody has open in a browser may let its own name lead to 127.0.0.1 and so call what listens there.
    Where only this machine reaches the server, it answers to this machine's names, to the one it is bound to, and to
    those allowed; where others reach it, to all names as long as none is allowed. `.example.com` stands for all names
    below it.
    """
    allowed = [_hostname(name) for name in allowed]
    if not loopback(bound) and not allowed:
        return None
    known = {bound.lower(), *allowed}
    below = (".localhost", *(name for name in allowed if name.startswith(".")))

    @functools.lru_cache(1024)
    def answers(host: str) -> bool:
        name = _hostname(host)
        return name in known or loopback(name) or name.endswith(below)

    return answers


def _hostname(host: str) -> str:
    """The name in a Host header, without its port and in lower case; empty where it makes no sense."""
    if set(host) & set("/?#@\\ "):
        return ""
    try:
        return (urlsplit(f"//{host}").hostname or "").removesuffix(".")
    except ValueError:
        return ""
