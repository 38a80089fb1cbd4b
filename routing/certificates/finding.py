"""Finds the one certificate to encrypt to, from the sources of the settings, and says when it can't tell.

Relies on `sources`, `ldap_source`, `smimea` and `remembering`. Silence is never taken for "there is none":
as long as a source that was asked does not answer, or a revocation can't be found out, the answer is
Transient. Encrypts nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from routing.certificates.chains import UNKNOWN
from routing.certificates.fetching import Fetch, fetch_over_http
from routing.certificates.files import load_pins, load_trust
from routing.certificates.judging import Judge, RevocationRule
from routing.certificates.ldap_source import LdapSource
from routing.certificates.remembering import Memory, RememberedSource, RememberingJudge
from routing.certificates.revocation import Revocation
from routing.certificates.smimea import Asks, SmimeaSource
from routing.certificates.sources import CertificateSource, Choice, LocalStore, Pins, choose
from routing.certificates.verdicts import Verdict
from routing.cms.damage import DAMAGED
from routing.mime.addresses import MailAddress
from schemas.errors import ConfigurationError, Transient
from schemas.mail_settings import MailSettings

_RULES: Mapping[str, RevocationRule] = {
    "required": "required",
    "if_stated": "declared",
    "off_insecure": "off",
}


@dataclass(frozen=True, slots=True)
class Places:
    """What a finder is given from outside: the clock, where fetched lists are kept, how lists are fetched,
    how DNS is asked, what was found out before, and the store, where somebody has it open already."""

    now: Callable[[], datetime]
    revocation_folder: Path | None = None
    fetch: Fetch = fetch_over_http
    resolver: Asks | None = None
    memory: Memory | None = None
    store: LocalStore | None = None


class Finder:
    """The sources of `[mail]` in their order, and the judge over them; belongs to one event loop."""

    def __init__(self, mail: MailSettings, places: Places) -> None:
        """Raises ConfigurationError for roots and pins that can't be read, and for SMIMEA without a resolver
        that validates."""
        memory = places.memory or Memory(places.now, 60 * mail.verdict_minutes)
        self.judge = make_judge(mail, places, memory)
        self.store = places.store or LocalStore(mail.certificates)
        self._pins = Pins(load_pins(mail.pins))
        self._directories = [LdapSource(name, one) for name, one in mail.ldap.items()]
        self._sources: list[CertificateSource] = [self.store]
        self._sources += [RememberedSource(one, memory) for one in self._directories]
        if mail.smimea:
            if places.resolver is None or not places.resolver.validates:
                raise ConfigurationError("certificate.smimea_needs_validation")
            self._sources.append(RememberedSource(SmimeaSource(places.resolver), memory))

    async def find(self, address: MailAddress) -> Choice:
        """Returns the choice; raises Transient when there is none and it can't be told why."""
        choice = await choose(address, self._pins, self._sources, self.judge)
        if choice.chosen is not None:
            return choice
        silent = next((one for one in choice.remarks if one.silent), None)
        if silent is not None:
            raise silent.error.with_traceback(None)
        if any(verdict.refusal and verdict.refusal.code == UNKNOWN for _, verdict in choice.refused):
            raise Transient(UNKNOWN)
        return choice

    def findings(self) -> list[tuple[str, dict[str, object]]]:
        """Returns what a person should know about store and directories; asks each of them, and blocks."""
        found: list[tuple[str, dict[str, object]]] = []
        self.store.refresh()
        if self.store.n_unreadable:
            found.append(("certificate.store_unreadable", {"n_files": self.store.n_unreadable}))
        for one in self._directories:
            found += one.findings()
        return found

    def close(self) -> None:
        """Ends the connections to the directories."""
        for one in self._directories:
            one.close()


def make_judge(mail: MailSettings, places: Places, memory: Memory) -> Judge:
    """Returns the judge of the settings: roots, the rule about revocation, and the grace period."""
    rule = _RULES[mail.revocation]
    grace = timedelta(hours=mail.revocation_grace_hours)
    revocation = Revocation(places.fetch, places.now, places.revocation_folder, grace)
    trust = load_trust(mail.roots)
    return RememberingJudge(trust, None if rule == "off" else revocation, rule, places.now, memory)


def refusal_of(choice: Choice) -> tuple[str, Mapping[str, object]]:
    """Returns the code and parameters of the reason why there is no certificate; the newest one's counts."""
    if not choice.refused:
        insecure = next((one.error.code for one in choice.remarks), "")
        return insecure or "certificate.none_found", {}
    newest = max(
        (verdict for _, verdict in choice.refused), key=lambda one: one.certificate.not_valid_before_utc
    )
    refusal = newest.refusal
    return (refusal.code, refusal.params) if refusal else ("certificate.none_found", {})


def evidence_of(choice: Choice) -> tuple[Mapping[str, str], ...]:
    """Returns what the choice rests on: the chosen certificate, or each refused one with its code."""
    if choice.chosen is not None:
        return (describe(choice.source, choice.chosen),)
    refused = [describe(source, verdict) for source, verdict in choice.refused]
    remarks = [{"source": one.source, "code": one.error.code} for one in choice.remarks]
    return (*refused, *remarks)


def describe(source: str, verdict: Verdict) -> Mapping[str, str]:
    """Returns a certificate and its verdict as texts for people."""
    certificate = verdict.certificate
    about = {
        "source": source,
        "subject": _named(lambda: certificate.subject),
        "issuer": _named(lambda: certificate.issuer),
        "days_left": str(verdict.days_left),
        "sha256": verdict.fingerprint,
        "key": key_kind(verdict),
    }
    if verdict.revocation is not None:
        about["revocation"] = verdict.revocation.value
    return about | ({"code": verdict.refusal.code} if verdict.refusal else {})


def _named(read: Callable[[], x509.Name]) -> str:
    try:
        return read().rfc4514_string()
    except DAMAGED:
        return "?"


def key_kind(verdict: Verdict) -> str:
    """Returns the kind and size of a certificate's key, such as `RSA-2048` or `EC-secp256r1`."""
    try:
        key = verdict.certificate.public_key()
    except DAMAGED:
        return "unknown"
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA-{key.key_size}"
    return f"EC-{key.curve.name}" if isinstance(key, ec.EllipticCurvePublicKey) else type(key).__name__
