"""The channel forced TLS against a mail server: an ordinary mail, a neutral subject, and a receipt that says
how the connection was."""

from __future__ import annotations

import hashlib
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes

from schemas.errors import ConfigurationError, Transient, Unreachable
from schemas.mail_settings import MaterialMail
from tests.rigs.mail_channels import BOB, DOMAIN, NAME, TITLE, MailBench, document_of, opened, run, send


def taken(bench: MailBench) -> tuple[bytes, Message]:
    """Returns the one mail the server took, as bytes and as read."""
    (mail,) = bench.world.servers[0].mails
    assert mail.under_tls
    assert mail.recipients == (BOB,)
    return mail.content, BytesParser(policy=compat32).parsebytes(mail.content)


def test_the_document_arrives_and_the_subject_says_nothing(bench: MailBench, tmp_path: Path) -> None:
    own = tmp_path / "tekst.txt"
    own.write_text("Kære {navn}\n\n{titel}\n", encoding="utf-8")
    bench.materials["loenseddel"] = MaterialMail(
        from_name="HR",
        reply_to="hr@afsender.example",
        subject="Besked fra HR",
        protected_subject="{titel}",
        language="da",
        text_da=own,
    )
    letter = bench.letter()
    send(bench.tls, letter)
    content, mail = taken(bench)
    assert (mail["Subject"], mail["Reply-To"]) == ("Besked fra HR", "<hr@afsender.example>")
    assert mail.get_payload(0).get_payload(decode=True).decode() == f"Kære {NAME}\r\n\r\n{TITLE}\r\n"
    assert document_of(opened(content)) == letter.documents[0].sha256
    bench.world.assert_nothing_in_the_clear()


def test_the_receipt_says_how_the_connection_was(bench: MailBench) -> None:
    receipt = send(bench.tls, bench.letter())
    server, (content, _) = bench.world.servers[0], taken(bench)
    assert server.identity is not None
    proof = receipt.proof
    assert (proof["protection"], proof["level"], proof["found"]) == ("transport", "verify", "passed")
    assert (proof["mx"], proof["address"]) == (f"mx.{DOMAIN}", server.address)
    assert (proof["tls_version"], proof["tls_cipher"][:4]) == ("TLSv1.3", "TLS_")
    assert proof["peer_certificate_sha256"] == server.identity.certificate.fingerprint(hashes.SHA256()).hex()
    assert proof["payload_sha256"] == hashlib.sha256(content).hexdigest()
    said = " ".join(proof.values())
    assert not any(secret in said for secret in (NAME, TITLE, BOB, bench.letter().recipient.number.digits))


def test_a_mail_that_would_be_too_large_goes_another_way_and_is_not_begun(bench: MailBench) -> None:
    bench.channel["max_mail_bytes"] = 100_000
    with pytest.raises(Unreachable) as caught:
        send(bench.tls, bench.letter(documents=(bench.papers.keep(bytes(90_000)),)))
    assert caught.value.code == "mail.too_large"
    assert bench.world.servers[0].n_data == 0


def test_reaching_tells_a_lasting_no_from_one_that_may_pass(bench: MailBench) -> None:
    server = bench.world.servers[0]
    assert run(bench.tls, lambda tls: tls.reaches(bench.letter())).reached
    server.behaviour.starttls = False
    reach = run(bench.tls, lambda tls: tls.reaches(bench.letter()))
    assert (reach.reached, reach.code) == (False, "starttls.not_offered")
    assert [one["found"] for one in reach.evidence] == ["failed"]
    server.stop()
    with pytest.raises(Transient) as caught:
        run(bench.tls, lambda tls: tls.reaches(bench.letter()))
    assert caught.value.code == "smtp.not_connected"
    told = run(bench.tls, lambda tls: tls.reaches_address(BOB))
    assert (told.reached, [one["found"] for one in told.evidence]) == (False, ["unknown"])
    server.start()


@pytest.mark.parametrize(
    ("channel", "mail", "code"),
    [
        ({"level": "dane"}, {}, "dane.resolver_does_not_validate"),
        ({"level": "dane"}, {"dns_validates": True}, ""),
        ({"level": "sts"}, {"smarthost": {"host": "127.0.0.1:2525"}}, "smarthost.level_not_provable"),
        ({"level": "verify"}, {"smarthost": {"host": "127.0.0.1:2525"}}, ""),
    ],
)
def test_check_sees_whether_a_level_can_be_held_at_all(
    bench: MailBench, channel: dict[str, Any], mail: dict[str, Any], code: str
) -> None:
    bench.channel |= channel
    bench.mail |= mail
    try:
        bench.tls().check()
    except ConfigurationError as error:
        assert error.code == code
    else:
        assert code == ""
