"""Builds the chain from a certificate to a trusted root, and checks it with revocation lists and answers.

Relies on pyhanko-certvalidator, which knows the PSS signatures of OCES3 and does CRL and OCSP. Fetches
nothing: what is known about revocation is passed in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from routing.certificates.verdicts import Refusal
from routing.cms.damage import DAMAGED

UNKNOWN = "certificate.revocation_unknown"
_UNREADABLE: tuple[type[Exception], ...] = (*DAMAGED, TypeError)
# Whether a list is young enough is decided by `revocation`, with the grace period.
_ANY_AGE = timedelta(days=36_500)


@dataclass(frozen=True, slots=True)
class Trust:
    """The roots we trust, and authorities that may stand between them and a certificate."""

    roots: tuple[x509.Certificate, ...] = field(repr=False)
    others: tuple[x509.Certificate, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Revocation lists and OCSP answers in DER."""

    lists: Sequence[bytes] = field(default=(), repr=False)
    answers: Sequence[bytes] = field(default=(), repr=False)


async def build_chain(
    certificate: x509.Certificate, trust: Trust, now: datetime
) -> tuple[x509.Certificate, ...] | Refusal:
    """Returns the chain, the certificate first and its root last, without regard to revocation.

    Refusals: `certificate.untrusted`, `certificate.chain_expired`, `certificate.chain_weak`.
    """
    found = await _validated(certificate, trust, now, None, required=False)
    if isinstance(found, Refusal):
        return found
    path = [x509.load_der_x509_certificate(one.dump()) for one in found.iter_certs(include_root=True)]
    return tuple(reversed(path))


async def check_revocation(
    certificate: x509.Certificate, trust: Trust, now: datetime, evidence: Evidence, *, required: bool
) -> Refusal | None:
    """Returns None when nothing in the chain is revoked; `required` demands evidence for every link, also
    where none is declared. Further refusals: `certificate.revoked`, `certificate.revocation_unknown`."""
    found = await _validated(certificate, trust, now, evidence, required=required)
    return found if isinstance(found, Refusal) else None


async def _validated(
    certificate: x509.Certificate, trust: Trust, now: datetime, evidence: Evidence | None, *, required: bool
) -> Any:
    """Returns the validated path or a Refusal."""
    from asn1crypto import x509 as asn1_x509
    from pyhanko_certvalidator import CertificateValidator, ValidationContext, errors

    def read(one: x509.Certificate) -> Any:
        return asn1_x509.Certificate.load(one.public_bytes(Encoding.DER))

    context = ValidationContext(
        trust_roots=[read(one) for one in trust.roots],
        other_certs=[read(one) for one in trust.others],
        moment=now,
        crls=evidence.lists if evidence else (),
        ocsps=evidence.answers if evidence else (),
        revinfo_policy=_policy(evidence, required),
    )
    try:
        return await CertificateValidator(read(certificate), validation_context=context).async_validate_path()
    except (errors.ValidationError, errors.PathError) as fault:
        return _refusal(fault)
    except _UNREADABLE:  # what asn1crypto says about a damaged certificate
        return Refusal("certificate.damaged")


def _policy(evidence: Evidence | None, required: bool) -> Any:
    from pyhanko_certvalidator import policy_decl as policy

    rule = policy.RevocationCheckingRule.CRL_OR_OCSP_REQUIRED
    if evidence is None:
        rule = policy.RevocationCheckingRule.NO_CHECK
    elif not required:
        rule = policy.RevocationCheckingRule.CHECK_IF_DECLARED
    return policy.CertRevTrustPolicy(
        policy.RevocationCheckingPolicy(rule, rule),
        freshness=_ANY_AGE,
        freshness_req_type=policy.FreshnessReqType.MAX_DIFF_REVOCATION_VALIDATION,
    )


def _refusal(fault: Exception) -> Refusal:
    from pyhanko_certvalidator import errors

    if isinstance(fault, errors.RevokedError):
        return Refusal("certificate.revoked", {"since": f"{fault.revocation_dt:%Y-%m-%d}"})
    if isinstance(fault, errors.InsufficientRevinfoError):
        return Refusal(UNKNOWN)
    if isinstance(fault, errors.ExpiredError | errors.NotYetValidError):
        return Refusal("certificate.chain_expired")
    if isinstance(fault, errors.DisallowedAlgorithmError):
        return Refusal("certificate.chain_weak")
    return Refusal("certificate.untrusted")
