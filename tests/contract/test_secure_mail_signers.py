"""Who signed a message: the signature, the certificate and the address must all fit before he is trusted."""

from __future__ import annotations

import asyncio

from routing.certificates.chains import Trust
from routing.certificates.judging import Judge
from routing.cms.signing import digest_of, sign
from routing.mime.assembly import cms_entity, multipart_signed, plain_message
from routing.smime.opening import open_message as opened
from routing.smime.sealing import Profile, seal
from routing.smime.trust import Signer, judge_signers
from tests.rigs.mail_letters import letter, mailbox, message_of, with_heading
from tests.rigs.mail_people import LETTER_AT, Authority, MailPeople, Person, issue, make_issuing, make_root


def _signers(message: bytes, root: Authority, *people: Person, bound: bool = False) -> tuple[Signer, ...]:
    judge = Judge(Trust((root.certificate,)), None, "off", lambda: LETTER_AT)
    found = opened(message, [one.identity for one in people])
    return asyncio.run(judge_signers(found, judge, bound=bound))


def test_the_sender_is_trusted_by_his_own_certificate(people: MailPeople) -> None:
    message = seal(letter(), people.sender.identity, [people.bob.recipient]).message
    (signer,) = _signers(message, people.root, people.bob)
    assert signer.trusted
    assert signer.code == ""
    assert signer.verdict.fingerprint == people.sender.identity.id.fingerprint


def test_the_chain_may_come_along(people: MailPeople) -> None:
    root = make_root(pss=True)
    sender = issue(make_issuing(root), "loen@afsender.example")
    message = seal(letter(), sender.identity, [people.bob.recipient], Profile(form="opaque")).message
    assert [one.trusted for one in _signers(message, root, people.bob)] == [True]


def test_a_stranger_is_not_trusted_though_his_signature_is_good(people: MailPeople) -> None:
    message = seal(letter(), people.stranger.identity, [people.bob.recipient]).message
    (signer,) = _signers(message, people.root, people.bob, bound=True)
    assert (signer.signature.good, signer.trusted, signer.code) == (True, False, "certificate.untrusted")


def test_a_good_certificate_of_somebody_else_is_not_the_senders(people: MailPeople) -> None:
    message = seal(letter(), people.carol.identity, [people.bob.recipient]).message
    assert [one.code for one in _signers(message, people.root, people.bob)] == [
        "certificate.address_mismatch"
    ]
    assert [one.trusted for one in _signers(message, people.root, people.bob, bound=True)] == [True]


def test_the_protected_sender_counts_and_not_the_one_outside(people: MailPeople) -> None:
    mail = letter()
    forged = with_heading(mail, sender=mailbox("chef@afsender.example")).heading
    message = seal(mail, people.sender.identity, [people.bob.recipient], outer=forged).message
    assert [one.trusted for one in _signers(message, people.root, people.bob)] == [True]
    wrong = with_heading(mail, sender=mailbox("chef@afsender.example"))
    message = seal(wrong, people.sender.identity, [people.bob.recipient], outer=mail.heading).message
    assert [one.code for one in _signers(message, people.root, people.bob)] == [
        "certificate.address_mismatch"
    ]


def test_a_message_from_two_people_is_from_nobody(people: MailPeople) -> None:
    """Which of the two a program shows is its own affair."""
    for other in (b"From: chef@afsender.example\r\n", b"FROM: <loen@afsender.example>\r\n"):
        whole = plain_message(letter())
        for payload in ([other + whole], [whole.replace(b"To: ", other + b"To: ", 1)]):
            signed = sign(payload, digest_of(payload), people.sender.identity, LETTER_AT)
            (signer,) = _signers(message_of(cms_entity(signed, "signed-data")), people.root)
            assert (signer.signature.good, signer.trusted) == (True, False)


def test_a_changed_letter_has_no_trusted_signer(people: MailPeople) -> None:
    payload = [plain_message(letter())]
    signature = sign(payload, digest_of(payload), people.sender.identity, LETTER_AT, detached=True)
    altered = [payload[0].replace(b"Content-Language: da", b"Content-Language: de")]
    message = message_of(*multipart_signed(altered, signature, b"=_e"))
    (signer,) = _signers(message, people.root)
    assert (signer.trusted, signer.verdict, signer.code) == (False, None, "cms.content_changed")


def test_expired_since_is_told(people: MailPeople) -> None:
    sender = issue(people.root, "loen@afsender.example", days=100)
    payload = [plain_message(letter())]
    message = message_of(
        cms_entity(sign(payload, digest_of(payload), sender.identity, LETTER_AT), "signed-data")
    )
    assert [one.code for one in _signers(message, people.root)] == ["certificate.expired"]
