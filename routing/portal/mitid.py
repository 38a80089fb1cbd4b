"""Proof of identity by MitID: the consignment's CPR number is matched, for a company its CVR number.

Relies on `broker`. A number that the broker tells is compared at once, as keyed hashes in constant time, and
forgotten; in the other mode it never comes here and the broker says yes or no. Keeps and writes nothing.
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from hashlib import sha256
from typing import Any

from routing.portal.broker import Broker, Ticket, form_origins
from routing.portal.identity import Departure, Language, Return
from routing.portal.outward import Hosts, Outward
from routing.portal.sealing import Person
from schemas.errors import Unreachable
from schemas.identity import cpr_digits, cvr_digits
from schemas.portal_proof_settings import PortalMitId

COMPANY = "cvr"
CPR_DIGITS = 10


class MitId:
    """The method `mitid`."""

    name = "mitid"

    def __init__(
        self, settings: PortalMitId, now: Callable[[], datetime], *, simulated: bool = False
    ) -> None:
        """In a simulated house the broker may be a simulated one on this machine."""
        hosts: Hosts = "https_or_loopback" if simulated else "https"
        outward = Outward(hosts, settings.ca, settings.timeout_seconds)
        outward.demand(settings.issuer)
        if settings.match_url is not None:
            outward.demand(settings.match_url)
        self._settings = settings
        self._now = now
        self._broker = Broker(settings, outward, now)
        self._key = os.urandom(32)

    @property
    def origins(self) -> tuple[str, ...]:
        return form_origins(self._settings)

    def possible(self, person: Person, data_class: str) -> bool:
        return bool(person.number)

    async def depart(self, person: Person, state: str, return_url: str, language: Language) -> Departure:
        """Tells the broker nothing of the person."""
        ticket = Ticket(secrets.token_urlsafe(32), secrets.token_urlsafe(48), int(self._now().timestamp()))
        url = await self._broker.address(ticket, state, return_url, language)
        return Departure(url, json.dumps(asdict(ticket)).encode())

    async def judge(self, person: Person, back: Return) -> bool:
        login = await self._broker.login(back.query, Ticket(**json.loads(back.kept)), back.url)
        self._demand_level(login.claims)
        if person.kind == COMPANY:
            told = _text(login.claims, self._settings.cvr_claim)
            return self._same(cvr_digits(told), person.number)
        if self._settings.match == "broker":
            return await self._broker.fits(login, person.number)
        told = cpr_digits(_text(login.claims, self._settings.cpr_claim))
        if len(told) != CPR_DIGITS:
            # Not counted as a wrong person: nothing was compared. The set-up lacks a scope or a claim.
            raise Unreachable("portal.no_number_told")
        return self._same(told, person.number)

    def _demand_level(self, claims: Mapping[str, Any]) -> None:
        if _text(claims, self._settings.level_claim) not in self._settings.levels:
            raise Unreachable("portal.login_too_weak")

    def _same(self, told: str, wanted: str) -> bool:
        return hmac.compare_digest(self._hash(told), self._hash(wanted)) and bool(told)

    def _hash(self, digits: str) -> bytes:
        return hmac.digest(self._key, digits.encode(), sha256)


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    return value if isinstance(value, str) else ""
