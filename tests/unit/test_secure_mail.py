"""A secure mail there and back: every form and every kind of recipient, and whatever is changed on the
way."""

from __future__ import annotations

import base64
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from routing.cms.content import DEFAULT_LIMITS, Limits
from routing.cms.enveloping import ContentCipher, encrypt
from routing.cms.keys import Transport, recipient_key
from routing.cms.signing import digest_of, sign
from routing.mime.assembly import cms_entity, message_around, multipart_signed, open_message
from routing.mime.splitting import split_entity
from routing.smime.opened import EncryptedLayer, SignedLayer, WrappedLayer
from routing.smime.opening import open_message as opened
from routing.smime.sealing import Profile, SignForm, seal
from schemas.errors import BadInput, Refused
from tests.rigs.mail_letters import PDF, SUBJECT, letter
from tests.rigs.mail_people import MailPeople

FORMS: tuple[SignForm, ...] = ("detached", "opaque", "none")
PROFILES = [
    Profile(form=form, cipher=cipher, wrap=wrap)
    for form, cipher, wrap in product(FORMS, ContentCipher, (False, True))
]


def _code(message: bytes, *identities, limits: Limits = DEFAULT_LIMITS) -> str:
    with pytest.raises(BadInput) as caught:
        opened(message, identities, limits)
    return caught.value.code


@pytest.mark.parametrize("profile", PROFILES, ids=lambda one: f"{one.form}-{one.cipher}-{one.wrap}")
def test_every_form_is_opened_again(people: MailPeople, profile: Profile) -> None:
    mail = letter()
    found = opened(
        seal(mail, people.sender.identity, [people.bob.recipient], profile).message, [people.bob.identity]
    )
    kinds = [
        EncryptedLayer,
        *([SignedLayer] if profile.form != "none" else []),
        *([WrappedLayer] * profile.wrap),
    ]
    assert [type(layer) for layer in found.layers] == kinds
    assert [one.code for one in found.signatures] == [""] * (profile.form != "none")
    assert found.intact == (profile.form != "none" or profile.cipher is ContentCipher.GCM)
    assert dict(found.headers)["Subject"] == SUBJECT
    assert found.outer.headers["Subject"] == "Sikker mail"
    assert found.differing == ("Subject",)
    if profile.wrap:
        assert found.entity.raw == open_message(mail)


@pytest.mark.parametrize("cipher", list(ContentCipher))
def test_each_of_several_recipients_opens_it_by_his_own_key(
    people: MailPeople, cipher: ContentCipher
) -> None:
    recipients = [
        people.bob.recipient,
        recipient_key(people.carol.certificate, oaep=True),
        people.ecbob.recipient,
    ]
    message = seal(letter(), people.sender_ec.identity, recipients, Profile(cipher=cipher)).message
    seen = {}
    for person in (people.bob, people.carol, people.ecbob):
        layer, _ = (found := opened(message, [person.identity])).layers
        seen[person.address] = (layer.transport, layer.fingerprint == person.identity.id.fingerprint)
        assert found.signatures[0].fingerprint == people.sender_ec.identity.id.fingerprint
    assert seen == {
        "bob@modtager.example": (Transport.RSA_V15, True),
        "carol@modtager.example": (Transport.RSA_OAEP, True),
        "ecbob@modtager.example": (Transport.ECDH, True),
    }
    assert _code(message, people.stranger.identity) == "cms.not_for_us"
    assert _code(message) == "cms.not_for_us"


def test_an_old_key_still_opens(people: MailPeople) -> None:
    message = seal(letter(), people.sender.identity, [people.bob.recipient]).message
    assert opened(message, [people.carol.identity, people.bob.identity]).intact


def test_a_retry_signs_the_same_bytes_in_a_new_envelope(people: MailPeople) -> None:
    one, other = (seal(letter(), people.sender.identity, [people.bob.recipient]) for _ in range(2))
    assert one.payload_sha256 == other.payload_sha256
    assert one.message != other.message
    insides = [opened(message.message, [people.bob.identity]).entity.raw for message in (one, other)]
    assert insides[0] == insides[1]


def test_what_stands_outside_says_nothing(people: MailPeople) -> None:
    message = seal(letter(), people.sender.identity, [people.bob.recipient]).message
    head = split_entity(message)
    assert "Lønseddel" not in str(head.headers["Subject"])
    plain = base64.b64decode(head.body)
    for secret in (b"kollega", b"november", PDF[:30], SUBJECT.encode()):
        assert secret not in message
        assert secret not in plain
    assert message.isascii()


