"""`gpgsm` opens what we make in the safe profile, and we open its BER. It knows no OAEP, GCM or ECDH
(facts)."""

from __future__ import annotations

import base64

import pytest

from routing.cms.enveloping import ContentCipher
from routing.cms.keys import recipient_key
from routing.mime.assembly import cms_entity, multipart_signed
from routing.mime.splitting import split_entity, split_signed
from routing.smime.opening import open_message as opened
from routing.smime.sealing import Profile, seal
from tests.rigs.cms_judges import Gpgsm, JudgeSays
from tests.rigs.mail_letters import letter, message_of
from tests.rigs.mail_people import MailPeople

ENTITY = b"Content-Type: text/plain\r\n\r\nK\xc3\xa6re Bo\r\n" + b"linje\r\n" * 3000


def _content(message: bytes) -> bytes:
    return base64.b64decode(message.partition(b"\r\n\r\n")[2])


def test_it_decrypts_the_safe_profile_and_verifies_what_is_inside(gpgsm: Gpgsm, people: MailPeople) -> None:
    recipients = [people.bob.recipient, people.carol.recipient]
    message = seal(letter(), people.sender.identity, recipients).message
    inner = gpgsm.decrypt(_content(message))
    payload, signature = split_signed(split_entity(inner))
    assert gpgsm.verify(split_entity(signature).decoded_body(), payload) == b""
    assert payload == opened(message, [people.bob.identity]).entity.raw
    with pytest.raises(JudgeSays, match="invalid signature"):
        gpgsm.verify(split_entity(signature).decoded_body(), payload + b"x")


def test_it_verifies_an_opaque_signature(gpgsm: Gpgsm, people: MailPeople) -> None:
    message = seal(letter(), people.sender.identity, [people.bob.recipient], Profile(form="opaque")).message
    inner = split_entity(gpgsm.decrypt(_content(message)))
    assert gpgsm.verify(inner.decoded_body()) == opened(message, [people.bob.identity]).entity.raw


@pytest.mark.parametrize("profile", ["oaep", "gcm"])
def test_what_the_facts_say_it_can_not_read_it_does_not(
    gpgsm: Gpgsm, people: MailPeople, profile: str
) -> None:
    recipient = recipient_key(people.bob.certificate, oaep=profile == "oaep")
    cipher = ContentCipher.GCM if profile == "gcm" else ContentCipher.CBC
    message = seal(letter(), people.sender.identity, [recipient], Profile(cipher=cipher)).message
    with pytest.raises(JudgeSays):
        gpgsm.decrypt(_content(message))


def test_we_open_its_indefinite_lengths(gpgsm: Gpgsm, people: MailPeople) -> None:
    content = gpgsm.encrypt(ENTITY, people.bob, people.carol)
    assert content[1] == 0x80
    for person in (people.bob, people.carol):
        message = message_of(cms_entity(content, "enveloped-data"))
        found = opened(message, [person.identity])
        assert found.entity.raw == ENTITY
        assert not found.intact


@pytest.mark.parametrize("detached", [False, True])
def test_we_verify_its_signatures(gpgsm: Gpgsm, people: MailPeople, detached: bool) -> None:
    signed = gpgsm.sign(ENTITY, people.sender, *(["--detach-sign"] if detached else []))
    if detached:
        message = message_of(*multipart_signed([ENTITY], signed, b"=_e"))
    else:
        message = message_of(cms_entity(signed, "signed-data"))
    found = opened(message, [])
    assert [one.code for one in found.signatures] == [""]
    assert found.signatures[0].certificate == people.sender.certificate
    assert found.entity.raw == ENTITY
