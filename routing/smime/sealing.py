"""Makes a secure mail: signs the payload, encrypts it to the recipients, and puts the outer heading on it.

Relies on `routing.mime` and `routing.cms`. Signs first and encrypts then, so that nobody on the way learns
who signed and the signature is about what the recipient reads (RFC 8551 3.7). Chooses no form and no
recipient.

The inner signature is multipart/signed unless a partner wants it opaque: it is a quarter smaller, and a
reader behind a gateway that decrypts for him sees text even when his program knows no S/MIME
(facts/secure-mail 1.7). The signed entity is the same to the byte on every retry.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from routing.cms.enveloping import ContentCipher, encrypt
from routing.cms.keys import Identity, RecipientKey
from routing.cms.signing import digest_of, sign
from routing.mime.assembly import (
    cms_entity,
    estimate_cms,
    estimate_open,
    message_around,
    multipart_signed,
    open_message,
    protected_payload,
    wrapped_message,
)
from routing.mime.bodies import boundary_for
from routing.mime.mail import Heading, Mail
from schemas.errors import Refused

SignForm = Literal["detached", "opaque", "none"]

_SETTLING_BYTES = 16 * 1024 * 1024
_SMIME_TYPES = {ContentCipher.CBC: "enveloped-data", ContentCipher.GCM: "authEnveloped-data"}


@dataclass(frozen=True, slots=True)
class Profile:
    """How a secure mail is made for a recipient or a partner.

    `wrap` puts the whole mail in as message/rfc822 (the tunnel's way) instead of protecting its headers.
    `form` "none" is for a partner who takes no signature; with `cipher` CBC nothing then shows a change on
    the way. `subject` is the neutral one that stands outside. `max_bytes` is the whole message's limit.
    """

    form: SignForm = "detached"
    cipher: ContentCipher = ContentCipher.CBC
    wrap: bool = False
    subject: str = "Sikker mail"
    max_bytes: int = 25 * 1024 * 1024


DEFAULT_PROFILE = Profile()


@dataclass(frozen=True, slots=True)
class SealedMail:
    """A message ready to send, and what a receipt keeps of it.

    `payload_sha256` is what the signature is over, so the recipient's copy can be held against it.
    """

    message: bytes = field(repr=False)
    payload_sha256: str
    fingerprints: tuple[str, ...]


def seal(
    mail: Mail,
    signer: Identity,
    recipients: Sequence[RecipientKey],
    profile: Profile = DEFAULT_PROFILE,
    outer: Heading | None = None,
) -> SealedMail:
    """Returns the mail signed and encrypted; `outer` is what stands outside, the mail's own heading with the
    profile's neutral subject when it is left out.

    Raises Refused `mail.too_large` before anything is built, Refused for unfit headers and names,
    Unreachable for an unfit certificate, ConfigurationError `cms.self_check`.
    """
    refuse_too_large(mail, len(recipients), profile)
    shown = outer or replace(mail.heading, subject=profile.subject)
    payload = wrapped_message(open_message(mail)) if profile.wrap else protected_payload(mail, shown)
    digest = digest_of(payload)
    inner = signed_entity(payload, digest, signer, mail.heading, profile.form)
    entity = cms_entity(encrypt(inner, recipients, profile.cipher), _SMIME_TYPES[profile.cipher])
    fingerprints = tuple(one.id.fingerprint for one in recipients)
    return SealedMail(message_around(shown, entity), digest.hex(), fingerprints)


def signed_entity(
    payload: Sequence[bytes], digest: bytes, signer: Identity, heading: Heading, form: SignForm
) -> Sequence[bytes]:
    """Returns a payload with our signature, in pieces; the heading's time is the signing time."""
    if form == "none":
        return payload
    signature = sign(payload, digest, signer, heading.at, detached=form == "detached")
    if form == "opaque":
        return cms_entity(signature, "signed-data")
    return multipart_signed(payload, signature, boundary_for(heading.message_id, "signed"))


def settle_memory() -> None:
    """Lets the C library keep what it frees; a process that makes many secure mails calls it once.

    glibc raises its limits to the largest block it ever gave back. Below that every message's memory goes
    back to the kernel and is asked for again, page by page, which costs a third of the whole work.
    """
    large = bytearray(_SETTLING_BYTES)
    del large


def refuse_too_large(mail: Mail, n_recipients: int, profile: Profile) -> None:
    """Raises Refused `mail.too_large` when the secure mail would pass the profile's limit."""
    estimated = estimate_cms(estimate_open(mail), n_recipients, opaque=profile.form == "opaque")
    if estimated > profile.max_bytes:
        raise Refused("mail.too_large", n_bytes=estimated, max_bytes=profile.max_bytes)
