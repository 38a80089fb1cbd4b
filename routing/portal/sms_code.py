"""Proof of identity by a code to the mobile number that the sender has, carried by an SMS gateway.

Relies on `sms_forms` for what is sent and on `outward` for the wire. The message says who the code is from
and nothing of the matter. A call is repeated only where nothing had been sent, so that nobody gets two.
Makes and judges no code: see `proving`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol, cast

from routing.portal.identity import CodeErrand
from routing.portal.mobile_numbers import e164, masked
from routing.portal.outward import Answer, Hosts, Outward, read_token
from routing.portal.sealing import Person
from routing.portal.sms_forms import Sms, SmsCall, gateway_api, template
from routing.portal.wording import wording
from schemas.catalogue import Language
from schemas.errors import ConfigurationError, SendError, Transient, Unreachable
from schemas.portal_proof_settings import PortalSms

MAX_CALLS = 2


class Ration(Protocol):
    """Counts what is sent on a day, for all portals of one database together."""

    def take(self, what: str, who: bytes, most: int) -> bool:
        """Counts one and says whether it is within `most` a day; `who` is whose count it is."""


class SmsCode:
    """The method `sms`."""

    name = "sms"

    def __init__(
        self,
        settings: PortalSms,
        sender_name: Callable[[str], str],
        host: str,
        ration: Ration,
        *,
        simulated: bool = False,
    ) -> None:
        """`sender_name` gives a source's name, `host` is the portal's own, which binds the code to its page.

        A simulated house reaches no gateway but one on this machine.
        """
        hosts: Hosts = "loopback" if simulated else "https"
        self._outward = Outward(hosts, settings.ca, settings.timeout_seconds)
        self._outward.demand(settings.url.format(sender="", id=""))
        self._settings = settings
        self._sender_name = sender_name
        self._host = host
        self._ration = ration

    def possible(self, person: Person, data_class: str) -> bool:
        return bool(e164(person.mobile))

    def shown(self, person: Person) -> str:
        return masked(person.mobile)

    async def carry(self, person: Person, errand: CodeErrand) -> None:
        """Raises InDoubt when the gateway was told and gave no answer: the code may arrive."""
        mobile = e164(person.mobile)
        if not mobile:
            raise Unreachable("portal.sms_number")
        await self._within(mobile)
        sms = Sms(mobile, self._text(errand), errand.errand_id, errand.minutes * 60)
        form = gateway_api if self._settings.gateway == "gatewayapi" else template
        token = await asyncio.to_thread(read_token, self._settings.token)
        _judge(await self._called(form(self._settings, token, sms)))

    async def close(self) -> None:
        """Nothing is open between two messages."""

    def _text(self, errand: CodeErrand) -> str:
        """Returns the message; its last line binds the code to our page (domain-bound codes)."""
        t = wording(cast(Language, errand.language))
        name = self._sender_name(errand.source)
        text = t("sms_text", code=errand.code, sender=name, minutes=errand.minutes)
        return f"{text}\n\n@{self._host} #{errand.code}"

    async def _within(self, mobile: str) -> None:
        take, settings = self._ration.take, self._settings
        for what, who, most in (
            ("sms_number", mobile.encode(), settings.per_number_per_day),
            ("sms_day", b"", settings.per_day),
        ):
            if not await asyncio.to_thread(take, what, who, most):
                raise Transient("portal.sms_ration")

    async def _called(self, call: SmsCall) -> Answer:
        """Calls, and once more where nothing had been sent."""
        for n_left in reversed(range(MAX_CALLS)):
            try:
                if self._settings.body == "form":
                    fields = {name: str(value) for name, value in call.fields.items()}
                    return await self._outward.post_form(call.url, fields, call.headers)
                return await self._outward.post_json(call.url, call.fields, call.headers)
            except Transient:  # nothing had been sent
                if not n_left:
                    raise
        raise AssertionError("unreachable")


def _judge(answer: Answer) -> None:
    """Returns when the gateway has taken the message; raises for anything else."""
    status = answer.status
    if 200 <= status < 300:
        return
    raise _fault(status)


def _fault(status: int) -> SendError | ConfigurationError:
    if status in (401, 403):
        return ConfigurationError("portal.sms_refused_us")
    if status == 429 or status >= 500:
        return Transient("portal.sms_busy")
    return Unreachable("portal.sms_refused", status=status)
