"""`openssl cms` opens what we make and makes what we open, in every form it knows."""

from __future__ import annotations

import base64
from itertools import product

import pytest

from routing.cms.enveloping import ContentCipher
from routing.cms.keys import recipient_key
from routing.mime.assembly import cms_entity, plain_message
from routing.mime.splitting import split_entity
from routing.smime.opening import open_message as opened
from routing.smime.sealing import Profile, SignForm, seal
from schemas.errors import BadInput
from tests.rigs.cms_judges import ECDH, OAEP, JudgeSays, Openssl
from tests.rigs.mail_letters import letter, message_of
from tests.rigs.mail_people import LETTER_AT, MailPeople, issue, make_issuing, make_root

FORMS: tuple[SignForm, ...] = ("detached", "opaque")
ENTITY = b"Content-Type: text/plain\r\n\r\nK\xc3\xa6re Bo\r\n" + b"linje\r\n" * 3000


def _content(message: bytes) -> bytes:
    """Returns the CMS in a message of ours."""
    return base64.b64decode(message.partition(b"\r\n\r\n")[2])


def _message(content: bytes) -> bytes:
    """Puts a CMS made by openssl into a message."""
    return message_of(cms_entity(content, "enveloped-data"))


@pytest.mark.parametrize(
    ("form", "cipher", "who"), list(product(FORMS, ContentCipher, ("sender", "sender_ec")))
)
def test_it_opens_and_verifies_our_mail_to_every_kind_of_recipient(
    openssl: Openssl, people: MailPeople, form: SignForm, cipher: ContentCipher, who: str
) -> None:
    mail = letter()
    recipients = [
        people.bob.recipient,
        recipient_key(people.carol.certificate, oaep=True),
        people.ecbob.recipient,
    ]
    sealed = seal(mail, getattr(people, who).identity, recipients, Profile(form=form, cipher=cipher))
    payload = opened(sealed.message, [people.bob.identity]).entity.raw
    for person in (people.bob, people.carol, people.ecbob):
        inner = openssl.decrypt(sealed.message, person)
        assert openssl.verify(inner, people.root, "-crlfeol" if form == "detached" else "-binary") == payload


def test_it_unwraps_a_tunnel_mail_to_the_byte(openssl: Openssl, people: MailPeople) -> None:
    mail = letter()
    profile = Profile(form="opaque", wrap=True)
    sealed = seal(mail, people.sender.identity, [people.bob.recipient], profile)
    inner = openssl.verify(openssl.decrypt(sealed.message, people.bob), people.root, "-binary")
    assert split_entity(inner).body == plain_message(mail)


def test_a_chain_of_pss_signatures_is_good_to_it(openssl: Openssl, people: MailPeople) -> None:
    root = make_root(pss=True)
    sender = issue(make_issuing(root), "virksomhed@afsender.example")
    sealed = seal(letter(), sender.identity, [people.bob.recipient], Profile(form="opaque"))
    inner = openssl.decrypt(sealed.message, people.bob)
    assert openssl.verify(inner, root, "-binary", "-purpose", "any")
    with pytest.raises(JudgeSays, match="verify error"):
        openssl.verify(inner, people.root, "-binary", "-purpose", "any")


def test_nobody_else_opens_it(openssl: Openssl, people: MailPeople) -> None:
    for cipher in ContentCipher:
        profile = Profile(cipher=cipher)
        sealed = seal(letter(), people.sender.identity, [people.bob.recipient], profile)
        with pytest.raises(JudgeSays):
            openssl.decrypt(sealed.message, people.carol)


def test_it_sees_a_changed_letter_as_we_do(openssl: Openssl, people: MailPeople) -> None:
    profile = Profile(cipher=ContentCipher.GCM)
    message = seal(letter(), people.sender.identity, [people.bob.recipient], profile).message
    content = bytearray(_content(message))
    content[-5000] ^= 1
    with pytest.raises(JudgeSays):
        openssl.decrypt(bytes(content), people.bob, form="DER")
    with pytest.raises(BadInput) as caught:
        opened(_message(bytes(content)), [people.bob.identity])
    assert caught.value.code == "cms.undecryptable"


@pytest.mark.parametrize("cipher", ["-aes128", "-aes192", "-aes256", "-aes-128-gcm", "-aes-256-gcm"])
@pytest.mark.parametrize(
    ("who", "options"),
    [
        ("bob", ()),
        ("bob", ("-keyid",)),
        ("bob", OAEP),
        ("bob", ("-keyopt", "rsa_padding_mode:oaep")),  # its default: SHA-1 as a mask
        ("ecbob", ECDH),
        ("ecbob", ("-keyid",)),  # its default: X9.63 with SHA-1
        ("ecbob", ("-keyopt", "ecdh_kdf_md:sha512", "-aes128-wrap")),
    ],
)
@pytest.mark.parametrize("streamed", [False, True], ids=["der", "stream"])
def test_we_open_what_it_encrypts(
    openssl: Openssl, people: MailPeople, who: str, options: tuple[str, ...], cipher: str, streamed: bool
) -> None:
    person = getattr(people, who)
    form = ("-outform", "DER", *(("-stream",) if streamed else ()))
    content = openssl.encrypt(ENTITY, person, *options, *form, cipher=cipher)
    found = opened(_message(content), [person.identity])
    assert found.entity.raw == ENTITY
    assert found.intact == ("gcm" in cipher)
    assert streamed == (content[1] == 0x80)


