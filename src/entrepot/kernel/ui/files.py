"""Serves the built assets. Their names carry a hash of their content, so a browser may keep them for ever."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from entrepot.pure.errors import NotFound

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]

FOREVER = (b"cache-control", b"public, max-age=31536000, immutable")


def built_files(folder: Path) -> Callable[[Message, Receive, Send], Awaitable[None]]:
    """An application for what is mounted at `/static/`."""
    files = StaticFiles(directory=folder, check_dir=False)

    async def serve(scope: Message, receive: Receive, send: Send) -> None:
        async def send_kept(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] in (200, 304):
                message["headers"] = [*message["headers"], FOREVER, (b"x-content-type-options", b"nosniff")]
            await send(message)

        try:
            await files({**scope, "root_path": scope["path"].split("/static/")[0] + "/static"}, receive, send_kept)
        except (HTTPException, RuntimeError):
            raise NotFound("there is no {path} here", path=scope["path"][:200]) from None

    return serve
