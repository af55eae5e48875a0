"""No test reaches beyond this machine: a connection to, or a look-up of, any address but the loopback is an error.

It is an audit hook of Python (https://docs.python.org/3/library/audit_events.html), so it sees the sockets of all
libraries in this process. Sockets of the file system and of the kernel are allowed.
"""

import ipaddress
import sys

NAMES = {None, "", "localhost"}
ADDRESS = {"socket.connect": 1, "socket.sendto": 1, "socket.sendmsg": 1}
"""Events that carry an address, at this place of their arguments."""
HOST = {"socket.getaddrinfo": 0, "socket.gethostbyname": 0}
"""Events that carry the name of a host."""

outside: list[str] = []
"""What was tried and refused."""


class OutsideConnection(RuntimeError):
    """Something reached beyond this machine."""


def is_inside(host: object) -> bool:
    """Whether a host is this machine."""
    name = host.decode() if isinstance(host, bytes) else host
    if name in NAMES or isinstance(name, int):
        return True
    try:
        address = ipaddress.ip_address(str(name).partition("%")[0])
        return address.is_loopback or address.is_unspecified  # the latter to listen on
    except ValueError:
        return False


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if event in ADDRESS:
        address = arguments[ADDRESS[event]]
        host = address[0] if isinstance(address, tuple) else None
    elif event in HOST:
        host = arguments[HOST[event]]
    else:
        return
    if not is_inside(host):
        outside.append(f"{event} {host}")
        raise OutsideConnection(f"{event} {host}: tests must not reach beyond this machine")


def install() -> None:
    """Begin to watch; an audit hook stays until the process ends."""
    sys.addaudithook(_watch)
