"""The pages of a link, before anybody has proved anything: who sent it, which way in, the code, the answer.

Relies on the door. They show the sender's name and nothing of the parcel; a GET or HEAD changes nothing, and
neither does a form that no person has typed a code into.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, cast

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from routing.portal.identity import CodeErrand, RedirectMethod, Return, SentMethod, TypedMethod
from routing.portal.proving import CODE_MINUTES, OpenParcel, Verdict
from routing.portal.web.cookies import BROWSER, read_cookie, session_cookie, set_cookie
from routing.portal.web.forms import Form, read_form
from routing.portal.web.pages import draw, language_of
from routing.portal.web.website import PageFault, Site, address_of, browser_of
from routing.portal.wording import LANGUAGES
from schemas.errors import ConfigurationError, InDoubt, SendError

if TYPE_CHECKING:
    from routing.portal.identity import AnyMethod

_ENDED = {"portal.login_cancelled": "login_stopped", "portal.login_too_weak": "login_weak"}
"""What a visitor can do something about, of all the ways in which a login can fail."""
_STATUS = {Verdict.WRONG: 403, Verdict.LOCKED: 403, Verdict.NO_TRY: 422}


class LinkPages:
    """Endpoints under `/b/<token>`, and `/retur/<method>`."""

    def __init__(self, site: Site) -> None:
        self._site = site

    async def first(self, request: Request) -> Response:
        """GET `/b/<token>`: who sent it, and how to prove who one is."""
        opened = await self._site.link(request)
        return self._first(request, opened)

    async def ask_code(self, request: Request) -> Response:
        """POST `/b/<token>/send`: a person asks for a code."""
        opened, form = await self._posted(request)
        method = self._site.method(opened, form["method"])
        if not hasattr(method, "carry"):
            raise PageFault(400, "bad")
        browser = read_cookie(request, BROWSER)
        if not self._site.check_mark(browser, f"send {opened.parcel.id}", form["mark"]) or browser is None:
            return self._first(request, opened, "form_old", 403)
        if self._site.door.is_locked(opened):
            return self._first(request, opened, "locked", 403)
        await self._site.within(
            ("codes_per_link", opened.parcel.locator),
            ("codes_per_address", address_of(request)),
            ("codes_in_all", b""),
        )
        if not await self._carry(request, opened, cast(SentMethod, method), browser):
            return self._first(request, opened, "not_sent", 503)
        return _see(f"/b/{opened.token.text}/kode?m={method.name}")

    async def code(self, request: Request) -> Response:
        """GET `/b/<token>/kode`: where the code is typed."""
        opened = await self._site.link(request)
        method = self._site.method(opened, request.query_params.get("m", ""))
        return self._code(request, opened, method)

    async def prove(self, request: Request) -> Response:
        """POST `/b/<token>/bevis`: the code or the secret that a person typed."""
        opened, form = await self._posted(request)
        method = self._site.method(opened, form["method"])
        browser = read_cookie(request, BROWSER)
        if not self._site.check_mark(browser, f"prove {opened.parcel.id}", form["mark"]) or browser is None:
            return self._again(request, opened, method, "form_old", 403)
        await self._site.within(("tries_per_address", address_of(request)))
        verdict = await run_in_threadpool(self._judge, opened, method, browser, form["answer"])
        if verdict is Verdict.RIGHT:
            return await self._enter(request, opened, method.name)
        return self._again(request, opened, method, _error(method, verdict), _STATUS[verdict])

    async def depart(self, request: Request) -> Response:
        """POST `/b/<token>/videre`: a person goes to a provider."""
        opened, form = await self._posted(request)
        method = self._site.method(opened, form["method"])
        browser = read_cookie(request, BROWSER)
        if not hasattr(method, "depart"):
            raise PageFault(400, "bad")
        if not self._site.check_mark(browser, f"send {opened.parcel.id}", form["mark"]) or browser is None:
            return self._first(request, opened, "form_old", 403)
        if self._site.door.is_locked(opened):
            return self._first(request, opened, "locked", 403)
        await self._site.within(("tries_per_address", address_of(request)))
        going, state = cast(RedirectMethod, method), self._site.door.new_state()
        try:
            away = await going.depart(
                opened.envelope.person, state, self._return_url(method.name), language_of(request)
            )
        except (SendError, ConfigurationError) as error:
            self._site.tell("portal.failed", code=error.code)
            return self._first(request, opened, "not_reached", 503)
        await run_in_threadpool(self._site.door.keep, opened, method.name, browser, state, away.kept)
        return _see(away.url)

    async def come_back(self, request: Request) -> Response:
        """GET `/retur/<method>`: the browser comes back from a provider with its answer."""
        await self._site.within(("pages_per_address", address_of(request)))
        name = request.path_params["method"]
        browser, state = read_cookie(request, BROWSER), request.query_params.get("state", "")
        method = self._site.methods.get(name)
        if browser is None or method is None or not hasattr(method, "judge") or not state:
            raise PageFault(403, "ended")
        back = await run_in_threadpool(self._site.door.come_back, name, browser, state)
        if back is None:
            raise PageFault(403, "ended")
        opened, kept = back
        query = dict(request.query_params)
        try:
            right = await cast(RedirectMethod, method).judge(
                opened.envelope.person, Return(query, kept, self._return_url(name))
            )
        except (SendError, ConfigurationError) as error:
            self._site.tell("portal.failed", code=error.code)
            kind = _ENDED.get(error.code, "not_reached")
            return self._first(request, opened, kind, 403 if error.code in _ENDED else 503)
        verdict = await run_in_threadpool(self._site.door.judged, opened, name, right)
        if verdict is Verdict.RIGHT:
            return await self._enter(request, opened, name)
        return self._first(request, opened, _error(method, verdict), _STATUS[verdict])

    # --- inside

    async def _posted(self, request: Request) -> tuple[OpenParcel, Form]:
        opened = await self._site.link(request)
        return opened, await read_form(request)

    def _return_url(self, method: str) -> str:
        return f"{self._site.settings.url}/retur/{method}"

    async def _carry(self, request: Request, opened: OpenParcel, method: SentMethod, browser: bytes) -> bool:
        door = self._site.door
        code = await run_in_threadpool(door.new_code, opened, method.name, browser)
        errand = CodeErrand(
            code, language_of(request), opened.parcel.source, os.urandom(8).hex(), CODE_MINUTES
        )
        try:
            await method.carry(opened.envelope.person, errand)
        except InDoubt as error:  # it may arrive: the person must be able to type it
            self._site.tell("portal.failed", code=error.code)
        except (SendError, ConfigurationError) as error:
            self._site.tell("portal.failed", code=error.code)
            return False
        await run_in_threadpool(door.code_sent, opened, method.name)
        return True

    def _judge(self, opened: OpenParcel, method: AnyMethod, browser: bytes, typed: str) -> Verdict:
        if hasattr(method, "matches"):
            return self._site.door.check_typed(opened, cast(TypedMethod, method), typed)
        if hasattr(method, "carry"):
            return self._site.door.check_code(opened, method.name, browser, typed)
        return Verdict.NO_TRY

    async def _enter(self, request: Request, opened: OpenParcel, method: str) -> Response:
        name = session_cookie(opened.parcel.id)
        cookie = await run_in_threadpool(self._site.door.begin, opened, method, read_cookie(request, name))
        response = _see(f"/p/{opened.parcel.id}")
        set_cookie(response, name, cookie)
        return response

    def _again(
        self, request: Request, opened: OpenParcel, method: AnyMethod, error: str, status: int
    ) -> Response:
        if hasattr(method, "carry"):
            return self._code(request, opened, method, error, status)
        return self._first(request, opened, error, status)

    def _first(self, request: Request, opened: OpenParcel, error: str = "", status: int = 200) -> Response:
        browser, hints = browser_of(request), opened.envelope.person.hints
        wished = language_of(request)
        told = next((one for one in (wished, *LANGUAGES) if hints.get(one)), wished)
        return draw(
            self._site,
            request,
            "link.html",
            parcel=opened.parcel,
            browser=browser,
            status=status,
            address=f"/b/{opened.token.text}",
            path=f"/b/{opened.token.text}",
            methods=[(one.name, _kind(one)) for one in self._site.possible(opened)],
            hint=hints.get(told, ""),
            hint_language=told,
            until=opened.parcel.expires_at,
            send_mark=self._site.browser_mark(browser, f"send {opened.parcel.id}"),
            prove_mark=self._site.browser_mark(browser, f"prove {opened.parcel.id}"),
            error=error,
        )

    def _code(
        self, request: Request, opened: OpenParcel, method: AnyMethod, error: str = "", status: int = 200
    ) -> Response:
        browser = browser_of(request)
        shown = method.shown(opened.envelope.person) if hasattr(method, "shown") else ""
        return draw(
            self._site,
            request,
            "code.html",
            parcel=opened.parcel,
            browser=browser,
            status=status,
            address=f"/b/{opened.token.text}/kode?m={method.name}",
            path=f"/b/{opened.token.text}",
            method=method.name,
            another=len(self._site.possible(opened)) > 1,
            shown=shown,
            minutes=CODE_MINUTES,
            send_mark=self._site.browser_mark(browser, f"send {opened.parcel.id}"),
            prove_mark=self._site.browser_mark(browser, f"prove {opened.parcel.id}"),
            error=error,
        )


def _kind(method: AnyMethod) -> str:
    return "typed" if hasattr(method, "matches") else "sent" if hasattr(method, "carry") else "redirect"


def _error(method: AnyMethod, verdict: Verdict) -> str:
    typed = hasattr(method, "matches")
    if verdict is Verdict.LOCKED:
        return "locked"
    if verdict is Verdict.NO_TRY:
        return "no_try_secret" if typed else "no_try_code"
    if hasattr(method, "judge"):
        return "wrong_person"
    return "wrong_secret" if typed else "wrong"


def _see(url: str) -> Response:
    return RedirectResponse(url, 303)
