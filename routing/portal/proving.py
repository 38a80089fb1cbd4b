"""The door: opens a link, judges what a person types, and opens the session that follows.

Relies on the store and the portal's keys. A try is counted before it is judged; a code is bound to the
browser that asked for it, counts once, and five wrong ones lock this parcel and no other. Sends nothing: see
`identity`. Source: facts/secure-mail 5.3, facts/trust (portal).
"""

from __future__ import annotations

import hmac
import os
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from hashlib import sha256

from routing.portal.identity import TypedMethod
from routing.portal.keys import PortalKeys
from routing.portal.links import LinkToken, parse_token
from routing.portal.parcels import MAX_WRONG, Happening, Parcel
from routing.portal.sealing import DataKey, Envelope, unwrap
from routing.portal.store import PortalStore
from routing.portal.visits import Challenge, Session
from schemas.errors import ConfigurationError

CODE_DIGITS = 6
CODE_MINUTES = 10
MAX_TRIES = 5
RETURN_MINUTES = 10


class Verdict(Enum):
    """What became of an answer. Wrong, too old, used and never asked for are one and the same."""

    RIGHT = "right"
    WRONG = "wrong"
    LOCKED = "locked"
    NO_TRY = "no_try"


@dataclass(frozen=True, slots=True)
class OpenParcel:
    """A parcel whose link is known: its envelope can be read here, and by the browser after a proof."""

    parcel: Parcel
    token: LinkToken
    key: DataKey = field(repr=False)
    envelope: Envelope = field(repr=False)


@dataclass(frozen=True, slots=True)
class Visit:
    """A person in a session."""

    opened: OpenParcel
    session: Session
    cookie: bytes = field(repr=False)


