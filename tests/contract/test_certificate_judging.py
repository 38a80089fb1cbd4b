"""Certificates are judged to the end: chains of every kind, and revocation by real lists and answers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509 import ocsp

from routing.certificates.chains import Trust
from routing.certificates.fetching import fetch_over_http
from routing.certificates.judging import Judge, RevocationRule
from routing.certificates.revocation import MAX_AGE, RETRY, Revocation
from routing.certificates.verdicts import Purpose, RevocationState, Verdict
from routing.cms.keys import CertificateId, Identity
from routing.mime.addresses import parse_address
from tests.rigs.mail_people import (
    LETTER_AT,
    Authority,
    MailPeople,
    Person,
    ec_key,
    issue,
    make_issuing,
    make_root,
)
from tests.rigs.revocation import RevocationService, ocsp_answer, revocation_list, revocation_service

BO = "bo@example.dk"


@pytest.fixture
def service() -> Iterator[RevocationService]:
    with revocation_service() as running:
        yield running


class Bench:
    """A judge over one root, with a clock that a test may put forward."""

    def __init__(
        self,
        root: Authority,
        rule: RevocationRule = "declared",
        folder: Path | None = None,
        grace_days: int = 0,
    ) -> None:
        self.at = LETTER_AT
        asking = Revocation(fetch_over_http, lambda: self.at, folder, timedelta(days=grace_days))
        self._judge = Judge(Trust((root.certificate,)), asking, rule, lambda: self.at)

    def judge(self, person: Person, **more) -> Verdict:
        chain = person.identity.chain
        return asyncio.run(
            self._judge.judge(person.certificate, parse_address(person.address), others=chain, **more)
        )

    def code(self, person: Person, **more) -> str:
        refusal = self.judge(person, **more).refusal
        return refusal.code if refusal else ""

    def wait(self, later: timedelta) -> None:
        self.at += later


def _person(authority: Authority, *extensions: x509.ExtensionType) -> Person:
    return issue(authority, BO, ec_key(), extensions=extensions)


@pytest.mark.parametrize("pss", [False, True], ids=["ecdsa", "pss-like-oces3"])
def test_a_chain_of_three_is_built_to_its_root(pss: bool) -> None:
    root = make_root(pss=pss)
    person = _person(make_issuing(root))
    verdict = Bench(root).judge(person)
    assert verdict.usable
    assert verdict.revocation is RevocationState.UNDECLARED
    assert verdict.fingerprint == person.identity.id.fingerprint
    assert verdict.days_left == 635
    assert Bench(make_root("Another", pss=pss)).code(person) == "certificate.untrusted"


def test_a_chain_without_its_middle_is_not_guessed() -> None:
    root = make_root()
    person = _person(make_issuing(root))
    alone = Person(person.address, Identity(person.identity.id, person.identity.key))
    assert Bench(root).code(alone) == "certificate.untrusted"


def test_a_person_can_not_issue_certificates(people: MailPeople) -> None:
    false_authority = Authority(people.bob.certificate, people.bob.identity.key, (people.root.certificate,))
    assert Bench(people.root).code(_person(false_authority)) == "certificate.untrusted"


def test_the_purpose_and_the_address_are_asked_for(people: MailPeople) -> None:
    bench = Bench(people.root)
    person = issue(people.root, BO, ec_key(), usages=("digital_signature",))
    assert bench.code(person) == "certificate.usage_unfit"
    assert bench.code(person, purpose=Purpose.SIGN) == ""
    assert (
        bench.code(Person("eva@example.dk", person.identity), purpose=Purpose.SIGN)
        == "certificate.address_mismatch"
    )


def test_nothing_is_fetched_for_a_certificate_that_no_root_vouches_for(service: RevocationService) -> None:
    person = _person(make_root("Somebody"), service.list_at("/list"))
    assert Bench(make_root()).code(person) == "certificate.untrusted"
    assert service.asked == []


@pytest.mark.parametrize("kind", ["list", "ocsp"])
def test_a_revoked_certificate_is_refused_with_its_date(service: RevocationService, kind: str) -> None:
    root = make_root()
    pointer = service.list_at("/asked") if kind == "list" else service.responder_at("/asked")
    person = _person(root, pointer)
    good = revocation_list(root) if kind == "list" else ocsp_answer(root, person)
    service.bodies["/asked"] = good
    assert Bench(root).judge(person).revocation is RevocationState.FRESH
    if kind == "list":
        service.bodies["/asked"] = revocation_list(root, person)
    else:
        service.bodies["/asked"] = ocsp_answer(root, person, ocsp.OCSPCertStatus.REVOKED)
    refusal = Bench(root).judge(person).refusal
    assert (refusal.code, dict(refusal.params)) == ("certificate.revoked", {"since": "2026-11-24"})


def test_a_revoked_authority_takes_everybody_with_it(service: RevocationService) -> None:
    root = make_root()
    middle = make_issuing(root, extensions=[service.list_at("/root")])
    person = _person(middle, service.list_at("/middle"))
    service.bodies["/middle"] = revocation_list(middle)
    service.bodies["/root"] = revocation_list(root)
    assert Bench(root).code(person) == ""
    service.bodies["/root"] = revocation_list(root, _as_person(middle))
    assert Bench(root).code(person) == "certificate.revoked"


def _as_person(authority: Authority) -> Person:
    return Person("", Identity(CertificateId(authority.certificate), authority.key))


def test_a_list_is_asked_for_once_while_it_holds_and_then_again(
    service: RevocationService, tmp_path: Path
) -> None:
    root = make_root()
    person = _person(root, service.list_at("/list"))
    service.bodies["/list"] = revocation_list(root)
    bench = Bench(root, folder=tmp_path / "kept")
    for _ in range(3):
        assert bench.code(person) == ""
    assert len(service.asked) == 1
    assert Bench(root, folder=tmp_path / "kept").code(person) == ""  # another process
    assert len(service.asked) == 1
    bench.wait(MAX_AGE + timedelta(minutes=1))
    assert bench.code(person) == ""
    assert len(service.asked) == 2


def test_many_at_once_ask_once(service: RevocationService) -> None:
    root = make_root()
    people = [
        issue(root, f"p{n}@example.dk", ec_key(), extensions=[service.list_at("/list")]) for n in range(10)
    ]
    service.bodies["/list"] = revocation_list(root, people[3])
    asking = Revocation(fetch_over_http, lambda: LETTER_AT)
    judge = Judge(Trust((root.certificate,)), asking, "declared", lambda: LETTER_AT)

    async def all_at_once() -> list[Verdict]:
        return await asyncio.gather(
            *(judge.judge(one.certificate, parse_address(one.address)) for one in people)
        )

    assert [one.usable for one in asyncio.run(all_at_once())] == [n != 3 for n in range(10)]
    assert len(service.asked) == 1


def test_a_service_that_is_down_closes_the_way_and_is_left_alone(service: RevocationService) -> None:
    root = make_root()
    person = _person(root, service.list_at("/list"))
    service.down = True
    bench = Bench(root)
    for _ in range(3):
        assert bench.code(person) == "certificate.revocation_unknown"
    assert len(service.asked) == 1
    service.down = False
    service.bodies["/list"] = revocation_list(root)
    bench.wait(RETRY + timedelta(seconds=1))
    assert bench.code(person) == ""


def test_a_list_past_its_end_is_good_for_the_grace_period_and_no_longer(service: RevocationService) -> None:
    root = make_root()
    person = _person(root, service.list_at("/list"))
    service.bodies["/list"] = revocation_list(root, days=1)
    strict, lenient = Bench(root), Bench(root, grace_days=3)
    for bench in (strict, lenient):
        assert bench.judge(person).revocation is RevocationState.FRESH
        bench.wait(timedelta(days=2))
    service.down = True
    assert strict.code(person) == "certificate.revocation_unknown"
    assert lenient.judge(person).revocation is RevocationState.GRACE
    lenient.wait(timedelta(days=2))
    assert lenient.code(person) == "certificate.revocation_unknown"


def test_grace_never_forgives_a_revocation(service: RevocationService) -> None:
    root = make_root()
    person = _person(root, service.list_at("/list"))
    service.bodies["/list"] = revocation_list(root, person, days=1)
    bench = Bench(root, grace_days=3)
    assert bench.code(person) == "certificate.revoked"
    bench.wait(timedelta(days=2))
    service.down = True
    assert bench.code(person) == "certificate.revoked"


def test_an_old_list_handed_out_again_does_not_replace_a_younger_one(service: RevocationService) -> None:
    root = make_root()
    person = _person(root, service.list_at("/list"))
    service.bodies["/list"] = revocation_list(root, person)
    bench = Bench(root)
    assert bench.code(person) == "certificate.revoked"
    service.bodies["/list"] = revocation_list(root, at=LETTER_AT - timedelta(days=3), days=30)
    bench.wait(MAX_AGE + timedelta(minutes=1))
    assert bench.code(person) == "certificate.revoked"
    assert len(service.asked) == 2


def test_a_list_of_a_time_to_come_is_not_believed(service: RevocationService) -> None:
    root = make_root()
    person = _person(root, service.list_at("/list"))
    service.bodies["/list"] = revocation_list(root, at=LETTER_AT + timedelta(hours=1))
    bench = Bench(root)
    assert bench.code(person) == "certificate.revocation_unknown"
    service.bodies["/list"] = revocation_list(root, person)
    bench.wait(RETRY + timedelta(seconds=1))
    assert bench.code(person) == "certificate.revoked"


@pytest.mark.parametrize(
    "body",
    [b"", b"nothing of the kind", b"\x30\x03\x0a\x01\x06"],
    ids=["empty", "noise", "unsuccessful"],
)
def test_what_is_no_answer_counts_as_none_and_the_list_is_asked(
    service: RevocationService, body: bytes
) -> None:
    root = make_root()
    person = _person(root, service.responder_at("/ocsp"), service.list_at("/list"))
    service.bodies["/ocsp"] = body
    assert Bench(root).code(person) == "certificate.revocation_unknown"
    service.bodies["/list"] = revocation_list(root)
    assert Bench(root).code(person) == ""


def test_an_answer_of_a_stranger_is_worth_nothing(service: RevocationService) -> None:
    root, stranger = make_root(), make_root("Stranger")
    person = _person(root, service.responder_at("/ocsp"), service.list_at("/list"))
    service.bodies["/ocsp"] = ocsp_answer(stranger, person)
    assert Bench(root).code(person) == "certificate.revocation_unknown"
    service.bodies["/list"] = revocation_list(root, person)
    assert Bench(root).code(person) == "certificate.revoked"
    service.bodies["/list"] = revocation_list(stranger)
    assert Bench(root).code(person) == "certificate.revocation_unknown"


def test_the_rule_may_demand_a_place_to_ask(service: RevocationService) -> None:
    root = make_root()
    assert Bench(root, "required").code(_person(root)) == "certificate.revocation_undeclared"
    assert Bench(root, "off").judge(_person(root, service.list_at("/x"))).revocation is RevocationState.OFF
    assert service.asked == []


def test_the_clock_of_the_verdict_is_the_one_passed_in(people: MailPeople) -> None:
    bench = Bench(people.root)
    bench.at = datetime(2031, 1, 1, tzinfo=LETTER_AT.tzinfo)
    assert bench.code(people.bob) == "certificate.expired"
