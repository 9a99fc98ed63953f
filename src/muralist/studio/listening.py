"""Where the studio listens: on this machine alone, unless people have to log in."""

import socket
from ipaddress import ip_address

from muralist.errors import BadRequest

__all__ = ["address", "listening"]


def listening(host: str, port: int, login: bool) -> socket.socket:
    """A socket that waits for connections; with port 0, at any that is free.

    Raises `BadRequest` for what cannot be listened at, and for addresses that other machines reach
    where nobody has to log in.
    """
    if not 0 <= port < 2**16:
        raise BadRequest(f"port is {port}; 0 to {2**16 - 1} are possible")
    try:
        kind, passive = socket.SOCK_STREAM, socket.AI_PASSIVE
        found = socket.getaddrinfo(host or None, port, type=kind, flags=passive)
    except (OSError, UnicodeError) as error:
        raise BadRequest(f"host is {host!r}, which is no address of a machine") from error
    family, _, _, _, where = found[0]
    if not (login or ip_address(where[0]).is_loopback):
        raise BadRequest(
            f"host {host} lets other machines in; give --auth NAME:PASSWORD, so that people have"
            " to log in"
        )
    try:
        return socket.create_server(where, family=family)
    except OSError as error:
        raise BadRequest(f"port {port} of {host} is not to be had: {error.strerror}") from error


def address(at: socket.socket) -> str:
    """Where browsers of this machine find it, `http://127.0.0.1:7860` for example."""
    host, port, *_ = at.getsockname()
    if ip_address(host).is_unspecified:
        host = "127.0.0.1" if at.family == socket.AF_INET else "::1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
