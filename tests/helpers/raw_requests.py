"""Requests to a viewer by raw sockets, with any headers: the status of the answer, and its body."""

import socket

HOST = "127.0.0.1"
PATIENCE = 30
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
WEBSOCKET = "/_stcore/stream"
ROUTES = (
    "/",
    "/examination",
    "/_stcore/health",
    "/_stcore/host-config",
    "/_stcore/metrics",
    "/_stcore/upload_file/a/b",
    "/_stcore/bidi-components/x",
    "/component/x",
    "/media/x",
    "/static/x",
)


def request(port, path, headers, method="GET", body=b""):
    """Status and body; `headers` are (name, value) pairs, so that one may be missing or come twice."""
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    with socket.create_connection((HOST, port), timeout=PATIENCE) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        head, _, rest = _until_blank(connection).partition(b"\r\n\r\n")
        (length, *_) = [line[15:] for line in head.lower().splitlines() if line.startswith(b"content-length:")] or [0]
        while len(rest) < int(length) and (more := connection.recv(65536)):
            rest += more
    return int(head.split()[1]), rest


def plain(port, path, host, *others):
    """The status of a request with this `Host`."""
    return request(port, path, [("Host", host), ("Connection", "close"), *others])[0]


def websocket(port, host, *others):
    """The status of opening the WebSocket of the pages: 101 opens it."""
    return request(port, WEBSOCKET, [("Host", host), *UPGRADE.items(), *others])[0]


def _until_blank(connection):
    received = b""
    while b"\r\n\r\n" not in received and (more := connection.recv(65536)):
        received += more
    return received