class Door:
    """Links, proofs and sessions of one portal; safe for several threads."""

    def __init__(self, store: PortalStore, keys: PortalKeys, idle: timedelta, longest: timedelta) -> None:
        self._store = store
        self._keys = keys
        self._idle = idle
        self._longest = longest

    def open_link(self, text: str) -> OpenParcel | None:
        """Returns what a link leads to; None for unknown, expired, revoked and malformed alike."""
        # A malformed token is looked for as well, so that it takes as long as an unknown one.
        token = parse_token(text) or LinkToken(b"\0" * 32)
        parcel = self._store.parcels.by_locator(token.locator)
        if parcel is None or not hmac.compare_digest(parcel.locator, token.locator):
            return None
        return self._opened(parcel, token)

    # --- codes

    def new_code(self, opened: OpenParcel, method: str, browser: bytes) -> str:
        """Makes a code of six digits for this browser alone; an earlier one of the same browser is void."""
        code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"
        challenge = Challenge(
            self._challenge_id(opened, method, browser),
            opened.parcel.id,
            method,
            self._proof(opened, method, browser, code),
            b"",
            self._store.now() + timedelta(minutes=CODE_MINUTES),
        )
        self._store.visits.ask(challenge)
        return code

    def code_sent(self, opened: OpenParcel, method: str) -> None:
        """Notes that a code has left."""
        self._store.parcels.note(opened.parcel.id, Happening.CODE_SENT, method)

    def check_code(self, opened: OpenParcel, method: str, browser: bytes, typed: str) -> Verdict:
        """Judges a typed code; what isn't six digits is no try, so a scanner's post costs nobody one."""
        code = "".join(typed.split())
        if len(code) != CODE_DIGITS or not code.isascii() or not code.isdecimal():
            return Verdict.NO_TRY
        challenge_id = self._challenge_id(opened, method, browser)
        asked = self._store.visits.asked(challenge_id, MAX_TRIES)
        if asked is None:
            return Verdict.LOCKED if self.is_locked(opened) else Verdict.WRONG
        before = self._store.parcels.reserve_try(opened.parcel.id)
        if before is None:
            return Verdict.LOCKED
        right = hmac.compare_digest(asked.proof, self._proof(opened, method, browser, code))
        return self._decided(before, method, right and self._store.visits.used(challenge_id))

    def check_typed(self, opened: OpenParcel, method: TypedMethod, typed: str) -> Verdict:
        """Judges what was agreed before."""
        if not method.plausible(typed):
            return Verdict.NO_TRY
        before = self._store.parcels.reserve_try(opened.parcel.id)
        if before is None:
            return Verdict.LOCKED
        return self._decided(before, method.name, method.matches(opened.envelope.person, typed))

    def is_locked(self, opened: OpenParcel) -> bool:
        """Says whether the parcel is locked now."""
        return opened.parcel.is_locked(self._store.now())

    # --- leaving for a provider and coming back

    @staticmethod
    def new_state() -> str:
        """Returns a state for a provider; `keep` then tells what must be known when it comes back."""
        return secrets.token_urlsafe(32)

    def keep(self, opened: OpenParcel, method: str, browser: bytes, state: str, kept: bytes) -> None:
        """Keeps what must be known at the return, sealed to this browser and this state."""
        portal, asked = self._keys.current, self._return_id(method, browser, state)
        box = portal.seal(opened.token.raw() + kept, "return", browser, state.encode(), method.encode())
        until = self._store.now() + timedelta(minutes=RETURN_MINUTES)
        self._store.visits.ask(Challenge(asked, opened.parcel.id, method, b"", box, until))

    def come_back(self, method: str, browser: bytes, state: str) -> tuple[OpenParcel, bytes] | None:
        """Returns the parcel and what was kept, once; None for another browser, method or state."""
        asked = self._return_id(method, browser, state)
        challenge = self._store.visits.asked(asked, 1)
        if challenge is None or not self._store.visits.used(asked):
            return None
        portal = self._keys.current
        plain = portal.unseal(challenge.box, "return", browser, state.encode(), method.encode())
        opened = self.open_link(LinkToken(plain[:32]).text)
        return None if opened is None else (opened, plain[32:])

    def judged(self, opened: OpenParcel, method: str, right: bool) -> Verdict:
        """Counts what a provider's answer came to, like any other try."""
        before = self._store.parcels.reserve_try(opened.parcel.id)
        return Verdict.LOCKED if before is None else self._decided(before, method, right)

    # --- sessions

    def begin(self, opened: OpenParcel, method: str, former: bytes | None = None) -> bytes:
        """Opens a session and returns what the browser's cookie holds; the one it held before ends."""
        cookie, now = os.urandom(32), self._store.now()
        portal, parcel_id = self._keys.current, opened.parcel.id
        box = portal.seal(opened.token.raw(), "session", cookie, parcel_id.encode())
        session = Session(_session_id(cookie), parcel_id, method, box, now, now, now + self._longest)
        self._store.visits.begin(session, b"" if former is None else _session_id(former))
        self._store.parcels.note(parcel_id, Happening.OPENED, method)
        return cookie

    def resume(self, parcel_id: str, cookie: bytes, *, seen: bool = True) -> Visit | None:
        """Returns the visit of a cookie, None when it is over, another's, or the parcel has ended.

        `seen` is whether a person did something, which makes the visit last longer.
        """
        session = self._store.visits.session(_session_id(cookie), parcel_id, self._idle, seen=seen)
        if session is None:
            return None
        portal = self._keys.current
        try:
            token = LinkToken(portal.unseal(session.box, "session", cookie, parcel_id.encode()))
        except ConfigurationError:  # begun under a former key
            return None
        opened = self.open_link(token.text)
        if opened is None or opened.parcel.id != parcel_id:
            return None
        return Visit(opened, session, cookie)

    def ends_at(self, visit: Visit) -> datetime:
        """Returns when a visit ends if nothing more is done."""
        return min(visit.session.seen_at + self._idle, visit.session.ends_at)

    def leave(self, visit: Visit) -> None:
        """Ends every session on the parcel: who signs out means everywhere."""
        parcel_id = visit.opened.parcel.id
        if self._store.visits.end(parcel_id):
            self._store.parcels.note(parcel_id, Happening.SIGNED_OUT)

    def form_mark(self, holder: bytes, purpose: str) -> str:
        """Returns the mark that a form of this browser or session must bring back (against forged posts)."""
        return self._keys.current.derive("form", holder, purpose.encode()).hex()[:32]

    # --- inside

    def _opened(self, parcel: Parcel, token: LinkToken) -> OpenParcel:
        key = unwrap(self._keys.by_id(parcel.key_id), token.secret, parcel.id, parcel.wrapped_key)
        return OpenParcel(parcel, token, key, key.open_envelope(parcel.envelope, parcel.terms))

    def _decided(self, parcel: Parcel, method: str, right: bool) -> Verdict:
        """`parcel` is as it was before this try."""
        if right:
            self._store.parcels.forgive(parcel)
            return Verdict.RIGHT
        self._store.parcels.note(parcel.id, Happening.CODE_FAILED, method)
        now_held = self._store.parcels.by_id(parcel.id)
        if now_held is not None and now_held.is_locked(self._store.now()):
            self._store.parcels.note(parcel.id, Happening.LOCKED, f"{MAX_WRONG}")
            return Verdict.LOCKED
        return Verdict.WRONG

    def _challenge_id(self, opened: OpenParcel, method: str, browser: bytes) -> bytes:
        parts = (browser, opened.parcel.id.encode(), method.encode())
        return self._keys.current.derive("challenge", *parts)

    def _return_id(self, method: str, browser: bytes, state: str) -> bytes:
        return self._keys.current.derive("return id", browser, method.encode(), state.encode())

    def _proof(self, opened: OpenParcel, method: str, browser: bytes, code: str) -> bytes:
        parts = (browser, opened.parcel.id.encode(), method.encode(), code.encode())
        return self._keys.current.derive("code", *parts)


def _session_id(cookie: bytes) -> bytes:
    return sha256(b"brevdue portal session\0" + cookie).digest()
