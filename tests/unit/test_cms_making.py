"""What we sign and encrypt, looked at through another reader: forms, names, attributes, and the
self-check."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime

import pytest
from asn1crypto import cms
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from routing.cms import der, enveloping, names
from routing.cms.content import DEFAULT_LIMITS
from routing.cms.decrypting import decrypt
from routing.cms.enveloping import ContentCipher, encrypt
from routing.cms.keys import recipient_key
from routing.cms.recipients import recipient_info
from routing.cms.self_check import check_envelope
from routing.cms.signing import digest_of, sign
from schemas.errors import BadInput, ConfigurationError
from tests.rigs.mail_people import LETTER_AT, MailPeople, Person

PLAIN = [b"Content-Type: text/plain\r\n\r\n", b"x" * 40_000]


def _signed(person: Person, at: datetime = LETTER_AT, *, detached: bool = False) -> bytes:
    return sign(PLAIN, digest_of(PLAIN), person.identity, at, detached=detached)


@pytest.mark.parametrize("who", ["sender", "sender_ec"])
def test_the_same_payload_key_and_time_give_the_same_signature(people: MailPeople, who: str) -> None:
    person = getattr(people, who)
    assert _signed(person) == _signed(person)
    assert _signed(person) != _signed(person, datetime(2026, 11, 25, 9, 31, tzinfo=UTC))


@pytest.mark.parametrize(("who", "algorithm"), [("sender", names.RSA), ("sender_ec", names.ECDSA_SHA256)])
@pytest.mark.parametrize("detached", [False, True])
def test_a_signature_has_the_usual_form(people: MailPeople, who: str, algorithm: str, detached: bool) -> None:
    info = cms.ContentInfo.load(_signed(getattr(people, who), detached=detached), strict=True)
    assert info["content_type"].native == "signed_data"
    signed = info["content"]
    content = signed["encap_content_info"]["content"].native
    assert content == (None if detached else b"".join(PLAIN))
    (signer,) = signed["signer_infos"]
    assert signer["digest_algorithm"]["algorithm"].native == "sha256"
    assert signer["signature_algorithm"]["algorithm"].dotted == algorithm
    attributes = {one["type"].native: one["values"][0].native for one in signer["signed_attrs"]}
    assert attributes["content_type"] == "data"
    assert attributes["signing_time"] == LETTER_AT
    assert attributes["message_digest"] == digest_of(PLAIN)
    carried = [one.chosen.dump() for one in signed["certificates"]]
    assert sorted(carried) == sorted(getattr(people, who).identity.certificates_der)
    encoded = [one.dump() for one in signer["signed_attrs"]]
    assert encoded == sorted(encoded)


def test_a_time_after_2049_is_written_in_full(people: MailPeople) -> None:
    late = datetime(2050, 1, 1, tzinfo=UTC)
    (signer,) = cms.ContentInfo.load(_signed(people.sender, late))["content"]["signer_infos"]
    times = [one["values"][0] for one in signer["signed_attrs"] if one["type"].native == "signing_time"]
    assert [(one.name, one.native) for one in times] == [("generalized_time", late)]


@pytest.mark.parametrize(
    ("cipher", "kind", "version"),
    [("aes256_cbc", "enveloped_data", 0), ("aes256_gcm", "authenticated_enveloped_data", 0)],
)
def test_an_envelope_to_rsa_has_the_safe_form(
    people: MailPeople, cipher: str, kind: str, version: int
) -> None:
    info = cms.ContentInfo.load(encrypt(PLAIN, [people.bob.recipient], ContentCipher(cipher)), strict=True)
    assert info["content_type"].native == kind
    assert int(info["content"]["version"]) == version
    (recipient,) = info["content"]["recipient_infos"]
    assert recipient.name == "ktri"
    assert recipient.chosen["rid"].name == "issuer_and_serial_number"
    assert recipient.chosen["key_encryption_algorithm"]["algorithm"].dotted == names.RSA


def test_key_agreement_makes_it_version_two(people: MailPeople) -> None:
    info = cms.ContentInfo.load(encrypt(PLAIN, [people.bob.recipient, people.ecbob.recipient]), strict=True)
    assert int(info["content"]["version"]) == 2
    kinds = sorted((one.name, int(one.chosen["version"])) for one in info["content"]["recipient_infos"])
    assert kinds == [("kari", 3), ("ktri", 0)]


def test_asn1crypto_reads_the_names_that_the_self_check_reads(people: MailPeople) -> None:
    cast = [people.bob, people.carol, people.ecbob]
    info = cms.ContentInfo.load(encrypt(PLAIN, [one.recipient for one in cast]), strict=True)
    read = {
        (one.chosen["recipient_encrypted_keys"][0] if one.name == "kari" else one.chosen)["rid"].chosen.dump()
        for one in info["content"]["recipient_infos"]
    }
    assert read == {one.identity.id.issuer_and_serial for one in cast}


def test_the_length_of_a_gcm_tag_is_written_down(people: MailPeople) -> None:
    content = cms.ContentInfo.load(encrypt(PLAIN, [people.bob.recipient], ContentCipher.GCM))["content"]
    algorithm = content["auth_encrypted_content_info"]["content_encryption_algorithm"]
    nonce, length = der.elements_inside(algorithm["parameters"].dump())
    assert (len(nonce), length) == (14, der.integer(16))
    assert len(content["mac"].native) == 16


@pytest.mark.parametrize("cipher", list(ContentCipher))
def test_no_key_and_no_nonce_is_ever_used_twice(people: MailPeople, cipher: ContentCipher) -> None:
    made = [
        cms.ContentInfo.load(encrypt(PLAIN, [people.bob.recipient, people.ecbob.recipient], cipher))[
            "content"
        ]
        for _ in range(5)
    ]
    field = "auth_encrypted_content_info" if cipher is ContentCipher.GCM else "encrypted_content_info"
    nonces = {one[field]["content_encryption_algorithm"]["parameters"].dump() for one in made}
    contents = {one[field]["encrypted_content"].native for one in made}
    infos = {one["recipient_infos"].dump() for one in made}
    assert (len(nonces), len(contents), len(infos)) == (5, 5, 5)


@pytest.mark.parametrize("forged", [False, True])
def test_attributes_that_are_authenticated_with_the_content_are_read(
    people: MailPeople, forged: bool
) -> None:
    """No program at hand writes any (RFC 5083 2.2); what they say counts for the tag."""
    key, nonce = bytes(range(32)), bytes(12)
    kind, said = der.oid(names.CONTENT_TYPE), der.set_of([der.oid(names.DATA)])
    attributes = [der.sequence(kind, said)]
    signed = AESGCM(key).encrypt(nonce, b"hej", der.set_of(attributes))
    algorithm = der.algorithm(names.AES256_GCM, der.sequence(der.octets(nonce), der.integer(16)))
    content = der.sequence(der.oid(names.DATA), algorithm, der.tlv(0x80, signed[:-16]))
    infos = der.set_of([recipient_info(people.bob.recipient, key)])
    written = der.set_of(
        [der.sequence(kind, der.set_of([der.oid(names.SIGNED_DATA)]))] if forged else attributes, 0xA1
    )
    body = der.sequence(der.integer(0), infos, content, written, der.octets(signed[-16:]))
    info = cms.ContentInfo.load(der.sequence(der.oid(names.AUTH_ENVELOPED_DATA), der.context(0, body)))
    with pytest.raises(BadInput) if forged else nullcontext():
        opened = decrypt(names.AUTH_ENVELOPED_DATA, info["content"], [people.bob.identity], DEFAULT_LIMITS)
        assert (opened.plain, opened.authenticated) == (b"hej", True)


def test_an_envelope_needs_a_recipient() -> None:
    with pytest.raises(ValueError, match="recipient"):
        encrypt(PLAIN, [])


def _faulty_part(made: bytes, people: MailPeople, *recipients: Person, authenticated: bool = False) -> str:
    with pytest.raises(ConfigurationError) as caught:
        check_envelope(made, PLAIN, [one.recipient for one in recipients], authenticated=authenticated)
    assert caught.value.code == "cms.self_check"
    return str(caught.value.params["part"])


def test_an_envelope_to_anybody_else_is_not_given_out(people: MailPeople) -> None:
    bob, carol, ecbob = people.bob, people.carol, people.ecbob
    made = encrypt(PLAIN, [bob.recipient, ecbob.recipient])
    check_envelope(made, PLAIN, [ecbob.recipient, bob.recipient], authenticated=False)
    assert _faulty_part(made, people, bob) == "recipients"
    assert _faulty_part(made, people, bob, carol) == "recipients"
    assert _faulty_part(made, people, bob, ecbob, carol) == "recipients"
    assert _faulty_part(made, people, bob, bob, ecbob) == "recipients"
    oaep = encrypt(PLAIN, [recipient_key(bob.certificate, oaep=True)])
    assert _faulty_part(oaep, people, bob) == "recipients"


@pytest.mark.parametrize("cipher", list(ContentCipher))
def test_what_is_made_is_read_again_before_anybody_gets_it(
    people: MailPeople, monkeypatch: pytest.MonkeyPatch, cipher: ContentCipher
) -> None:
    """A fault of ours that no caller can bring about: the content key goes to somebody else."""
    to_carol = people.carol.recipient
    monkeypatch.setattr(enveloping, "recipient_info", lambda _, key: recipient_info(to_carol, key))
    with pytest.raises(ConfigurationError) as caught:
        encrypt(PLAIN, [people.bob.recipient], cipher)
    assert (caught.value.code, caught.value.params["part"]) == ("cms.self_check", "recipients")


def test_an_envelope_of_another_kind_or_a_damaged_one_is_not_given_out(people: MailPeople) -> None:
    made = encrypt(PLAIN, [people.bob.recipient])
    assert _faulty_part(made, people, people.bob, authenticated=True) == "content_type"
    assert _faulty_part(made[:-1], people, people.bob) == "form"
    assert _faulty_part(made + b"\0", people, people.bob) == "form"
    assert _faulty_part(b"", people, people.bob) == "form"
    weaker = made.replace(der.oid(names.AES256_CBC), der.oid(names.AES128_CBC)[:-1] + b"\x06")
    assert _faulty_part(weaker, people, people.bob) == "cipher"


def test_a_content_that_was_not_encrypted_is_not_given_out(people: MailPeople) -> None:
    made = encrypt(PLAIN, [people.bob.recipient])
    content = cms.ContentInfo.load(made)["content"]["encrypted_content_info"]["encrypted_content"].native
    bare = made.replace(content, b"".join(PLAIN).ljust(len(content)))
    assert _faulty_part(bare, people, people.bob) == "plaintext"
