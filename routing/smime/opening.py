"""Opens a message that came in: decrypts, checks signatures and unwraps, layer by layer.

Relies on `routing.cms` for the cryptography and on `routing.mime` for the splitting; what was signed is
kept to the byte. Reads no more layers and bytes than its limits say, fetches nothing, and shows no remote
content. Whether a signer is trusted is asked afterwards: `routing.certificates`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from email.header import decode_header, make_header

from routing.cms import names
from routing.cms.content import DEFAULT_LIMITS, Limits, form_faults, load_content
from routing.cms.decrypting import decrypt
from routing.cms.keys import Identity
from routing.cms.verifying import Verified, verify
from routing.mime.splitting import Entity, split_entity, split_signed, with_crlf
from routing.smime.opened import EncryptedLayer, Layer, Opened, SignedLayer, WrappedLayer
from schemas.errors import BadInput

_CMS_TYPES = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_SIGNATURE_TYPES = frozenset({"application/pkcs7-signature", "application/x-pkcs7-signature"})
# What a reader goes by, and what the way needed outside.
_COMPARED = ("From", "To", "Subject", "Date", "Message-ID", "Reply-To", "Cc")


def open_message(raw: bytes, identities: Sequence[Identity], limits: Limits = DEFAULT_LIMITS) -> Opened:
    """Returns a message with its layers taken off by our keys.

    Raises BadInput: `cms.too_large`, `cms.too_deep`, `cms.form`, `cms.not_for_us`, `cms.undecryptable`,
    `cms.content_unsupported` and the others of `routing.cms`; `mail.…` when it is no usable mail. A bad
    signature is no error: it stands in the layer.
    """
    if len(raw) > limits.max_bytes:
        raise BadInput("cms.too_large", max_bytes=limits.max_bytes)
    outer = entity = split_entity(raw)
    layers: list[Layer] = []
    protected: Entity | None = None
    while (taken := _take_off(entity, identities, limits, bool(layers))) is not None:
        layer, entity = taken
        layers.append(layer)
        if len(layers) > limits.max_layers:
            raise BadInput("cms.too_deep", max_layers=limits.max_layers)
        if "From" in entity.headers or "Subject" in entity.headers:
            protected = entity
    headers = _headers((protected or outer).headers.items())
    return Opened(outer, tuple(layers), entity, headers, _differing(outer, protected))


def _take_off(
    entity: Entity, identities: Sequence[Identity], limits: Limits, inside: bool
) -> tuple[Layer, Entity] | None:
    """Returns the outermost layer and what is in it, None when there is none left."""
    kind = entity.media_type
    if kind in _CMS_TYPES:
        return _take_off_cms(entity.decoded_body(), identities, limits)
    if kind == "multipart/signed" and entity.parameter("protocol").lower() in _SIGNATURE_TYPES:
        return _take_off_signature(entity, limits)
    if kind == "message/rfc822" and inside:
        return WrappedLayer(), split_entity(entity.decoded_body())
    return None


def _take_off_cms(content: bytes, identities: Sequence[Identity], limits: Limits) -> tuple[Layer, Entity]:
    info = load_content(content, limits)
    with form_faults():
        kind, body = info["content_type"].dotted, info["content"]
    if kind in (names.ENVELOPED_DATA, names.AUTH_ENVELOPED_DATA):
        found = decrypt(kind, body, identities, limits)
        layer = EncryptedLayer(found.cipher, found.transport, found.fingerprint, found.authenticated)
        return layer, split_entity(found.plain)
    if kind == names.SIGNED_DATA:
        verified = verify(body, None, limits)
        return SignedLayer(verified.signatures), split_entity(verified.payload)
    raise BadInput("cms.content_unsupported", content=kind)


def _take_off_signature(entity: Entity, limits: Limits) -> tuple[Layer, Entity]:
    payload, signature_part = split_signed(entity)
    info = load_content(split_entity(signature_part).decoded_body(), limits)
    with form_faults():
        kind, body = info["content_type"].dotted, info["content"]
    if kind != names.SIGNED_DATA:
        raise BadInput("cms.content_unsupported", content=kind)
    return SignedLayer(_verified(body, payload, limits).signatures), split_entity(payload)


def _verified(body: object, payload: bytes, limits: Limits) -> Verified:
    """Returns the verdict on the payload as it came, or else on its canonical form: a mailbox file may have
    lost the CR of its line ends."""
    first = verify(body, payload, limits)
    if all(one.good for one in first.signatures):
        return first
    canonical = with_crlf(payload)
    return first if canonical == payload else verify(body, canonical, limits)


def _headers(items: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple((name, _readable(str(value))) for name, value in items)


def _readable(value: str) -> str:
    """Returns a header's text without folding and encoded words; as it stands when those are damaged."""
    unfolded = value.replace("\r\n", "").replace("\n", "")
    try:
        return str(make_header(decode_header(unfolded)))
    except (ValueError, LookupError):
        return unfolded


def _differing(outer: Entity, protected: Entity | None) -> tuple[str, ...]:
    """Returns the names of headers that stand inside and say something else, or nothing, outside."""
    if protected is None:
        return ()
    return tuple(
        name
        for name in _COMPARED
        if name in protected.headers
        and _readable(str(protected.headers[name])) != _readable(str(outer.headers.get(name, "")))
    )
