"""The recipient's certificate is expired, revoked, another's, for signing only, too weak or nobody's we
trust: it is not used, and not one byte leaves for the mail server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from routing.certificates.fetching import fetch_over_http
from schemas.errors import Transient, Unreachable
from tests.rigs.mail_channels import BOB, DOMAIN, MailBench, run, send
from tests.rigs.mail_people import LETTER_AT, Person, ec_key, issue, make_root, rsa_key
from tests.rigs.revocation import RevocationService, revocation_list, revocation_service


@pytest.fixture
def service() -> Iterator[RevocationService]:
    with revocation_service() as running:
        yield running


def _only(bench: MailBench, *people: Person) -> None:
    for path in bench.folder.store.iterdir():
        path.unlink()
    bench.folder.put(*people)


def _refused(bench: MailBench) -> str:
    """Returns why neither a question nor a try gets through, after counting the other end."""
    reach = run(bench.smime, lambda one: one.reaches(bench.letter()))
    assert not reach.reached
    with pytest.raises(Unreachable) as caught:
        send(bench.smime, bench.letter())
    assert caught.value.code == reach.code
    assert all(about["code"] for about in reach.evidence)
    assert bench.world.servers[0].talks == []
    return reach.code


def test_what_stands_in_it_is_enough_to_refuse_it(bench: MailBench) -> None:
    root = bench.people.root
    cases = {
        "certificate.expired": issue(root, BOB, ec_key(), days=365),
        "certificate.usage_unfit": issue(root, BOB, ec_key(), usages=("digital_signature",)),
        "certificate.key_unfit": issue(root, BOB, rsa_key(1024)),
        "certificate.untrusted": issue(make_root("Fremmed"), BOB, ec_key()),
    }
    for code, person in cases.items():
        _only(bench, person)
        assert _refused(bench) == code


def test_one_of_another_address_is_not_used_even_when_it_is_found(bench: MailBench) -> None:
    other = issue(bench.people.root, BOB, ec_key())
    _only(bench, other)
    assert run(bench.smime, lambda one: one.reaches(bench.letter())).reached
    letter = bench.letter(to=f"bobby@{DOMAIN}")
    assert run(bench.smime, lambda one: one.reaches(letter)).code == "certificate.none_found"
    with pytest.raises(Unreachable):
        send(bench.smime, letter)
    assert bench.world.servers[0].talks == []


def test_a_revoked_one_is_not_used_and_an_unknown_one_waits(
    bench: MailBench, service: RevocationService
) -> None:
    root = bench.people.root
    bob = issue(root, BOB, ec_key(), extensions=[service.list_at("/root.crl")])
    _only(bench, bob)
    bench.places["fetch"] = fetch_over_http
    with pytest.raises(Transient) as caught:
        run(bench.smime, lambda one: one.reaches(bench.letter()))
    assert caught.value.code == "certificate.revocation_unknown"
    with pytest.raises(Transient):
        send(bench.smime, bench.letter())
    service.bodies["/root.crl"] = revocation_list(root, bob)
    assert _refused(bench) == "certificate.revoked"
    service.bodies["/root.crl"] = revocation_list(root)
    assert send(bench.smime, bench.letter()).proof["revocation"] == "fresh"
    assert len(bench.world.servers[0].mails) == 1


def test_a_good_one_beside_a_bad_one_is_found(bench: MailBench) -> None:
    root = bench.people.root
    good = issue(root, BOB, ec_key(), from_at=LETTER_AT - timedelta(days=300))
    _only(bench, issue(root, BOB, ec_key(), days=365), good, issue(root, BOB, usages=("crl_sign",)))
    receipt = send(bench.smime, bench.letter())
    assert receipt.proof["certificate_sha256"] == good.identity.id.fingerprint
