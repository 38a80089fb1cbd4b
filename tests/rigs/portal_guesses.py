"""Knocks at a portal as a guesser and as somebody with a letter of their own, and counts what came of it.

Relies on the whole application in this process, with rates so wide that every try is looked up: what keeps a
guesser out here is the links alone. The tests take some of it, `make torture` all.
"""

from __future__ import annotations

import asyncio
import os
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import httpx

from routing.portal.links import LinkToken, parse_token
from routing.portal.parcels import Parcel
from routing.portal.web.application import make_application
from routing.portal.web.website import Site
from schemas.portal_settings import PortalRates
from tests.rigs.portal_sites import HOST, site_of
from tests.rigs.portals import PortalBench

UNLIMITED = PortalRates(**dict.fromkeys(PortalRates.model_fields, "999999/second"))
SIDE_BY_SIDE = 8
ANOTHERS = (
    ("GET", ""),
    ("GET", "/vis/0"),
    ("GET", "/hent/0"),
    ("GET", "/hent/1"),
    ("GET", "/dok/0"),
    ("GET", "/kvittering"),
    ("GET", "/svar"),
    ("POST", "/svar"),
    ("POST", "/luk"),
)
"""What there is to try at another's parcel."""
_FORM = {"mark": "0" * 32, "text": "Hej"}
_SIGNS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
Knock = tuple[str, str, Mapping[str, str]]
"""Method, path, headers."""


def sent(bench: PortalBench, n_letters: int = 20) -> tuple[list[Parcel], list[str]]:
    """Sends letters; returns their parcels, and what their links end in."""
    parcels = [bench.send(bench.consignment(number)) for number in range(n_letters)]
    packer = bench.channel().packer
    return parcels, [packer.token(parcel).text for parcel in parcels]


def untouched(bench: PortalBench, parcels: Sequence[Parcel]) -> bool:
    """Says whether nothing has happened to parcels but that they were sent."""
    events = bench.store.parcels.events(message_ids=[one.message_id for one in parcels])
    return {event.kind.value for event in events} == {"sealed", "notice_sent"} and all(
        bench.store.parcels.by_id(one.id) == one for one in parcels
    )


def visit_to(bench: PortalBench, link: str) -> bytes:
    """Lets the person of a link in; returns what their browser holds."""
    door = site_of(bench).door
    opened = door.open_link(link)
    assert opened is not None
    return door.begin(opened, "mail_code")


def guesses(n: int, real: Sequence[str]) -> Iterator[str]:
    """Yields texts that are no link: by chance, and one of ten differs from a real one by a sign."""
    for number in range(n):
        if number % 10:
            yield LinkToken(os.urandom(32)).text
            continue
        link, place = real[number // 10 % len(real)], number // 10 % 42
        other = _SIGNS[(_SIGNS.index(link[place]) + 1 + number % 62) % 64]
        near = link[:place] + other + link[place + 1 :]
        assert parse_token(near) is not None and near != link
        yield near


def guessed(bench: PortalBench, n: int, real: Sequence[str]) -> Counter[int]:
    """Asks for that many guessed links; returns how many answers there were of each status."""
    knocks: Iterable[Knock] = (("GET", f"/b/{text}", {}) for text in guesses(n, real))
    return asyncio.run(_knock(site_of(bench, rates=UNLIMITED), knocks))


def tried(bench: PortalBench, n: int, own: Parcel, cookie: bytes, others: Sequence[Parcel]) -> Counter[int]:
    """Tries, in a visit to one parcel, all there is at others'; returns how many answers of each status."""
    knocks: Iterable[Knock] = (_try(number, own, cookie, others) for number in range(n))
    return asyncio.run(_knock(site_of(bench, rates=UNLIMITED), knocks))


def _try(number: int, own: Parcel, cookie: bytes, others: Sequence[Parcel]) -> Knock:
    method, path = ANOTHERS[number % len(ANOTHERS)]
    other = others[number // len(ANOTHERS) % len(others)]
    value = urlsafe_b64encode(cookie).decode().rstrip("=")
    names = (own.id, other.id)
    return method, f"/p/{other.id}{path}", {"cookie": "; ".join(f"__Host-p-{n[:16]}={value}" for n in names)}


async def _knock(site: Site, knocks: Iterable[Knock]) -> Counter[int]:
    """Asks some side by side, as a guesser would."""
    waiting, seen = iter(knocks), Counter[int]()
    transport = httpx.ASGITransport(make_application(site), client=("192.0.2.66", 4711))
    async with httpx.AsyncClient(transport=transport, base_url=f"https://{HOST}") as client:

        async def one() -> None:
            for method, path, headers in waiting:
                form = _FORM if method == "POST" else None
                answer = await client.request(method, path, headers=headers, data=form)
                seen[answer.status_code] += 1

        await asyncio.gather(*(one() for _ in range(SIDE_BY_SIDE)))
    return seen
