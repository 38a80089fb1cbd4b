"""What the certificate rests on changes between the question and the sending: the directory goes down, a file
leaves the store, our own certificate is renewed. Nothing is sent to a certificate that is not there any more.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from routing.smime.sealing import Profile
from routing.smime.workshop import Order, Workshop
from schemas.errors import Transient, Unreachable
from tests.rigs.mail_channels import BOB, DOMAIN, MailBench, opened, run, send
from tests.rigs.mail_letters import letter
from tests.rigs.mail_people import LETTER_AT, Person, ec_key, issue
from tests.rigs.slapd import Slapd

EVA = f"eva@{DOMAIN}"


def test_a_directory_that_is_down_delays_and_nothing_leaves(bench: MailBench, slapd: Slapd) -> None:
    eva = issue(bench.people.root, EVA, ec_key())
    slapd.publish(EVA, [eva.certificate.public_bytes(Encoding.DER)])
    bench.mail["ldap"] = {"katalog": slapd.directory()}
    letter = bench.letter(to=EVA)
    slapd.stop()
    with pytest.raises(Transient) as caught:
        run(bench.smime, lambda one: one.reaches(letter))
    assert caught.value.code == "certificate.directory_down"
    with pytest.raises(Transient):
        send(bench.smime, letter)
    assert bench.world.servers[0].talks == []
    # Whom the store knows is reached all the same.
    assert send(bench.smime, bench.letter()).proof["certificate_source"] == "store"
    slapd.start()
    assert send(bench.smime, letter).proof["certificate_source"] == "ldap.katalog"
    assert [mail.recipients for mail in bench.world.servers[0].mails] == [(BOB,), (EVA,)]


def test_a_certificate_taken_out_of_the_store_is_not_used_any_more(bench: MailBench) -> None:
    async def work(channel) -> None:
        letter = bench.letter()
        assert (await channel.reaches(letter)).reached
        for path in bench.folder.store.iterdir():
            path.unlink()
        with pytest.raises(Unreachable) as caught:
            await channel.send(letter, channel.message_id(letter.seed))
        assert caught.value.code == "certificate.none_found"
        new = issue(bench.people.root, BOB, ec_key(), from_at=LETTER_AT - timedelta(days=1))
        bench.folder.put(new)
        receipt = await channel.send(letter, channel.message_id(letter.seed))
        assert receipt.proof["certificate_sha256"] == new.identity.id.fingerprint

    run(bench.smime, work)
    assert len(bench.world.servers[0].mails) == 1


def test_our_own_certificate_renewed_in_flight_signs_from_then_on(bench: MailBench) -> None:
    new = issue(bench.people.root, "loen@afsender.example", from_at=LETTER_AT - timedelta(hours=1))
    bench.workshop = Workshop(bench.folder.certificate, bench.folder.key, 1)

    async def work(channel) -> list[str]:
        signers = []
        for number in (1, 2):
            letter = bench.letter(number)
            receipt = await channel.send(letter, channel.message_id(letter.seed))
            signers.append(receipt.proof["signer_sha256"])
            bench.folder.be(new)
        return signers

    try:
        signers = run(bench.smime, work)
    finally:
        bench.workshop.close()
    ours = [bench.people.sender.identity.id.fingerprint, new.identity.id.fingerprint]
    assert signers == ours
    found = [opened(m.content, bench.people.bob.identity) for m in bench.world.servers[0].mails]
    assert [one.signatures[0].fingerprint for one in found] == ours
    # It must not seem to have signed before it was made, though its batch is older.
    assert found[1].signatures[0].at == LETTER_AT - timedelta(hours=1)
    assert found[0].signatures[0].at.isoformat() == "2026-11-24T06:30:00+00:00"


def test_what_was_ordered_for_one_certificate_of_ours_is_not_signed_with_another(bench: MailBench) -> None:
    bob, mail = bench.people.bob, letter()
    workshop = Workshop(bench.folder.certificate, bench.folder.key, 1)

    def order(signer: Person) -> Order:
        der = bob.certificate.public_bytes(Encoding.DER)
        return Order(mail, mail.heading, der, False, Profile(), signer.identity.id.fingerprint)

    async def work() -> str:
        with pytest.raises(Transient) as caught:
            await workshop.seal(order(bench.people.carol))
        sealed = await workshop.seal(order(bench.people.sender))
        assert sealed.fingerprints == (bob.identity.id.fingerprint,)
        return caught.value.code

    try:
        assert asyncio.run(work()) == "smime.workshop_lost"
    finally:
        workshop.close()
