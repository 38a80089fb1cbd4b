"""A certificate with anything wrong is told so and never put in use: by the command, as a person meets it."""

from __future__ import annotations

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.rigs.oces import OTHER_CVR, make_oces
from tests.rigs.senders import Desk, OpenDesk, bad_codes

CERTIFICATE = ("--step=sender", "--step=certificate", "--step=settings")


def refused(desk: Desk, **change) -> list[str]:
    """Onboards, sees that nothing was stored or written, and returns the codes of what was wrong."""
    before = desk.path.read_bytes()
    ran = desk.onboard(*CERTIFICATE, *desk.flags(**change))
    assert ran.code == 1, ran.out + ran.err
    assert not (desk.data / "certificates").exists()
    assert desk.path.read_bytes() == before
    return bad_codes(ran.data, "certificate")


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"cvr": OTHER_CVR}, "own_certificate.cvr_differs"),
        ({"days": -1, "since_days": 30}, "tls.certificate_expired"),
        ({"since_days": -1}, "tls.certificate_not_yet_valid"),
        ({"usage": False}, "own_certificate.wrong_key_usage"),
        ({"extended": (ExtendedKeyUsageOID.SERVER_AUTH,)}, "own_certificate.wrong_extended_usage"),
    ],
)
def test_a_wrong_certificate(open_desk: OpenDesk, oces, wrong, code: str):
    assert refused(open_desk(oces.issue(**wrong))) == [code]


def test_a_key_of_another_certificate(open_desk: OpenDesk, oces):
    desk = open_desk()
    pem, key = desk.file("own.pem", desk.issued.pem), desk.file("other.key", oces.issue().key_pem())
    assert refused(desk, p12=None, pem=pem, key=key) == ["tls.key_mismatch"]


def test_a_certificate_without_any_key(open_desk: OpenDesk):
    desk = open_desk()
    assert refused(desk, p12=None, pem=desk.file("own.pem", desk.issued.pem)) == ["own_certificate.no_key"]


def test_a_wrong_password(open_desk: OpenDesk):
    desk = open_desk()
    wrong = desk.file("wrong.txt", b"forkert")
    assert refused(desk, password_file=wrong) == ["own_certificate.p12_password"]
    assert refused(desk, password_file=None) == ["own_certificate.p12_password"]
    assert refused(desk, password_file=desk.folder / "findes-ikke") == ["own_certificate.no_password"]


def test_an_authority_that_is_not_trusted(open_desk: OpenDesk, oces):
    desk = open_desk()
    other = desk.file("other-roots.pem", make_oces(oces.now).roots_pem)
    assert refused(desk, roots=other) == ["own_certificate.unknown_authority"]


def test_files_that_are_none(open_desk: OpenDesk):
    desk = open_desk()
    assert refused(desk, p12=desk.folder / "findes-ikke") == ["own_certificate.file_unreadable"]
    assert refused(desk, p12=desk.file("rubbish", b"rubbish")) == ["own_certificate.p12_unreadable"]
    assert refused(desk, p12=desk.file("large", bytes(1_000_001))) == ["own_certificate.file_too_large"]


def test_a_right_one_after_a_wrong_one(open_desk: OpenDesk):
    desk = open_desk()
    refused(desk, password_file=None)
    ran = desk.onboard(*CERTIFICATE, *desk.flags())
    assert (ran.code, bad_codes(ran.data, "certificate")) == (3, [])
    assert desk.settings.channels["eboks"].certificate.exists()


def test_e_boks_that_does_not_know_the_certificate(open_desk: OpenDesk):
    """The handshake is fine, but the sender system is not bound to this certificate (facts/eboks row 14)."""
    desk = open_desk()
    desk.simulator.guests.clear()
    ran = desk.onboard("--step=sender", "--step=certificate", "--step=connection", *desk.flags())
    assert ran.code == 1
    (check,) = [one for one in ran.data["steps"]["connection"]["checks"] if one["level"] == "bad"]
    assert (check["what"], check["who"]) == ("connection.registration", "eboks")
    assert check["code"] == "eboks.access_denied"


def test_an_unreachable_host_makes_the_exit_code_4(open_desk: OpenDesk):
    desk = open_desk()
    steps = ("--step=sender", "--step=certificate", "--step=connection")
    ran = desk.onboard(*steps, *desk.flags(url="https://127.0.0.1:1"))
    assert (ran.code, bad_codes(ran.data, "connection")) == (4, ["connection.refused"])
