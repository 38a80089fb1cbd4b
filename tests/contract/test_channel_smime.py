"""The channel S/MIME against a mail server: what it sends, what the recipient can open, what the receipt
says."""

from __future__ import annotations

import asyncio
import email
import hashlib
from pathlib import Path

import pytest

from routing.cms.keys import Transport
from routing.smime.opened import EncryptedLayer, SignedLayer
from schemas.errors import CannotTell, ConfigurationError, InDoubt, Refused, Transient, Unreachable
from schemas.mail_settings import MaterialMail
from tests.rigs.mail_channels import (
    BOB,
    DOMAIN,
    NAME,
    TITLE,
    MailBench,
    assert_nothing_readable,
    document_of,
    opened,
    run,
    send,
)
from tests.rigs.mail_people import Person, ec_key, issue


def test_a_letter_arrives_signed_and_encrypted_to_its_recipient_alone(bench: MailBench) -> None:
    letter = bench.letter()
    receipt = send(bench.smime, letter)
    (mail,) = bench.world.servers[0].mails
    assert mail.recipients == (BOB,)
    found = opened(mail.content, bench.people.bob.identity)
    encrypted, signed = found.layers
    assert isinstance(encrypted, EncryptedLayer)
    assert (encrypted.cipher, encrypted.transport) == ("aes256_cbc", Transport.RSA_V15)
    assert isinstance(signed, SignedLayer)
    assert signed.signatures[0].fingerprint == bench.people.sender.identity.id.fingerprint
    assert found.intact
    assert document_of(found) == letter.documents[0].sha256
    assert (
        dict(found.headers)["Message-ID"] == receipt.external_id == f"<{letter.seed}.smime@afsender.example>"
    )
    assert found.outer.headers["Subject"] == "Sikker post"
    assert_nothing_readable(bench.world.servers[0])


def test_the_receipt_says_how_it_was_protected_and_checked(bench: MailBench) -> None:
    receipt = send(bench.smime, bench.letter())
    content = bench.world.servers[0].mails[0].content
    inside = opened(content, bench.people.bob.identity).entity.raw
    assert receipt.proof["protection"] == "end_to_end"
    assert receipt.proof["certificate_sha256"] == bench.people.bob.identity.id.fingerprint
    assert receipt.proof["certificate_source"] == "store"
    assert receipt.proof["revocation"] == "undeclared"
    assert receipt.proof["signer_sha256"] == bench.people.sender.identity.id.fingerprint
    assert receipt.proof["payload_sha256"] == hashlib.sha256(inside).hexdigest()
    assert receipt.proof["mx"] == f"mx.{DOMAIN}"
    assert receipt.proof["tls_version"].startswith("TLSv1.")
    assert receipt.simulated
    assert receipt.final
    said = " ".join(receipt.proof.values())
    for secret in (NAME, TITLE, BOB, bench.letter().recipient.number.digits):
        assert secret not in said


def test_the_same_letter_is_the_same_payload_under_the_same_id(bench: MailBench) -> None:
    first, second = (send(bench.smime, bench.letter()) for _ in range(2))
    assert first.external_id == second.external_id
    assert first.proof["payload_sha256"] == second.proof["payload_sha256"]
    insides = [opened(m.content, bench.people.bob.identity).entity.raw for m in bench.world.servers[0].mails]
    assert insides[0] == insides[1]


@pytest.mark.parametrize("modern", [BOB, DOMAIN])
def test_recipients_known_to_be_modern_get_the_modern_profile(bench: MailBench, modern: str) -> None:
    bench.channel["modern"] = (modern,)
    receipt = send(bench.smime, bench.letter())
    layer = opened(bench.world.servers[0].mails[0].content, bench.people.bob.identity).layers[0]
    assert (layer.cipher, layer.transport) == ("aes256_gcm", Transport.RSA_OAEP)
    assert (receipt.proof["content_cipher"], receipt.proof["key_transport"]) == ("aes256_gcm", "rsa_oaep")


