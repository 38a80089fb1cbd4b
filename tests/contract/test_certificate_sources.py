"""Where a certificate comes from: pins bind, the store reads every usual file, and the newest good one is
taken."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from routing.certificates.chains import Trust
from routing.certificates.files import read_certificates
from routing.certificates.judging import Judge
from routing.certificates.sources import Choice, LocalStore, Pins, choose
from routing.mime.addresses import parse_address
from schemas.errors import BadInput
from tests.rigs.mail_people import LETTER_AT, MailPeople, Person, ec_key, issue

BO = "bo@example.dk"


def _choose(people: MailPeople, pins: Pins, *sources, address: str = BO) -> Choice:
    judge = Judge(Trust((people.root.certificate,)), None, "off", lambda: LETTER_AT)
    return asyncio.run(choose(parse_address(address), pins, sources, judge))


def _pem(person: Person) -> bytes:
    return person.certificate.public_bytes(Encoding.PEM)


def test_the_store_reads_pem_der_and_pkcs7_and_counts_what_is_none(
    people: MailPeople, tmp_path: Path
) -> None:
    names = [f"p{n}@example.dk" for n in range(6)]
    cast = [issue(people.root, name, ec_key()) for name in names]
    (tmp_path / "a.pem").write_bytes(_pem(cast[0]) + _pem(cast[1]))
    (tmp_path / "b.cer").write_bytes(cast[2].certificate.public_bytes(Encoding.DER))
    both = [cast[3].certificate, people.root.certificate]
    (tmp_path / "c.p7b").write_bytes(pkcs7.serialize_certificates(both, Encoding.DER))
    (tmp_path / "d.p7c").write_bytes(pkcs7.serialize_certificates([cast[4].certificate], Encoding.PEM))
    (tmp_path / "e.pem").write_bytes(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    (tmp_path / "f.crt").write_bytes(b"")
    (tmp_path / "notes.txt").write_bytes(_pem(cast[5]))
    store = LocalStore(tmp_path)
    found = [len(asyncio.run(store.find(parse_address(name)))) for name in names]
    assert found == [1, 1, 1, 1, 1, 0]
    assert store.n_unreadable == 2
    assert LocalStore(tmp_path / "absent").n_unreadable == 0


def test_the_newest_good_one_is_taken_and_the_others_keep_their_reasons(
    people: MailPeople, tmp_path: Path
) -> None:
    old = issue(people.root, BO, ec_key(), from_at=LETTER_AT - timedelta(days=800), days=2000)
    new = issue(people.root, BO, ec_key(), from_at=LETTER_AT - timedelta(days=10))
    newest = issue(
        people.root, BO, ec_key(), from_at=LETTER_AT - timedelta(days=5), usages=("digital_signature",)
    )
    (tmp_path / "all.pem").write_bytes(_pem(old) + _pem(newest) + _pem(new))
    choice = _choose(people, Pins({}), LocalStore(tmp_path))
    assert choice.chosen.certificate == new.certificate
    assert choice.source == "store"
    assert [(where, one.refusal.code) for where, one in choice.refused] == [
        ("store", "certificate.usage_unfit")
    ]


def test_a_pin_binds_and_nothing_gets_round_it(people: MailPeople, tmp_path: Path) -> None:
    (tmp_path / "bo.pem").write_bytes(_pem(issue(people.root, BO, ec_key())))
    store = LocalStore(tmp_path)
    pinned = issue(people.root, "gateway@example.dk", ec_key())
    for key in (BO, "example.dk"):
        choice = _choose(people, Pins({key: [pinned.certificate]}), store)
        assert (choice.source, choice.chosen.certificate) == ("pins", pinned.certificate)
    dead = issue(people.root, BO, ec_key(), days=10)
    choice = _choose(people, Pins({BO: [dead.certificate]}), store)
    assert choice.chosen is None
    assert [one.refusal.code for _, one in choice.refused] == ["certificate.expired"]
    assert _choose(people, Pins({"andet.dk": [dead.certificate]}), store).chosen is not None


def test_sources_are_asked_in_order_until_one_has_a_good_one(people: MailPeople, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder, days in ((first, 10), (second, 1000)):
        folder.mkdir()
        (folder / "bo.pem").write_bytes(_pem(issue(people.root, BO, ec_key(), days=days)))
    choice = _choose(people, Pins({}), LocalStore(first), LocalStore(second))
    assert choice.chosen is not None
    assert [one.refusal.code for _, one in choice.refused] == ["certificate.expired"]
    none = _choose(people, Pins({}), LocalStore(first), LocalStore(second), address="eva@example.dk")
    assert (none.chosen, none.refused) == (None, ())


@pytest.mark.parametrize("content", [b"", b"noise", b"-----BEGIN NOTHING-----\n", b"\x30\x00"])
def test_a_file_that_holds_none_is_named(content: bytes) -> None:
    with pytest.raises(BadInput) as caught:
        read_certificates(content)
    assert caught.value.code == "certificate.file_unreadable"
