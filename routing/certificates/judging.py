"""Judges a certificate completely: what stands in it, its chain to our roots, and its revocation.

Relies on `uses`, `chains` and `revocation`, asked in that order, so that nothing is fetched because of a
certificate that no root of ours vouches for. Every verdict keeps its reason.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Literal

from cryptography import x509

from routing.certificates.chains import UNKNOWN, Trust, build_chain, check_revocation
from routing.certificates.revocation import Revocation
from routing.certificates.uses import first_fault
from routing.certificates.verdicts import Purpose, Refusal, RevocationState, Verdict
from routing.cms.keys import CertificateId
from routing.mime.addresses import MailAddress

RevocationRule = Literal["required", "declared", "off"]
"""Whether every link must have a revocation list or answer, only those that name one, or none."""


class Judge:
    """Judges certificates by one set of roots and one rule about revocation."""

    def __init__(
        self, trust: Trust, revocation: Revocation | None, rule: RevocationRule, now: Callable[[], datetime]
    ) -> None:
        if revocation is None and rule != "off":
            raise ValueError("a rule about revocation needs somebody to ask")
        self._trust, self._revocation, self._rule, self._now = trust, revocation, rule, now

    async def judge(
        self,
        certificate: x509.Certificate,
        address: MailAddress | None,
        purpose: Purpose = Purpose.ENCRYPT,
        others: Sequence[x509.Certificate] = (),
    ) -> Verdict:
        """Returns the verdict; `others` are certificates that came along and may complete the chain.

        `address` is whom the certificate must name; None when something else binds it to the recipient.
        """
        now = self._now()
        found: Refusal | RevocationState | None = first_fault(certificate, purpose, address, now)
        if found is None:
            trust = Trust(self._trust.roots, (*self._trust.others, *others))
            found = await self._chain_verdict(certificate, trust, now)
        fingerprint = CertificateId(certificate).fingerprint
        if isinstance(found, Refusal):
            return Verdict(certificate, fingerprint, now, refusal=found)
        return Verdict(certificate, fingerprint, now, revocation=found)

    async def _chain_verdict(
        self, certificate: x509.Certificate, trust: Trust, now: datetime
    ) -> Refusal | RevocationState:
        chain = await build_chain(certificate, trust, now)
        if isinstance(chain, Refusal):
            return chain
        if self._rule == "off" or self._revocation is None:
            return RevocationState.OFF
        required = self._rule == "required"
        known = await self._revocation.gather(chain)
        refusal = await check_revocation(certificate, trust, now, known.evidence, required=required)
        if refusal is not None and refusal.code == UNKNOWN:
            known = await self._revocation.gather(chain, every=True)
            refusal = await check_revocation(certificate, trust, now, known.evidence, required=required)
        if refusal is not None:
            undeclared = required and refusal.code == UNKNOWN and not known.declared
            return Refusal("certificate.revocation_undeclared") if undeclared else refusal
        if not known.declared:
            return RevocationState.UNDECLARED
        return RevocationState.GRACE if known.past_its_end else RevocationState.FRESH