def test_a_p256_certificate_is_reached_by_ecdh(bench: MailBench) -> None:
    send(bench.smime, bench.letter(to=f"ecbob@{DOMAIN}"))
    layer = opened(bench.world.servers[0].mails[0].content, bench.people.ecbob.identity).layers[0]
    assert (layer.cipher, layer.transport) == ("aes256_cbc", Transport.ECDH)


def test_reaching_shows_the_certificate(bench: MailBench) -> None:
    reach = run(bench.smime, lambda one: one.reaches(bench.letter()))
    assert reach.reached
    (about,) = reach.evidence
    assert about["source"] == "store"
    assert about["key"] == "RSA-2048"
    assert about["sha256"] == bench.people.bob.identity.id.fingerprint
    assert about["days_left"] == "635"
    assert bench.world.servers[0].mails == []


@pytest.mark.parametrize(
    ("to", "change", "code"),
    [
        ("", {}, "mail.no_address"),
        ("Bo <bob@modtager.example>", {}, "mail.address_local"),
        ("bob@modtager", {}, "mail.address_domain"),
        ("ingen@modtager.example", {}, "certificate.none_found"),
        (BOB, {"extensions": ("html",)}, "mail.extension_not_carried"),
        (BOB, {"max_bytes": 5}, "mail.documents_too_large"),
    ],
)
def test_who_is_not_reached_is_told_with_a_code(
    bench: MailBench, to: str, change: dict[str, object], code: str
) -> None:
    bench.channel |= change
    letter = bench.letter(to=to)
    reach = run(bench.smime, lambda one: one.reaches(letter))
    assert (reach.reached, reach.code) == (False, code)
    with pytest.raises(Unreachable) as caught:
        send(bench.smime, letter)
    assert caught.value.code == code
    assert bench.world.servers[0].mails == []


def test_a_mail_that_would_be_too_large_goes_another_way(bench: MailBench) -> None:
    bench.channel["max_mail_bytes"] = 100_000
    letter = bench.letter(documents=(bench.papers.keep(bytes(90_000)),))
    with pytest.raises(Unreachable) as caught:
        send(bench.smime, letter)
    assert caught.value.code == "mail.too_large"


def test_a_material_has_its_own_words(bench: MailBench, tmp_path: Path) -> None:
    own = tmp_path / "tekst.txt"
    own.write_text("Kære {navn}\n\n{titel} ({reference}). {titel}\n", encoding="utf-8")
    bench.materials["loenseddel"] = MaterialMail(
        from_name="HR i Testby",
        reply_to="hr@afsender.example",
        subject="Besked fra HR",
        protected_subject="{titel}",
        language="da",
        text_da=own,
    )
    send(bench.smime, bench.letter(reference="{titel}-7"))
    found = opened(bench.world.servers[0].mails[0].content, bench.people.bob.identity)
    headers = dict(found.headers)
    assert headers["From"] == "HR i Testby <loen@afsender.example>"
    assert headers["Reply-To"] == "<hr@afsender.example>"
    assert headers["Subject"] == TITLE
    assert found.outer.headers["Subject"] == "Besked fra HR"
    text = email.message_from_bytes(found.entity.raw).get_payload(0).get_payload(decode=True).decode()
    assert text == f"Kære {NAME}\r\n\r\n{TITLE} ({{titel}}-7). {TITLE}\r\n"
    assert_nothing_readable(bench.world.servers[0])


def test_texts_that_name_what_there_is_not_stop_the_channel(bench: MailBench, tmp_path: Path) -> None:
    own = tmp_path / "tekst.txt"
    own.write_text("Kære {cpr}", encoding="utf-8")
    for mail, code in (
        (MaterialMail(text_da=own), "mail.text_placeholder"),
        (MaterialMail(text_en=tmp_path / "ingen.txt"), "mail.text_unreadable"),
        (MaterialMail(reply_to="hr@afsender"), "mail.our_address_unfit"),
    ):
        bench.materials["loenseddel"] = mail
        with pytest.raises(ConfigurationError) as caught:
            bench.smime()
        assert caught.value.code == code


