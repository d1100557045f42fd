"""The page's files, read once from the package: no path of a request is ever looked for on the disk."""

from importlib.resources import files

from fastapi import APIRouter, HTTPException, Response

_KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".mgf": "text/plain; charset=utf-8",
}
_CACHED = {"Cache-Control": "no-cache"}


def page_routes() -> APIRouter:
    """``/`` and ``/static/…``."""
    router = APIRouter(include_in_schema=False)
    folder = files("app.service") / "static"
    content = {entry.name: entry.read_bytes() for entry in folder.iterdir() if entry.is_file()}
    kinds = {name: _KINDS[name[name.rindex(".") :]] for name in content}

    @router.get("/")
    async def index() -> Response:
        return Response(content["index.html"], media_type=kinds["index.html"], headers=_CACHED)

    @router.get("/static/{name}")
    async def static(name: str) -> Response:
        if name not in content:
            raise HTTPException(404, "There is no such file.")
        return Response(content[name], media_type=kinds[name], headers=_CACHED)

    return router