def test_a_mail_that_is_too_large_is_refused_before_it_is_built(people: MailPeople) -> None:
    for form in ("detached", "opaque"):
        mail, profile = letter(pdf=bytes(500_000)), Profile(form=form)
        size = len(seal(mail, people.sender.identity, [people.bob.recipient], profile).message)
        enough = replace(profile, max_bytes=size + 80_000)
        assert len(seal(mail, people.sender.identity, [people.bob.recipient], enough).message) == size
        with pytest.raises(Refused) as caught:
            seal(mail, people.sender.identity, [people.bob.recipient], replace(profile, max_bytes=size - 1))
        assert caught.value.code == "mail.too_large"


def test_a_changed_header_outside_is_named(people: MailPeople) -> None:
    message = seal(letter(), people.sender.identity, [people.bob.recipient]).message
    forged = message.replace(b"<loen@afsender.example>", b"<chef@afsender.example>", 1)
    assert opened(forged, [people.bob.identity]).differing == ("From", "Subject")


def test_lost_carriage_returns_do_not_break_a_signature(people: MailPeople) -> None:
    mail = letter()
    payload = [open_message(mail)]
    signature = sign(payload, digest_of(payload), people.sender.identity, mail.heading.at, detached=True)
    message = message_around(mail.heading, multipart_signed(payload, signature, b"=_e"))
    assert opened(message.replace(b"\r\n", b"\n"), []).intact
    assert not opened(message.replace(b"kollega", b"kollegb").replace(b"S8OmcmUg", b"S8OmcmUh"), []).intact


def test_layers_bytes_and_names_are_limited(people: MailPeople) -> None:
    bob = people.bob
    entity = [open_message(letter())]
    for _ in range(4):
        entity = cms_entity(encrypt(entity, [bob.recipient]), "enveloped-data")
    message = message_around(letter().heading, entity)
    assert len(opened(message, [bob.identity]).layers) == 4
    assert _code(message, bob.identity, limits=Limits(max_layers=3)) == "cms.too_deep"
    assert _code(message, bob.identity, limits=Limits(max_bytes=1000)) == "cms.too_large"
    two = seal(letter(), people.sender.identity, [bob.recipient, people.carol.recipient]).message
    assert _code(two, bob.identity, limits=Limits(max_recipients=1)) == "cms.too_many_parts"
    assert _code(two, bob.identity, limits=Limits(max_certificates=1)) == "cms.too_many_parts"
    assert _code(two, bob.identity, limits=Limits(max_signers=0)) == "cms.too_many_parts"


def test_an_ordinary_mail_has_no_layers() -> None:
    found = opened(open_message(letter()), [])
    assert found.layers == ()
    assert not found.intact
    assert not found.encrypted


def _flipped(message: bytes, place: float, bit: int) -> bytes:
    """Flips one bit of the CMS inside a message and writes the message anew."""
    head, _, body = message.partition(b"\r\n\r\n")
    content = bytearray(base64.b64decode(body))
    content[min(int(place * len(content)), len(content) - 1)] ^= 1 << bit
    return head + b"\r\n\r\n" + base64.encodebytes(bytes(content))


@pytest.fixture(scope="module")
def by_cipher(people: MailPeople) -> dict[str, bytes]:
    mail = letter(pdf=PDF[:400])
    kinds: list[tuple[ContentCipher, str, SignForm]] = [
        (ContentCipher.CBC, "bob", "opaque"),
        (ContentCipher.GCM, "bob", "none"),
        (ContentCipher.GCM, "ecbob", "none"),
    ]
    return {
        f"{cipher}-{who}": seal(
            mail, people.sender.identity, [getattr(people, who).recipient], Profile(form=form, cipher=cipher)
        ).message
        for cipher, who, form in kinds
    }


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    place=st.floats(0, 1),
    bit=st.integers(0, 7),
    which=st.sampled_from(["aes256_cbc-bob", "aes256_gcm-bob", "aes256_gcm-ecbob"]),
)
def test_a_flipped_bit_never_goes_through_as_intact(
    people: MailPeople, by_cipher: dict[str, bytes], place: float, bit: int, which: str
) -> None:
    message = by_cipher[which]
    whom = [people.bob.identity, people.ecbob.identity]
    wanted = opened(message, whom)
    try:
        found = opened(_flipped(message, place, bit), whom)
    except BadInput as error:
        assert error.code.split(".")[0] in ("cms", "mail")
        return
    # A bit that carries nothing (a version, a tag's class) may change; then the content is the very same.
    if found.intact:
        assert found.entity.raw == wanted.entity.raw
