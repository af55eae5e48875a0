"""Which requests the viewer answers: those of pages that it served itself.

It listens on 127.0.0.1, but a browser on this machine also runs the pages of other sites. Two headers that no page can
forge tell them apart. `Host` is the name in the address bar: a foreign name that leads to 127.0.0.1 (DNS rebinding) is
refused. `Origin` is the site whose script sends the request: any other than the host itself is refused. So Streamlit's
own check of the origin, which asks an outside server for the address of this machine, never has to decide.
"""

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

NAMES = ("127.0.0.1", "localhost", "[::1]")
HTTP_PORT = 80
POLICY_VIOLATION = 1008
"""Status of a WebSocket (RFC 6455); before it is open, the server answers 403."""

REFUSAL = "refused: the viewer answers only to its own pages on 127.0.0.1, localhost or [::1] with its port\n"


class SameMachine:
    """ASGI middleware that answers 403 to foreign hosts and origins, for all routes and the WebSocket."""

    def __init__(self, app: ASGIApp, port: int) -> None:
        self.app = app
        names = {f"{name}:{port}" for name in NAMES} | (set(NAMES) if port == HTTP_PORT else set())
        self._hosts = frozenset(name.encode() for name in names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what is allowed."""
        kind = scope["type"]
        if kind not in ("http", "websocket") or self._allows(scope["headers"]):
            await self.app(scope, receive, send)
        elif kind == "websocket":
            await WebSocketClose(POLICY_VIOLATION)(scope, receive, send)
        else:
            await PlainTextResponse(REFUSAL, status_code=403)(scope, receive, send)

    def _allows(self, headers: list[tuple[bytes, bytes]]) -> bool:
        hosts = [value for name, value in headers if name == b"host"]
        origins = [value for name, value in headers if name == b"origin"]
        return len(hosts) == 1 and hosts[0] in self._hosts and all(one == b"http://" + hosts[0] for one in origins)
