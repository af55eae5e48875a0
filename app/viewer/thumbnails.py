"""Small pictures of the photographs in the list. The browser asks for those that it shows only.

The address of a picture holds a secret of this process. So no page of another site and no other session can ask for a
photograph that it was not shown (uploads belong to one session). Pictures stay in memory, here and in the browser.
"""

import asyncio
import hmac
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from retina_xai.app.viewer.encoding import thumbnail
from retina_xai.app.viewer.items import Item
from retina_xai.app.viewer.kept import keep
from retina_xai.errors import InputError
from retina_xai.io.images import Photograph

FOLDER = "thumbnails"
KEPT = 5000
HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
NO_CONTENT, NOT_FOUND, GONE = 204, 404, 499


@dataclass(eq=False)
class Thumbnails:
    """Encoded pictures by key of the photograph, the last few thousand, and the photographs by their secret names."""

    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    items: dict[str, Item] = field(default_factory=dict)
    made: OrderedDict[str, bytes] = field(default_factory=OrderedDict)
    busy: asyncio.Lock = field(default_factory=asyncio.Lock)

    def address(self, item: Item) -> str:
        """Where the browser finds the picture of a photograph."""
        name = hmac.digest(self.secret, item.key.encode(), "sha256").hex()
        self.items[name] = item
        return f"/{FOLDER}/{name}"

    def add(self, item: Item, photograph: Photograph) -> None:
        """Keep the picture of a photograph that was decoded."""
        keep(self.made, item.key, thumbnail(photograph.pixels), KEPT)

    def find(self, name: str) -> bytes | None:
        """The picture of this secret name, made when it is first asked for: empty for an unreadable file, None where
        no photograph has the name.
        """
        item = self.items.get(name)
        if item is None:
            return None
        try:
            if item.key not in self.made:
                self.add(item, item.read())
        except InputError:
            return b""
        return self.made[item.key]

    async def answer(self, request: Request) -> Response:
        """A picture over HTTP; one is made at a time, and none that the browser no longer waits for."""
        async with self.busy:
            if await request.is_disconnected():
                return Response(status_code=GONE)
            content = await run_in_threadpool(self.find, request.path_params["name"])
        if content is None:
            return Response(status_code=NOT_FOUND, headers=HEADERS)
        if not content:
            return Response(status_code=NO_CONTENT, headers=HEADERS)
        return Response(content, media_type="image/jpeg", headers=HEADERS)

    @property
    def route(self) -> Route:
        """The route of all pictures."""
        return Route(f"/{FOLDER}/{{name}}", self.answer)
