"""What a request has to be before anything looks at it: for this server, of this site, let in."""

import asyncio
import logging
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from muralist.studio.attempts import Attempts

__all__ = ["OPEN", "OPEN_BELOW", "Gate"]

_log = logging.getLogger(__name__)

# What is to be had without a login: the page with the login, what it looks like, and health.
OPEN = frozenset(
    {"/", "/login", "/login/", "/logout", "/health", "/theme.css", "/favicon.ico", "/robots.txt"}
    | {"/manifest.json"}
)
OPEN_BELOW = ("/assets/", "/static/", "/svelte/")

# What Gradio offers beside and nobody here needs: fetching from other sites, notes on who used
# it, its recordings, editing the program.
_CLOSED = (
    "/monitoring",
    "/gradio_api/deep_link",
    "/gradio_api/dev/",
    "/gradio_api/file/http",
    "/gradio_api/file=http",
    "/gradio_api/process_recording",
    "/gradio_api/profiling",
    "/gradio_api/proxy=",
    "/gradio_api/run-history",
    "/gradio_api/runs",
    "/gradio_api/undo-vibe-edit",
    "/gradio_api/vibe",
)
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_WORDS = 2**22  # bytes of a request that uploads nothing

_HEADERS = {
    # the page asks nobody but its own server, whatever Gradio's next release links to
    "Content-Security-Policy": "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:;"
    " frame-ancestors 'self'; form-action 'self'; base-uri 'self'; object-src 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
}


@dataclass
class Gate:
    """Lets a request through to an app, or answers it with one sentence of JSON, `{"detail": ...}`.

    `who` tells the name of whoever sends it, None for a stranger, who sees `OPEN` and `OPEN_BELOW`
    alone. Where nobody has to log in (`local`), the server goes by its local names only, so that no
    other site can give itself this machine's address. A browser's requests on behalf of other sites
    are refused, but for links. `upload` is the most bytes of a request that brings a file.
    """

    app: ASGIApp
    who: Callable[[Request], str | None]
    local: bool
    upload: int
    attempts: Attempts = field(default_factory=Attempts)
    _turns: MutableMapping[str, asyncio.Lock] = field(default_factory=WeakValueDictionary)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            request = Request(scope)
            answer = self._refusal(request)
            if answer is not None:
                await answer(scope, receive, _dressed(send))
                return
            heard, told = _counted(receive, self._most(request)), _dressed(send)
            if request.method == "POST" and request.scope["path"].rstrip("/") == "/login":
                await self._log_in(request, heard, told)
            else:
                await self.app(scope, heard, told)
        else:  # nothing here talks in another way
            await send({"type": "websocket.close", "code": 1008})

    def _refusal(self, request: Request) -> Response | None:
        path = request.scope["path"]
        if self.local and _name(request.headers.get("host", "")) not in _LOCAL:
            return _said(403, "this studio is for this machine, by the name of localhost")
        if _of_another_site(request):
            return _said(403, "another site cannot ask the studio for anything")
        if path.startswith(_CLOSED):
            return _said(404, "there is nothing of that name")
        if not (path in OPEN or path.startswith(OPEN_BELOW)) and self.who(request) is None:
            return _said(401, "log in first")
        length = request.headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self._most(request):
            return _said(413, f"{self._most(request):,} bytes at most are taken")
        return None

    def _most(self, request: Request) -> int:
        """Bytes that it may bring."""
        return self.upload if request.scope["path"] == "/gradio_api/upload" else _WORDS

    async def _log_in(self, request: Request, receive: Receive, send: Send) -> None:
        """Lets one login at a time through from an address, while it is not wrong too often."""
        address = request.client.host if request.client else ""
        async with self._turns.setdefault(address, asyncio.Lock()):
            if not self.attempts.heard(address):
                _log.warning("too many wrong logins from %s", address)
                answer = _said(429, "too many wrong logins; try again in a minute")
                await answer(request.scope, receive, send)
                return

            async def seeing(message: Message) -> None:
                if message["type"] == "http.response.start" and message["status"] >= 400:
                    self.attempts.wrong(address)
                await send(message)

            await self.app(request.scope, receive, seeing)


def _counted(receive: Receive, most: int) -> Receive:
    """`receive`, which ends with 413 when more bytes come than were announced."""
    heard = 0

    async def counting() -> Message:
        nonlocal heard
        message = await receive()
        heard += len(message.get("body", b""))
        if heard > most:
            raise HTTPException(413, f"{most:,} bytes at most are taken")
        return message

    return counting


def _dressed(send: Send) -> Send:
    """`send`, with headers that keep browsers from doing more than is meant."""

    async def dressing(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return dressing


def _of_another_site(request: Request) -> bool:
    """Whether a browser says that it asks on behalf of another site."""
    host, origin = request.headers.get("host"), request.headers.get("origin")
    if origin is not None and origin.partition("://")[2] != host:
        return True
    if request.headers.get("sec-fetch-site", "none") in ("none", "same-origin"):
        return False
    link = request.method in _SAFE and request.headers.get("sec-fetch-mode") == "navigate"
    return not link


def _name(host: str) -> str:
    """Of `name:port`, where the name may be an IPv6 address in brackets."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _said(status: int, sentence: str) -> Response:
    return JSONResponse({"detail": sentence}, status)
