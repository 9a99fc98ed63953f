"""Who asks: the name that somebody logged in with, or else their browser."""

import re
from typing import Any

__all__ = ["COOKIE", "owner"]

COOKIE = "muralist"
_TOKEN = re.compile(r"[0-9a-f]{32}")


def owner(request: Any) -> str:
    """A stable name for whoever sent a request, of gradio's or of FastAPI's.

    Without a login it is the cookie that the page has set, a random number that its browser alone
    knows; and where there is none, as of programs, the address it came from.
    """
    if name := getattr(request, "username", None):
        return str(name)
    token = request.cookies.get(COOKIE, "")
    if _TOKEN.fullmatch(token):
        return f"browser {token}"
    return f"address {request.client.host if request.client else 'unknown'}"
