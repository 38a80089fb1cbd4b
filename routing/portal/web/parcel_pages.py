"""The pages of a person who has proved who they are: documents, viewer, download, receipt, clock, sign out.

Relies on the door for the session. Documents are opened chunk by chunk on their way to the browser and lie
nowhere in the clear. What a browser fetches ahead of its user is not given, so nothing counts as read then.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from routing.portal.parcels import Happening
from routing.portal.proving import Visit
from routing.portal.sealing import Paper
from routing.portal.web.cookies import drop_cookie, session_cookie
from routing.portal.web.file_types import disposition, fit_name
from routing.portal.web.forms import read_form
from routing.portal.web.pages import draw
from routing.portal.web.website import PageFault, Site

IN_FRAME = {"application/pdf": "application/pdf", "text/plain": "text/plain; charset=utf-8"}
AS_IMAGE = frozenset({"image/png", "image/jpeg"})
SHOWN_EVENTS = frozenset(
    {
        Happening.NOTICE_SENT,
        Happening.OPENED,
        Happening.READ,
        Happening.DOWNLOADED,
        Happening.REPLIED,
        Happening.CODE_FAILED,
    }
)
_MAX_EVENTS = 200
# Nothing may run, load or leave from what a frame shows. Chromium shows no PDF in a sandboxed frame, whatever
# it is allowed, and takes no notice of `sandbox` in a PDF's own policy, which keeps Safari from showing it:
# a PDF gets the policy without it. What keeps it in is measured by test_portal_pdf_in_a_browser, which fails
# when a sandboxed viewer comes. All else is sandboxed on the page.
_FRAME_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; object-src 'none'; frame-ancestors 'self'; "
    "base-uri 'none'; form-action 'none'"
)
_CLOCK_POLICY = (
    "default-src 'none'; style-src 'self'; frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
)
_WARNED_SECONDS = 300
"""How long before its end a visit's end is announced (WCAG 2.2.1: at least 20 seconds)."""


