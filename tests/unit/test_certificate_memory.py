"""What is remembered of certificates: for minutes, never beyond the certificate's own end, and not without
bound."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from cryptography import x509

from routing.certificates.chains import Trust
from routing.certificates.remembering import Memory, RememberingJudge
from routing.certificates.revocation import RETRY, Revocation
from routing.mime.addresses import parse_address
from tests.rigs.mail_people import LETTER_AT, MailPeople, ec_key, issue
from tests.rigs.revocation import revocation_list


def test_an_answer_is_kept_until_its_time_and_the_oldest_go_first() -> None:
    clock = [LETTER_AT]
    memory = Memory(lambda: clock[0], 60, most=2)
    memory.keep("a", ())
    assert memory.recall("a") == ()
    memory.keep("b", 1, 5)
    memory.keep("c", 2, 3600)
    assert [memory.recall(key) for key in "abc"] == [None, 1, 2]
    clock[0] += timedelta(seconds=5)
    assert [memory.recall(key) for key in "bc"] == [None, 2]
    clock[0] += timedelta(seconds=55)
    assert memory.recall("c") is None


def test_a_verdict_does_not_outlive_the_certificate(people: MailPeople) -> None:
    clock = [LETTER_AT]
    bo = issue(people.root, "bo@modtager.example", ec_key(), days=366)
    memory = Memory(lambda: clock[0], 3 * 24 * 3600)
    judge = RememberingJudge(Trust((people.root.certificate,)), None, "off", lambda: clock[0], memory)

    async def code(address: str = "bo@modtager.example") -> str:
        verdict = await judge.judge(bo.certificate, parse_address(address))
        return verdict.refusal.code if verdict.refusal else ""

    async def work() -> None:
        assert await code() == ""
        assert await code("eva@modtager.example") == "certificate.address_mismatch"
        clock[0] += timedelta(hours=23)
        assert (await judge.judge(bo.certificate, parse_address(bo.address))).judged_at == LETTER_AT
        clock[0] += timedelta(hours=1)
        assert await code() == "certificate.expired"

    asyncio.run(work())


def test_what_could_not_be_found_out_is_not_remembered(people: MailPeople) -> None:
    clock, silent = [LETTER_AT], [True]
    where = x509.UniformResourceIdentifier("http://liste.example/")
    point = x509.CRLDistributionPoints([x509.DistributionPoint([where], None, None, None)])
    bo = issue(people.root, "bo@modtager.example", ec_key(), extensions=[point])

    async def fetch(url: str, request: bytes | None) -> bytes:
        if silent[0]:
            raise OSError(url)
        return revocation_list(people.root)

    memory = Memory(lambda: clock[0], 3600)
    asking = Revocation(fetch, lambda: clock[0])
    trust = Trust((people.root.certificate,))
    judge = RememberingJudge(trust, asking, "declared", lambda: clock[0], memory)

    async def work() -> None:
        assert not (await judge.judge(bo.certificate, None)).usable
        silent[0] = False
        clock[0] += RETRY + timedelta(seconds=1)
        assert (await judge.judge(bo.certificate, None)).usable

    asyncio.run(work())
