"""One thing that was checked, with its verdict in a stable code, and who must act when it is not in order.

Relies on the catalogue's codes alone. Words nothing and decides nothing about the rest of the walk.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from schemas.errors import Coded, ServiceDown, Transient

Level = Literal["good", "note", "bad"]
Who = Literal["us", "network", "issuer", "eboks"]

_WHO: Mapping[str, Who] = {
    "own_certificate.awaited": "issuer",
    "own_certificate.cvr_differs": "issuer",
    "own_certificate.cvr_missing": "issuer",
    "own_certificate.is_authority": "issuer",
    "own_certificate.weak_key": "issuer",
    "own_certificate.weak_signature": "issuer",
    "own_certificate.wrong_key_usage": "issuer",
    "own_certificate.wrong_extended_usage": "issuer",
    "connection.allow_address": "eboks",
    "connection.no_address": "us",
    "connection.not_found": "network",
    "connection.refused": "network",
    "connection.timeout": "network",
    "connection.no_route": "network",
    "connection.private_address": "network",
    "eboks.access_denied": "eboks",
    "http.not_connected": "network",
    "eboks.not_now": "eboks",
    "eboks.unknown_system_or_material": "eboks",
    "tls.certificate_expired": "issuer",
    "tls.certificate_expires_soon": "issuer",
    "tls.client_certificate_refused": "eboks",
    "tls.handshake_cut": "eboks",
    "tls.no_common_version": "eboks",
    "tls.server_certificate_bad": "eboks",
    "tls.server_certificate_expired": "eboks",
    "tls.server_wrong_host": "eboks",
}
"""Who must act on a code; everything else is ours to mend."""


@dataclass(frozen=True, slots=True)
class Check:
    """A verdict. `what` is a stable name, `subject` a channel, material or source it is about.

    `code` is empty when all is in order; `facts` are what was seen (a TLS version, a count), never a secret
    and never a person's number. `unreached` when nobody answered.
    """

    what: str
    code: str = ""
    params: Mapping[str, object] = field(default_factory=dict)
    level: Level = "good"
    subject: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)
    unreached: bool = False

    @property
    def who(self) -> Who | None:
        """Who must act; None when nobody needs to."""
        return _WHO.get(self.code, "us") if self.code else None

    def as_json(self) -> dict[str, Any]:
        """Returns the verdict as plain values; `from_json` reads them back."""
        return {
            "what": self.what,
            "subject": self.subject,
            "level": self.level,
            "code": self.code,
            "params": {name: _plain(value) for name, value in self.params.items()},
            "facts": {name: _plain(value) for name, value in self.facts.items()},
            "who": self.who,
            "unreached": self.unreached,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Check:
        """Reads `as_json`; raises KeyError or TypeError for anything else."""
        return cls(
            data["what"],
            data["code"],
            dict(data["params"]),
            data["level"],
            data["subject"],
            dict(data["facts"]),
            bool(data["unreached"]),
        )


def good(what: str, subject: str = "", **facts: object) -> Check:
    """Returns the verdict that a thing is in order."""
    return Check(what, subject=subject, facts=facts)


def bad(what: str, code: str, subject: str = "", **params: object) -> Check:
    """Returns the verdict that a thing is wrong."""
    return Check(what, code, params, "bad", subject)


def note(what: str, code: str, subject: str = "", **params: object) -> Check:
    """Returns the verdict that a thing needs somebody, and keeps nobody from going on."""
    return Check(what, code, params, "note", subject)


def fault(what: str, error: Coded, subject: str = "") -> Check:
    """Returns the verdict of an error of ours."""
    gone = isinstance(error, ServiceDown) or (isinstance(error, Transient) and not error.reached)
    return Check(what, error.code, dict(error.params), "bad", subject, unreached=gone)


def faults(checks: Iterable[Check]) -> list[Check]:
    """Returns the verdicts that keep a step from being done."""
    return [check for check in checks if check.level == "bad"]


def _plain(value: object) -> object:
    return value if isinstance(value, bool | int | float | str | None) else str(value)
