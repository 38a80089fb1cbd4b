"""Writes what an SMS gateway is sent: GatewayAPI's form, or the operator's own template filled in.

Pure. Knows which signs one message part carries (GSM 03.38); sends nothing. Source: GatewayAPI's REST
interface, `POST /rest/mtsms`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from pydantic import JsonValue

from schemas.portal_proof_settings import PortalSms

GSM_SIGNS = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà^{}\\[~]|€"
)


@dataclass(frozen=True, slots=True)
class Sms:
    """One message. `mobile` is E.164; `id` is the same for the same message."""

    mobile: str = field(repr=False)
    text: str = field(repr=False)
    id: str
    seconds: int


@dataclass(frozen=True, slots=True)
class SmsCall:
    """What goes to the gateway."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    fields: Mapping[str, JsonValue] = field(repr=False)


def gateway_api(settings: PortalSms, token: str, sms: Sms) -> SmsCall:
    """Returns the call in GatewayAPI's form; a code that is too old is not delivered any more."""
    return SmsCall(
        settings.url,
        {"Authorization": f"Token {token}"},
        {
            "sender": settings.sender,
            "message": sms.text,
            "recipients": [{"msisdn": int(sms.mobile.removeprefix("+"))}],
            "encoding": "UTF8" if GSM_SIGNS.issuperset(sms.text) else "UCS2",
            "priority": "URGENT",
            "validity_period": sms.seconds,
            "userref": sms.id,
        },
    )


def template(settings: PortalSms, token: str, sms: Sms) -> SmsCall:
    """Returns the call that the settings describe."""
    known = {
        "token": token,
        "mobile": sms.mobile,
        "number": sms.mobile.removeprefix("+"),
        "text": sms.text,
        "sender": settings.sender,
        "id": sms.id,
    }
    url = settings.url.format(sender=quote(settings.sender, safe=""), id=quote(sms.id, safe=""))
    headers = {name: value.format(**known) for name, value in settings.headers.items()}
    return SmsCall(url, headers, {name: _filled(value, known) for name, value in settings.fields.items()})


def _filled(value: JsonValue, known: Mapping[str, str]) -> JsonValue:
    if isinstance(value, str):
        return value.format(**known)
    if isinstance(value, dict):
        return {name: _filled(one, known) for name, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, known) for one in value]
    return value