class ParcelPages:
    """Endpoints under `/p/<parcel>`."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def papers(self, request: Request) -> Response:
        """GET `/p/<parcel>`: what there is."""
        visit = await self._site.visit(request)
        return self._draw(request, visit, "papers.html", viewable=_viewable)

    async def paper(self, request: Request) -> Response:
        """GET `/p/<parcel>/dok/<n>`: one document in the page."""
        visit = await self._site.visit(request)
        return self._draw(
            request,
            visit,
            "paper.html",
            paper=_paper(request, visit),
            viewable=_viewable,
            as_image=AS_IMAGE,
        )

    async def show(self, request: Request) -> Response:
        """GET `/p/<parcel>/vis/<n>`: its bytes, for the frame of our own page or a window of their own."""
        visit = await self._site.visit(request)
        paper = _paper(request, visit)
        if not _viewable(paper):
            raise PageFault(404, "gone")
        media_type = IN_FRAME.get(paper.media_type, paper.media_type)
        headers = {"content-security-policy": _FRAME_POLICY, "x-frame-options": "SAMEORIGIN"}
        return await self._bytes(request, visit, paper, "inline", media_type, headers, Happening.READ)

    async def fetch(self, request: Request) -> Response:
        """GET `/p/<parcel>/hent/<n>`: its bytes, to keep."""
        visit = await self._site.visit(request)
        paper = _paper(request, visit)
        headers = {"content-security-policy": "default-src 'none'; sandbox"}
        return await self._bytes(
            request, visit, paper, "attachment", paper.media_type, headers, Happening.DOWNLOADED
        )

    async def receipt(self, request: Request) -> Response:
        """GET `/p/<parcel>/kvittering`: what was received and what has happened, to print."""
        visit = await self._site.visit(request)
        parcel = visit.opened.parcel
        ids = (parcel.message_id,)
        events = await run_in_threadpool(self._site.store.parcels.events, 0, ids, _MAX_EVENTS)
        shown = [event for event in events if event.kind in SHOWN_EVENTS]
        return self._draw(request, visit, "receipt.html", events=shown)

    async def clock(self, request: Request) -> Response:
        """GET `/p/<parcel>/tid`: how long the visit lasts; in a frame that asks again by itself.

        Its own asking makes nothing last longer; `?bliv`, which a person follows, does.
        """
        headers = {"content-security-policy": _CLOCK_POLICY, "x-frame-options": "SAMEORIGIN"}
        path = f"/p/{request.path_params['parcel']}/tid"
        try:
            visit = await self._site.visit(request, seen="bliv" in request.query_params)
        except PageFault as fault:
            return draw(self._site, request, "clock.html", status=fault.status, headers=headers, ends_at=None)
        ends_at, last = self._site.door.ends_at(visit), visit.session.ends_at
        left = int((ends_at - self._site.now()).total_seconds())
        warned = min(_WARNED_SECONDS, self._site.settings.session_minutes * 30)
        wait = left - warned if left > warned else min(60, left)
        headers["refresh"] = f"{max(wait, 0) + 1}; url={path}"
        return draw(
            self._site,
            request,
            "clock.html",
            parcel=visit.opened.parcel,
            headers=headers,
            path=path,
            ends_at=ends_at,
            soon=left <= warned,
            longer=ends_at < last,
        )

    async def leave(self, request: Request) -> Response:
        """POST `/p/<parcel>/luk`: signs out."""
        visit = await self._site.visit(request)
        form = await read_form(request)
        if not self._site.check_mark(visit.cookie, "leave", form["mark"]):
            raise PageFault(403, "ended")
        await run_in_threadpool(self._site.door.leave, visit)
        response = RedirectResponse("/lukket", 303)
        drop_cookie(response, session_cookie(visit.opened.parcel.id))
        response.headers["clear-site-data"] = '"cache"'
        return response

    # --- inside

    async def _bytes(
        self,
        request: Request,
        visit: Visit,
        paper: Paper,
        kind: str,
        media_type: str,
        headers: dict[str, str],
        happening: Happening,
    ) -> Response:
        ahead = f"{request.headers.get('sec-purpose', '')} {request.headers.get('purpose', '')}"
        if "prefetch" in ahead or "prerender" in ahead:
            raise PageFault(503, "often")
        extension = paper.name.rpartition(".")[2] if "." in paper.name else "bin"
        headers["content-disposition"] = disposition(kind, fit_name(paper.name, extension, "dokument"))
        headers["content-length"] = str(paper.n_bytes)
        if request.method == "HEAD":
            return Response(None, headers=headers, media_type=media_type)
        pieces = await run_in_threadpool(self._read, visit, paper, happening)
        return StreamingResponse(pieces, headers=headers, media_type=media_type)

    def _read(self, visit: Visit, paper: Paper, happening: Happening) -> Iterator[bytes]:
        """Returns a document's pieces, and notes that it was read once it is seen that it can be opened."""
        parcel, rows = visit.opened.parcel, self._site.store.parcels
        pieces = visit.opened.key.open_paper(paper.ordinal, rows.chunks(parcel.id, paper.ordinal))
        first = next(pieces)
        rows.set_read(parcel.id, happening, visit.session.method)
        return chain((first,), pieces)

    def _draw(self, request: Request, visit: Visit, template: str, **values: Any) -> Response:
        parcel = visit.opened.parcel
        return draw(
            self._site,
            request,
            template,
            parcel=parcel,
            path=f"/p/{parcel.id}",
            clock=f"/p/{parcel.id}/tid",
            envelope=visit.opened.envelope,
            parcel_is=parcel,
            leave_mark=self._site.browser_mark(visit.cookie, "leave"),
            **values,
        )


def _paper(request: Request, visit: Visit) -> Paper:
    """Returns the document of the path's number; PageFault `gone`."""
    papers = {str(place): paper for place, paper in enumerate(visit.opened.envelope.papers)}
    try:
        return papers[request.path_params["number"]]
    except KeyError:
        raise PageFault(404, "gone") from None


def _viewable(paper: Paper) -> bool:
    return paper.media_type in IN_FRAME or paper.media_type in AS_IMAGE
