"""The page on which a person writes back; what they send is sealed to the source before it is kept anywhere.

Relies on `reply_box`, `file_types` and the virus scanner. A reply is confirmed only after it is durable.
Nothing of it is logged, and the portal can't read it back. No recipient can be chosen: it goes to the source
alone.
"""

from __future__ import annotations

import asyncio
from hashlib import sha256
from weakref import WeakValueDictionary

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from routing.portal.proving import Visit
from routing.portal.reply_box import Reply, ReplyFile, seal_reply
from routing.portal.web.clamd import ScanVerdict
from routing.portal.web.file_types import MEDIA_TYPES, extension_of, fit_name, shown_name
from routing.portal.web.forms import Form, Upload, read_form
from routing.portal.web.pages import draw, language_of
from routing.portal.web.website import PageFault, Site
from routing.portal.wording import size

MAX_CHARS = 20_000
_LATE_BYTES = 200_000
"""What is read of a reply that came too late, to hand its text back."""


class _Objection(Exception):
    """Why a reply is not taken; `key` is a text of the family `page`."""

    def __init__(self, key: str, status: int = 422, **params: object) -> None:
        super().__init__(key)
        self.key = key
        self.status = status
        self.params = params


class ReplyPages:
    """Endpoints `/p/<parcel>/svar` and `/p/<parcel>/sendt`."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def write(self, request: Request) -> Response:
        """GET: the form."""
        return self._form(request, await self._visit(request))

    async def send(self, request: Request) -> Response:
        """POST: checks, seals, keeps; only then says that it was received."""
        try:
            visit = await self._visit(request)
        except PageFault as fault:
            return await self._too_late(request, fault)
        await self._site.within(("replies_per_link", visit.opened.parcel.locator))
        async with self._turn(visit.opened.parcel.id):
            return await self._taken(request, visit)

    async def _taken(self, request: Request, visit: Visit) -> Response:
        form = await read_form(request)
        try:
            if not self._site.check_mark(visit.cookie, "reply", form["mark"]):
                raise _Objection("form_old", 403)
            reply = self._reply(visit, form, await self._files(request, form))
            self._check_text(reply)
        except _Objection as objection:
            return self._form(request, visit, objection, form["text"][: MAX_CHARS + 1000])
        await run_in_threadpool(self._keep, visit, reply)
        return RedirectResponse(f"/p/{visit.opened.parcel.id}/sendt?r={reply.id}", 303)

    async def sent(self, request: Request) -> Response:
        """GET `/p/<parcel>/sendt`: the reply was received."""
        visit = await self._visit(request)
        reply = request.query_params.get("r", "")
        if not (len(reply) == 20 and reply.isascii() and reply.isalnum()):
            raise PageFault(404, "gone")
        parcel = visit.opened.parcel
        return draw(
            self._site,
            request,
            "sent.html",
            parcel=parcel,
            path=f"/p/{parcel.id}",
            clock=f"/p/{parcel.id}/tid",
            reply=reply,
        )

    # --- inside

    def _turn(self, parcel_id: str) -> asyncio.Lock:
        """Returns what lets one reply of a parcel in at a time: each lies in memory, several times over."""
        return self._turns.setdefault(parcel_id, asyncio.Lock())

    async def _visit(self, request: Request) -> Visit:
        visit = await self._site.visit(request)
        if not visit.opened.parcel.replies:
            raise PageFault(404, "gone")
        return visit

    async def _too_late(self, request: Request, fault: PageFault) -> Response:
        """Hands the text back to who was away for too long: nothing is kept, and nothing written is lost."""
        n_bytes = request.headers.get("content-length", "")
        if fault.kind != "ended" or not n_bytes.isdecimal() or int(n_bytes) > _LATE_BYTES:
            raise fault
        try:
            text = (await read_form(request))["text"][: MAX_CHARS + 1000]
        except PageFault:  # a stranger hears the same, whatever they send
            raise fault from None
        if not text.strip():
            raise fault
        return draw(self._site, request, "late.html", status=fault.status, text=text)

    def _check_text(self, reply: Reply) -> None:
        if not reply.text and not reply.files:
            raise _Objection("reply_empty")
        if len(reply.text) > MAX_CHARS:
            raise _Objection("reply_too_long", n_chars=MAX_CHARS)

    async def _files(self, request: Request, form: Form) -> tuple[ReplyFile, ...]:
        settings = self._site.settings
        uploads = [one for one in form.uploads if one.data or one.name]
        if len(uploads) > settings.max_reply_files:
            raise _Objection("reply_too_many", n_files=settings.max_reply_files)
        if sum(len(one.data) for one in uploads) > settings.max_reply_bytes:
            limit = size(settings.max_reply_bytes, language_of(request))
            raise _Objection("reply_too_large", 413, size=limit)
        files = []
        for place, one in enumerate(uploads, start=1):
            extension = await run_in_threadpool(extension_of, one.data)
            if extension not in settings.reply_extensions:
                raise _Objection("reply_kind", place=place, name=shown_name(one.name))
            await self._scan(place, one)
            name = fit_name(one.name, extension, f"bilag-{place}")
            files.append(ReplyFile(name, MEDIA_TYPES[extension], one.data))
        return tuple(files)

    async def _scan(self, place: int, one: Upload) -> None:
        if self._site.scanner is None:
            return
        verdict = await self._site.scanner.scan(one.data)
        if verdict is ScanVerdict.INFECTED:
            raise _Objection("reply_infected", place=place, name=shown_name(one.name))
        if verdict is not ScanVerdict.CLEAN:  # no answer is never a yes
            self._site.tell("portal.failed", code="portal.scanner_down")
            raise _Objection("reply_not_scanned", 503)

    def _reply(self, visit: Visit, form: Form, files: tuple[ReplyFile, ...]) -> Reply:
        """The same form sent twice makes the same id; anything changed in it makes another."""
        text = form["text"].replace("\r\n", "\n").strip()
        mixed = sha256(visit.session.id + form["form"].encode() + text.encode("utf-8", "replace"))
        for one in files:
            mixed.update(sha256(one.name.encode() + b"\0" + one.data).digest())
        return Reply(
            id=mixed.hexdigest()[:20],
            message_id=visit.opened.parcel.message_id,
            reference=visit.opened.envelope.reference,
            text=text,
            at=self._site.now().isoformat(timespec="seconds"),
            method=visit.session.method,
            files=files,
        )

    def _keep(self, visit: Visit, reply: Reply) -> None:
        parcel = visit.opened.parcel
        sealed = seal_reply(parcel.reply_key, reply)
        self._site.store.replies.keep(reply.id, parcel.id, sealed, len(reply.files))

    def _form(
        self, request: Request, visit: Visit, objection: _Objection | None = None, text: str = ""
    ) -> Response:
        settings, parcel = self._site.settings, visit.opened.parcel
        return draw(
            self._site,
            request,
            "reply.html",
            parcel=parcel,
            status=objection.status if objection else 200,
            path=f"/p/{parcel.id}",
            clock=f"/p/{parcel.id}/tid",
            text=text,
            error=objection.key if objection else "",
            params=objection.params if objection else {},
            n_files=settings.max_reply_files,
            max_bytes=settings.max_reply_bytes,
            kinds=", ".join(settings.reply_extensions),
            accept=",".join(f".{one}" for one in _accepted(settings.reply_extensions)),
            mark=self._site.browser_mark(visit.cookie, "reply"),
            form=self._site.door.new_state(),
        )


def _accepted(extensions: tuple[str, ...]) -> tuple[str, ...]:
    """Returns what a browser offers to choose; with `.jpeg` a telephone hands over its photos as JPEG."""
    return (*extensions, "jpeg") if "jpg" in extensions else extensions
