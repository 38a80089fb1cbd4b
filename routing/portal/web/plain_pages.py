"""The pages that need no link: the front, signed out, style sheets, logos, robots and the sign of life.

Relies on the files that travel with the package and on the brands of the settings.
"""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from importlib.resources import files

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from routing.portal.web.pages import draw
from routing.portal.web.website import PageFault, Site

_KEEP = "public, max-age=3600"
_LOGO_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg"}


@cache
def style_sheet() -> str:
    """Returns the style sheet of all pages."""
    return (files("routing.portal") / "static" / "portal.css").read_text(encoding="utf-8")


class PlainPages:
    """Endpoints outside `/b` and `/p`."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def front(self, request: Request) -> Response:
        """GET `/`."""
        return draw(self._site, request, "plain.html", kind="front")

    async def signed_out(self, request: Request) -> Response:
        """GET `/lukket`."""
        return draw(self._site, request, "plain.html", kind="signed_out")

    async def style(self, request: Request) -> Response:
        """GET `/portal.css`."""
        tag = f'"{sha256(style_sheet().encode()).hexdigest()[:16]}"'
        headers = {"cache-control": _KEEP, "etag": tag}
        return Response(style_sheet(), headers=headers, media_type="text/css")

    async def look(self, request: Request) -> Response:
        """GET `/udseende/<brand>.css`: a brand's colour."""
        brand = self._site.settings.brands.get(request.path_params["brand"])
        if brand is None:
            raise PageFault(404, "gone")
        text = f":root {{ --brand: {brand.colour}; }}\n"
        return Response(text, headers={"cache-control": _KEEP}, media_type="text/css")

    async def logo(self, request: Request) -> Response:
        """GET `/logo/<brand>`."""
        brand = self._site.settings.brands.get(request.path_params["brand"])
        if brand is None or brand.logo is None:
            raise PageFault(404, "gone")
        try:
            data = await run_in_threadpool(brand.logo.read_bytes)
        except OSError:
            raise PageFault(404, "gone") from None
        media_type = _LOGO_TYPES[brand.logo.suffix.lower()]
        return Response(data, headers={"cache-control": _KEEP}, media_type=media_type)

    async def icon(self, request: Request) -> Response:
        """GET `/favicon.ico`, for which browsers ask by themselves: there is none."""
        return Response(None, 204, headers={"cache-control": _KEEP})

    async def robots(self, request: Request) -> Response:
        """GET `/robots.txt`."""
        return PlainTextResponse("User-agent: *\nDisallow: /\n")

    async def alive(self, request: Request) -> Response:
        """GET `/liv`: says that the database answers; for a watchman on our own side."""
        await run_in_threadpool(self._site.store.parcels.by_locator, b"")
        return PlainTextResponse("ok\n")
