"""Puts the portal's application together: routes, the guard before them, and what becomes of a fault.

Relies on starlette. No fault's text reaches a visitor: each kind has a page, and the log gets its code and
place.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Scope

from routing.portal.identity import SentMethod
from routing.portal.web.guard import SMALL_BODY_BYTES, BodyTooLarge, Guard, Unwelcome
from routing.portal.web.link_pages import LinkPages
from routing.portal.web.pages import fault_page
from routing.portal.web.parcel_pages import ParcelPages
from routing.portal.web.plain_pages import PlainPages
from routing.portal.web.reply_pages import ReplyPages
from routing.portal.web.website import PageFault, Site
from schemas.errors import Coded

_FORM_OVERHEAD = 300_000


def make_application(site: Site) -> ASGIApp:
    """Returns the application of one portal; at its end it takes leave of the mail servers."""
    place = urlsplit(site.settings.url)

    async def on_fault(scope: Scope, error: Exception) -> Response:
        return fault_page(site, Request(scope), _fault(site, error))

    def large_body(path: str) -> int:
        replies = path.startswith("/p/") and path.endswith("/svar")
        return site.settings.max_reply_bytes * 2 + _FORM_OVERHEAD if replies else SMALL_BODY_BYTES

    @asynccontextmanager
    async def serving(_: Starlette) -> AsyncIterator[None]:
        yield
        for method in site.methods.values():
            if hasattr(method, "carry"):
                await cast(SentMethod, method).close()

    faults = {HTTPException: _raise, Exception: _raise}
    inner = Starlette(routes=_routes(site), exception_handlers=faults, lifespan=serving)
    inner.router.redirect_slashes = False
    return Guard(
        inner,
        host=place.netloc.lower(),
        origin=site.settings.url.lower(),
        origins=tuple(origin for one in site.methods.values() for origin in getattr(one, "origins", ())),
        large_body=large_body,
        on_fault=on_fault,
    )


def _routes(site: Site) -> list[Route]:
    plain, link, parcel, reply = PlainPages(site), LinkPages(site), ParcelPages(site), ReplyPages(site)
    return [
        Route("/", plain.front),
        Route("/lukket", plain.signed_out),
        Route("/portal.css", plain.style),
        Route("/udseende/{brand}.css", plain.look),
        Route("/logo/{brand}", plain.logo),
        Route("/favicon.ico", plain.icon),
        Route("/robots.txt", plain.robots),
        Route("/liv", plain.alive),
        Route("/b/{token}", link.first),
        Route("/b/{token}/send", link.ask_code, methods=["POST"]),
        Route("/b/{token}/kode", link.code),
        Route("/b/{token}/bevis", link.prove, methods=["POST"]),
        Route("/b/{token}/videre", link.depart, methods=["POST"]),
        Route("/retur/{method}", link.come_back, methods=["GET"]),
        Route("/p/{parcel}", parcel.papers),
        Route("/p/{parcel}/dok/{number}", parcel.paper),
        Route("/p/{parcel}/vis/{number}", parcel.show),
        Route("/p/{parcel}/hent/{number}", parcel.fetch),
        Route("/p/{parcel}/kvittering", parcel.receipt),
        Route("/p/{parcel}/tid", parcel.clock),
        Route("/p/{parcel}/luk", parcel.leave, methods=["POST"]),
        Route("/p/{parcel}/svar", reply.write, methods=["GET"]),
        Route("/p/{parcel}/svar", reply.send, methods=["POST"]),
        Route("/p/{parcel}/sendt", reply.sent),
    ]


async def _raise(request: Request, error: Exception) -> Response:
    raise error


def _fault(site: Site, error: Exception) -> PageFault:
    """Returns what a visitor is told of a fault."""
    match error:
        case PageFault():
            return error
        case Unwelcome():
            return PageFault(403, "bad")
        case BodyTooLarge():
            return PageFault(413, "large")
        case HTTPException(status_code=405):
            return PageFault(405, "bad")
        case HTTPException(status_code=404):
            return PageFault(404, "gone")
        case HTTPException():
            return PageFault(400, "bad")
        case Coded():
            site.tell("portal.failed", code=error.code)
            return PageFault(503, "broken")
    site.tell("portal.failed", error=error)
    return PageFault(500, "broken")
