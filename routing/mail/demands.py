"""What a connection to a mail exchanger must show before any mail may go over it, and what it showed.

Values only: a `Demand` is what the probe and the delivering connection are both held to. Relies on
`schemas.mail_settings` for the levels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from routing.mail.records import TlsaRecord
from schemas.mail_settings import TlsLevel


@dataclass(frozen=True, slots=True)
class Demand:
    """What one mail exchanger's connection must be.

    `name` is the exchanger's, for SNI and for its certificate. `level` None takes TLS where it is offered,
    for content that is encrypted already. With `tlsa` the certificate must match one of them; `names` are the
    ones a DANE trust anchor may have vouched for.
    """

    level: TlsLevel | None
    name: str
    tlsa: tuple[TlsaRecord, ...] = ()
    names: tuple[str, ...] = ()

    @property
    def verifies(self) -> bool:
        """True when the certificate must be of an authority we trust, and of this name."""
        return self.level in ("verify", "sts")


class Found(StrEnum):
    """What came of looking at one address of one mail exchanger."""

    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one connection showed, and the verdict on it; `code` is empty when it passed,
    `status` the enhanced code that a server gave with its refusal.

    `certificate_sha256` is of the peer's own certificate; `not_after` is ISO 8601 in UTC. `level` is what was
    demanded, empty for none. `smarthost` marks a relay of ours: what happens after it nobody here sees.
    """

    mx: str
    address: str
    at: datetime
    level: str = ""
    found: Found = Found.UNKNOWN
    code: str = ""
    tls_version: str = ""
    cipher: str = ""
    certificate_sha256: str = ""
    subject: str = ""
    issuer: str = ""
    not_after: str = ""
    smarthost: bool = False
    status: str = ""

    def facts(self) -> Mapping[str, str]:
        """Returns the evidence as texts, for a receipt's proof and `explain`; what is empty is left out."""
        texts = {
            "mx": self.mx,
            "address": self.address,
            "level": self.level,
            "found": self.found.value,
            "code": self.code,
            "status": self.status.strip("-"),
            "tls_version": self.tls_version,
            "tls_cipher": self.cipher,
            "peer_certificate_sha256": self.certificate_sha256,
            "peer_certificate_subject": self.subject,
            "peer_certificate_issuer": self.issuer,
            "peer_certificate_not_after": self.not_after,
            "smarthost": "yes" if self.smarthost else "",
            "at": self.at.isoformat(timespec="seconds"),
        }
        return {key: text for key, text in texts.items() if text}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether mail to a domain may go at a level, and what that rests on: every address of every exchanger.

    `open` is True when at least one address passed and none failed. When it is not, `code` says why, and
    `lasting` whether the domain is closed (the next step of the route is due) or merely unknown (ask later).
    """

    domain: str
    level: TlsLevel | None
    open: bool
    at: datetime
    code: str = ""
    lasting: bool = False
    findings: tuple[Evidence, ...] = ()

    @property
    def n_unknown(self) -> int:
        """How many addresses were down, or could not be found: they count for nothing."""
        return sum(1 for one in self.findings if one.found is Found.UNKNOWN)

    def evidence(self) -> tuple[Mapping[str, str], ...]:
        """Returns every finding as texts, for `Reach.evidence`."""
        return tuple(one.facts() for one in self.findings)