@pytest.mark.parametrize(("rule", "once_more"), [("hold", False), ("resend_once", True)])
def test_nobody_can_be_asked_what_became_of_a_mail(bench: MailBench, rule: str, once_more: bool) -> None:
    bench.channel["when_in_doubt"] = rule
    with pytest.raises(CannotTell) as caught:
        run(bench.smime, lambda one: one.find("<x@afsender.example>"))
    assert caught.value.send_once_more is once_more


def test_check_is_content_with_a_good_set_up_and_finds_the_last_days(bench: MailBench) -> None:
    channel = bench.smime()
    channel.check()
    assert channel.findings() == []
    for days, level in ((400, 60), (380, 30), (375, 14), (369, 7)):
        bench.folder.be(issue(bench.people.root, "loen@afsender.example", ec_key(), days=days))
        ((code, params),) = bench.smime().findings()
        assert (code, params) == ("certificate.ours_expires_soon", {"days": days - 365, "level": level})
    bench.folder.be(issue(bench.people.root, "en.anden@afsender.example", ec_key()))
    assert bench.smime().findings() == [("certificate.ours_other_address", {})]


def test_what_is_wrong_with_our_own_set_up_is_told(bench: MailBench, tmp_path: Path) -> None:
    people, root = bench.people, bench.people.root
    empty = tmp_path / "tom.pem"
    empty.write_bytes(b"")
    cases: list[tuple[dict[str, object], Person | None, str]] = [
        ({"certificate": None}, None, "certificate.ours_missing"),
        ({"certificate": tmp_path / "ingen.pem"}, None, "certificate.ours_unreadable"),
        ({"key": tmp_path / "ingen.key"}, None, "certificate.key_unreadable"),
        ({"roots": None}, None, "certificate.roots_missing"),
        ({"roots": tmp_path / "ingen.pem"}, None, "certificate.roots_unreadable"),
        ({"roots": empty}, None, "certificate.roots_unreadable"),
        ({"pins": {BOB: empty}}, None, "certificate.pin_unreadable"),
        ({"pins": {"bob@": bench.folder.certificate}}, None, "certificate.pin_unfit"),
        ({}, issue(root, "loen@afsender.example", ec_key(), days=100), "certificate.ours_expired"),
        (
            {},
            issue(root, "loen@afsender.example", ec_key(), usages=("key_agreement",)),
            "certificate.ours_unfit",
        ),
        ({"key": people.bob.files(tmp_path)[1]}, people.sender, "certificate.key_open_to_others"),
    ]
    for change, ours, code in cases:
        bench.mail = change
        bench.folder.be(ours or people.sender)
        with pytest.raises(ConfigurationError) as caught:
            bench.smime().check()
        assert caught.value.code == code
    bench.mail, bench.channel["modern"] = {}, ("enlig",)
    with pytest.raises(ConfigurationError) as caught:
        bench.smime().check()
    assert caught.value.code == "smime.modern_unfit"


def test_several_go_side_by_side(bench: MailBench) -> None:
    bench.channel["per_second"] = 1000.0

    async def work(channel) -> list[str]:
        letters = [bench.letter(number) for number in range(1, 13)]
        receipts = await asyncio.gather(*(channel.send(one, channel.message_id(one.seed)) for one in letters))
        return [receipt.external_id for receipt in receipts]

    ids = run(bench.smime, work)
    assert len(set(ids)) == 12
    held = {document_of(opened(m.content, bench.people.bob.identity)) for m in bench.world.servers[0].mails}
    assert held == {bench.letter(number).documents[0].sha256 for number in range(1, 13)}


def test_the_contract_in_doubt_and_out_of_reach(bench: MailBench) -> None:
    server = bench.world.servers[0]
    server.stop()
    with pytest.raises(Transient):
        send(bench.smime, bench.letter())
    server.start()
    server.behaviour.drops = {"dot"}
    with pytest.raises(InDoubt) as caught:
        send(bench.smime, bench.letter())
    said = f"{caught.value!r} {caught.value}"
    assert BOB not in said and TITLE not in said
    server.behaviour.drops = set()
    server.behaviour.replies = {"rcpt": "550 5.1.1 no such user"}
    with pytest.raises((Unreachable, Refused)):
        send(bench.smime, bench.letter())
    assert_nothing_readable(server)