def test_we_open_what_it_encrypts_to_several(openssl: Openssl, people: MailPeople) -> None:
    bob, _ = people.bob.files(openssl.folder)
    content = openssl.encrypt(ENTITY, people.ecbob, *ECDH, "-recip", bob, "-outform", "DER")
    for person in (people.bob, people.ecbob):
        assert opened(_message(content), [person.identity]).entity.raw == ENTITY


@pytest.mark.parametrize("who", ["sender", "sender_ec"])
@pytest.mark.parametrize("options", [(), ("-keyid",), ("-noattr",), ("-stream",)], ids=" ".join)
@pytest.mark.parametrize("form", ["opaque", "detached"])
def test_we_verify_what_it_signs(
    openssl: Openssl, people: MailPeople, who: str, options: tuple[str, ...], form: str
) -> None:
    person = getattr(people, who)
    opaque = ("-nodetach",) if form == "opaque" else ()
    signed = openssl.sign(ENTITY, person, "-outform", "SMIME", *opaque, *options)
    found = opened(signed, [])
    assert [one.code for one in found.signatures] == [""]
    assert found.entity.raw == ENTITY
    assert (found.signatures[0].at is None) == ("-noattr" in options)
    altered = opened(signed.replace(b"linje", b"linjE", 1), []) if form == "detached" else None
    if altered:
        assert altered.signatures[0].code in ("cms.content_changed", "cms.signature_bad")
        assert not altered.intact


@pytest.mark.parametrize("salt", ["digest", "32", "max"])
def test_we_verify_its_pss_signatures(openssl: Openssl, people: MailPeople, salt: str) -> None:
    options = ("-keyopt", "rsa_padding_mode:pss", "-keyopt", f"rsa_pss_saltlen:{salt}")
    signed = openssl.sign(ENTITY, people.sender, *options, "-nodetach", "-outform", "SMIME")
    assert [one.code for one in opened(signed, []).signatures] == [""]


def test_we_name_an_outdated_digest_and_a_missing_certificate(openssl: Openssl, people: MailPeople) -> None:
    certificate, key = people.sender.files(openssl.folder)
    words = ("-sign", "-signer", certificate, "-inkey", key, "-nodetach", "-outform", "SMIME")
    old = openssl.run(*words, "-md", "sha1", data=ENTITY)
    assert [one.code for one in opened(old, []).signatures] == ["cms.digest_weak"]
    bare = openssl.run(*words, "-md", "sha256", "-nocerts", data=ENTITY)
    assert [one.code for one in opened(bare, []).signatures] == ["cms.signer_certificate_missing"]


def test_we_take_off_three_layers_of_its_making(openssl: Openssl, people: MailPeople) -> None:
    inner = openssl.sign(ENTITY, people.sender, "-nodetach", "-outform", "SMIME")
    middle = openssl.encrypt(inner, people.bob, "-outform", "SMIME")
    outer = openssl.sign(middle, people.sender_ec, "-outform", "SMIME")
    found = opened(outer, [people.bob.identity])
    assert [type(layer).__name__ for layer in found.layers] == [
        "SignedLayer",
        "EncryptedLayer",
        "SignedLayer",
    ]
    assert [one.certificate for one in found.signatures] == [
        people.sender_ec.certificate,
        people.sender.certificate,
    ]
    assert found.intact
    assert found.entity.raw == ENTITY


def test_compressed_content_and_old_ciphers_are_named(openssl: Openssl, people: MailPeople) -> None:
    old = openssl.encrypt(ENTITY, people.bob, "-outform", "DER", cipher="-des3")
    for content, code in (
        (old, "cms.cipher_unsupported"),
        (openssl.run("-digest_create", "-outform", "DER", data=ENTITY), "cms.content_unsupported"),
    ):
        with pytest.raises(BadInput) as caught:
            opened(_message(content), [people.bob.identity])
        assert caught.value.code == code


def test_the_time_of_signing_is_the_letters(openssl: Openssl, people: MailPeople) -> None:
    sealed = seal(letter(), people.sender.identity, [people.bob.recipient])
    assert [one.at for one in opened(sealed.message, [people.bob.identity]).signatures] == [LETTER_AT]
