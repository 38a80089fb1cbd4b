"""What every page of one portal works with, and the questions they all ask: whose visit, which link, how
often.

Relies on the core (`proving`, `rates`, `store`). The core is synchronous: it is called in a thread. Draws
nothing.
"""

from __future__ import annotations

import hmac
import ipaddress
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Protocol, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from routing.portal.identity import AnyMethod
from routing.portal.proving import Door, OpenParcel, Visit
from routing.portal.rates import Rates
from routing.portal.store import PortalStore
from routing.portal.web.clamd import Scanner
from routing.portal.web.cookies import BROWSER, read_cookie, session_cookie
from schemas.portal_settings import PortalBrand, PortalChannel

T = TypeVar("T")
_NOBODY = "0.0.0.0"  # counted as one visitor; nothing listens there


class Tell(Protocol):
    """Writes an event to the process's log: names of our own and counts, nothing else."""

    def __call__(self, event: str, **fields: object) -> None: ...


def tell_nobody(event: str, **fields: object) -> None:
    """Writes nothing."""


class PageFault(Exception):
    """A page can't be shown; `kind` names its texts. Tells the visitor nothing about the reason."""

    def __init__(self, status: int, kind: str) -> None:
        super().__init__(kind)
        self.status = status
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Site:
    """One portal."""

    settings: PortalChannel
    store: PortalStore
    door: Door
    rates: Rates
    methods: Mapping[str, AnyMethod]
    scanner: Scanner | None
    now: Callable[[], datetime]
    simulated: bool = False
    tell: Tell = field(default=tell_nobody)

    def brand(self, source: str) -> PortalBrand:
        return self.settings.brand(source)

    async def link(self, request: Request) -> OpenParcel:
        """Returns what the link in the path leads to.

        Raises PageFault `gone`, the same for every link that leads nowhere, and `often`.
        """
        opened = await run_in_threadpool(self.door.open_link, request.path_params["token"])
        if opened is None:
            await self._missed(request)
            raise PageFault(404, "gone")
        locator = opened.parcel.locator
        await self.within(("pages_per_address", address_of(request)), ("pages_per_link", locator))
        return opened

    async def visit(self, request: Request, *, seen: bool = True) -> Visit:
        """Returns whose session this is; PageFault `ended` for anybody else, whether the parcel exists or
        not. `seen` is whether a person asked, or the page by itself."""
        parcel_id = request.path_params["parcel"]
        cookie = read_cookie(request, session_cookie(parcel_id))
        found = None
        if cookie is not None:
            found = await run_in_threadpool(partial(self.door.resume, parcel_id, cookie, seen=seen))
        if found is None:
            await self._missed(request)
            raise PageFault(403, "ended")
        await self.within(("pages_per_address", address_of(request)))
        return found

    async def _missed(self, request: Request) -> None:
        address = address_of(request)
        await self.within(("pages_per_address", address), ("misses", address), ("everything_missed", b""))

    async def within(self, *wishes: tuple[str, bytes]) -> None:
        """Counts, and raises PageFault `often` when a rate is exceeded."""
        refused = await run_in_threadpool(self.rates.refused_by, *wishes)
        if refused:
            if self.rates.is_news(refused):
                self.tell("portal.limited", kind=refused)
            raise PageFault(429, "often")

    def possible(self, opened: OpenParcel) -> list[AnyMethod]:
        """Returns the methods by which this person can prove who they are here, in the material's order."""
        parcel, person = opened.parcel, opened.envelope.person
        known = [self.methods[name] for name in parcel.methods if name in self.methods]
        return [method for method in known if method.possible(person, parcel.data_class)]

    def method(self, opened: OpenParcel, name: str) -> AnyMethod:
        """Returns one of the possible methods by name; PageFault `bad`."""
        for method in self.possible(opened):
            if method.name == name:
                return method
        raise PageFault(400, "bad")

    def browser_mark(self, browser: bytes, purpose: str) -> str:
        """Returns what a form of this browser must bring back."""
        return self.door.form_mark(browser, purpose)

    def check_mark(self, holder: bytes | None, purpose: str, mark: str) -> bool:
        """Says whether a form came from a page that this browser was shown."""
        if holder is None:
            return False
        return hmac.compare_digest(self.door.form_mark(holder, purpose).encode(), mark.encode())


def browser_of(request: Request) -> bytes:
    """Returns what this browser is known by, fresh if it has nothing yet."""
    return read_cookie(request, BROWSER) or os.urandom(32)


def address_of(request: Request) -> bytes:
    """Returns the visitor's address as it is counted."""
    return counted_address(request.client.host if request.client else _NOBODY)


def counted_address(host: str) -> bytes:
    """Returns an address as it is counted: an IPv6 visitor by the network of 64 bits."""
    address = visitor_address(host)
    return address.packed[:8] if address.version == 6 else address.packed


def visitor_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Returns an address in one form; whatever is none is nobody's."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return ipaddress.ip_address(_NOBODY)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped  # as whoever listens for both writes it: else all would be one
    return address
