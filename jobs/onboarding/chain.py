"""Follows a certificate's chain up to the authorities that the operator trusts.

The only module that imports pyhanko_certvalidator, which knows the RSASSA-PSS signatures of OCES3
(facts/secure-mail). Fetches nothing: a certificate that the chain lacks must come with the others, and
revocation is not looked up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime

from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from schemas.errors import ConfigurationError


def demand_chain(
    certificate: x509.Certificate,
    others: Sequence[x509.Certificate],
    roots: Sequence[x509.Certificate],
    now: datetime,
) -> int:
    """Returns how many certificates the chain has, root included.

    Raises ConfigurationError `own_certificate.unknown_authority`, `…authority_expired`, `…weak_signature` or
    `…bad_chain`. The certificate's own time is left out: whether it is over says nothing of who issued it.
    """
    from pyhanko_certvalidator import CertificateValidator, ValidationContext, errors

    moment = min(max(now, certificate.not_valid_before_utc), certificate.not_valid_after_utc)
    context = ValidationContext(
        trust_roots=_converted(roots),
        other_certs=_converted(others),
        moment=moment,
        allow_fetching=False,
        revocation_mode="soft-fail",
    )
    validator = CertificateValidator(_convert(certificate), validation_context=context)
    try:
        path = asyncio.run(validator.async_validate_path())
    except errors.PathBuildingError:
        raise ConfigurationError("own_certificate.unknown_authority") from None
    except (errors.ExpiredError, errors.NotYetValidError):
        raise ConfigurationError("own_certificate.authority_expired") from None
    except (errors.DisallowedAlgorithmError, errors.AlgorithmNotSupported):
        raise ConfigurationError("own_certificate.weak_signature") from None
    except (errors.PathError, errors.ValidationError):
        raise ConfigurationError("own_certificate.bad_chain") from None
    return int(path.pkix_len) + 1


def _converted(certificates: Iterable[x509.Certificate]) -> list[asn1.Certificate]:
    return [_convert(one) for one in certificates]


def _convert(certificate: x509.Certificate) -> asn1.Certificate:
    return asn1.Certificate.load(certificate.public_bytes(Encoding.DER))
