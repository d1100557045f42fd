"""Who may ask, under which host names, and what a browser is told to allow the page."""

import hmac
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, HTTPException, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1", "[::1]")

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}

_bearer = HTTPBearer(auto_error=False, description="A key of the service, where it asks for one.")


async def add_headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Headers that keep other origins and inline code away; answers are not stored."""
    response = await call_next(request)
    response.headers.update(_HEADERS)
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def is_from_another_page(request: Request) -> bool:
    """Whether a browser asks on behalf of a page of another address."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = request.headers.get("origin")  # browsers that send no such header, or not to such an address
    return origin is not None and urlsplit(origin).netloc != request.headers.get("host")


def key_check(keys: Sequence[str]) -> Callable[..., Awaitable[None]]:
    """A dependency that lets a request pass if it bears one of the keys."""

    async def check(credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> None:
        given = credentials.credentials.encode() if credentials else b""
        # all are compared, so that the time tells nothing
        if not sum([hmac.compare_digest(given, key.encode()) for key in keys]):
            raise HTTPException(401, "A key is needed: Authorization: Bearer KEY.", {"WWW-Authenticate": "Bearer"})

    return check
