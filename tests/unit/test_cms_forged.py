"""Messages that no honest program writes: what would deceive a reader is refused, each by its own reason."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from routing.cms import der, names
from routing.cms.content import DEFAULT_LIMITS, load_content
from routing.cms.decrypting import Decrypted, decrypt
from routing.cms.recipients import recipient_info
from routing.cms.signing import digest_of
from routing.cms.verifying import verify
from schemas.errors import BadInput
from tests.rigs.mail_people import MailPeople

KEY, NONCE = bytes(range(32)), bytes(12)
PLAIN = b"Content-Type: text/plain\r\n\r\nhej"


def opened(people: MailPeople, kind: str, *parts: bytes) -> Decrypted:
    """Opens an envelope of these parts, whose content key Bob is given honestly."""
    infos = der.set_of([recipient_info(people.bob.recipient, KEY)])
    body = der.sequence(der.integer(0), infos, *parts)
    info = load_content(der.sequence(der.oid(kind), der.context(0, body)), DEFAULT_LIMITS)
    return decrypt(kind, info["content"], [people.bob.identity], DEFAULT_LIMITS)


@pytest.mark.parametrize("n_tag", [16, 12, 11, 4, 0])
def test_a_tag_that_could_be_guessed_is_none(people: MailPeople, n_tag: int) -> None:
    sealed = AESGCM(KEY).encrypt(NONCE, PLAIN, None)
    cipher = der.algorithm(names.AES256_GCM, der.sequence(der.octets(NONCE), der.integer(n_tag)))
    content = der.sequence(der.oid(names.DATA), cipher, der.tlv(0x80, sealed[:-16]))
    parts = content, der.octets(sealed[-16:][:n_tag])
    if n_tag >= 12:
        assert opened(people, names.AUTH_ENVELOPED_DATA, *parts).plain == PLAIN
        return
    with pytest.raises(BadInput) as caught:
        opened(people, names.AUTH_ENVELOPED_DATA, *parts)
    assert caught.value.code == "cms.undecryptable"


def test_a_tag_of_another_length_than_is_written_down_is_none(people: MailPeople) -> None:
    sealed = AESGCM(KEY).encrypt(NONCE, PLAIN, None)
    cipher = der.algorithm(names.AES256_GCM, der.sequence(der.octets(NONCE)))  # so it is 12: RFC 5084 3.2
    content = der.sequence(der.oid(names.DATA), cipher, der.tlv(0x80, sealed[:-16]))
    assert opened(people, names.AUTH_ENVELOPED_DATA, content, der.octets(sealed[-16:-4])).plain
    with pytest.raises(BadInput):
        opened(people, names.AUTH_ENVELOPED_DATA, content, der.octets(sealed[-16:]))


@pytest.mark.parametrize(
    "end",
    [b"\x00" * 16, b"\x11" * 16, b"\x01" * 13 + b"\x02\x03\x03", b"x" * 15 + b"\xff"],
    ids=["none", "too long", "uneven", "nonsense"],
)
def test_a_padding_that_is_none_is_not_cut_off(people: MailPeople, end: bytes) -> None:
    padded = PLAIN + b" " * (-len(PLAIN) % 16)
    assert cbc(people, padded + b"\x10" * 16) == padded
    with pytest.raises(BadInput) as caught:
        cbc(people, padded + end)
    assert caught.value.code == "cms.undecryptable"


def cbc(people: MailPeople, padded: bytes) -> bytes:
    """Returns what Bob reads of a content that was padded beforehand."""
    iv = bytes(16)
    encryptor = Cipher(algorithms.AES(KEY), modes.CBC(iv)).encryptor()
    sealed = encryptor.update(padded) + encryptor.finalize()
    cipher = der.algorithm(names.AES256_CBC, der.octets(iv))
    content = der.sequence(der.oid(names.DATA), cipher, der.tlv(0x80, sealed))
    return opened(people, names.ENVELOPED_DATA, content).plain


def attribute(kind: str, *values: bytes) -> bytes:
    return der.sequence(der.oid(kind), der.set_of(values))


DATA = attribute(names.CONTENT_TYPE, der.oid(names.DATA))
DIGEST = attribute(names.MESSAGE_DIGEST, der.octets(digest_of([PLAIN])))
OTHER_DIGEST = der.octets(digest_of([b"another"]))


def code_of(
    people: MailPeople, attributes: Sequence[bytes], payload: bytes = PLAIN, content_type: str = names.DATA
) -> str:
    """Returns what is wrong with a signature that is good over what stands in these attributes."""
    who = people.sender_ec.identity
    assert isinstance(who.key, ec.EllipticCurvePrivateKey)
    signed = der.set_of(attributes) if attributes else payload
    info = der.sequence(
        der.integer(1),
        who.id.issuer_and_serial,
        der.algorithm(names.SHA256),
        *([der.set_of(attributes, 0xA0)] if attributes else []),
        der.algorithm(names.ECDSA_SHA256),
        der.octets(who.key.sign(signed, ec.ECDSA(hashes.SHA256()))),
    )
    body = der.sequence(
        der.integer(1),
        der.set_of([der.algorithm(names.SHA256)]),
        der.sequence(der.oid(content_type), der.context(0, der.octets(payload))),
        der.set_of(who.certificates_der, 0xA0),
        der.set_of([info]),
    )
    message = load_content(der.sequence(der.oid(names.SIGNED_DATA), der.context(0, body)), DEFAULT_LIMITS)
    (signature,) = verify(message["content"], None, DEFAULT_LIMITS).signatures
    return signature.code


@pytest.mark.parametrize(
    ("attributes", "code"),
    [
        ([DATA, DIGEST], ""),
        ([], ""),
        ([DIGEST], "cms.content_changed"),
        ([DATA], "cms.content_changed"),
        ([attribute(names.CONTENT_TYPE, der.oid(names.SIGNED_DATA)), DIGEST], "cms.content_changed"),
        ([DATA, attribute(names.MESSAGE_DIGEST, OTHER_DIGEST)], "cms.content_changed"),
        (
            [DATA, attribute(names.MESSAGE_DIGEST, der.octets(digest_of([PLAIN])), OTHER_DIGEST)],
            "cms.content_changed",
        ),
        ([DATA, DIGEST, attribute(names.MESSAGE_DIGEST, OTHER_DIGEST)], "cms.signature_bad"),
        ([DATA, attribute(names.MESSAGE_DIGEST, OTHER_DIGEST), DIGEST], "cms.signature_bad"),
    ],
)
def test_signed_attributes_must_be_about_this_content_once(
    people: MailPeople, attributes: list[bytes], code: str
) -> None:
    assert code_of(people, attributes) == code


def test_a_signature_over_attributes_is_none_over_their_bytes_as_content(people: MailPeople) -> None:
    """RFC 5652 5.3: without attributes only plain data is signed, or one could stand for the other."""
    assert code_of(people, [], der.set_of([DATA, DIGEST]), "1.3.6.1.4.1.99999.1") == "cms.signature_bad"
