"""The answer to the final dot never comes: the mail is held for a person, or goes once more under the same
id, and never a second time. Both ends are counted."""

from __future__ import annotations

import asyncio
import random

import pytest

from batch.records import Claim, Outcome
from jobs.attempts import Attempts, Patience
from schemas.states import Cause
from tests.rigs.mail_channels import MAIL_RIGS, MailBench, MailRig
from tests.rigs.mail_people import LETTER_AT

PATIENCE = Patience(max_attempts=5, backoff_seconds=10, backoff_max_seconds=3600)


@pytest.fixture(params=sorted(MAIL_RIGS))
def rig(request: pytest.FixtureRequest, bench: MailBench) -> MailRig:
    return MAIL_RIGS[request.param](bench)


def _tries(rig: MailRig, *claims: tuple[bool, int]) -> list[Outcome]:
    """Tries one letter by claims (doubtful, how many tries may have arrived) and returns the outcomes."""

    async def work() -> list[Outcome]:
        channel = rig.build()
        attempts = Attempts(channel, PATIENCE, lambda: LETTER_AT, random.Random(1))
        letter = rig.letter()
        outcomes = []
        for doubtful, n_unknown in claims:
            claim = Claim(letter, channel.message_id(letter.seed), 1, doubtful, n_unknown)
            outcomes.append(await attempts.attempt(claim))
        await channel.close()
        return outcomes

    return asyncio.run(work())


def test_hold_leaves_it_to_a_person(bench: MailBench, rig: MailRig) -> None:
    rig.drop_answers(1)
    first, second = _tries(rig, (False, 0), (True, 1))
    assert (first.cause, first.unknown) == (Cause.LOST, True)
    assert (second.cause, second.code, second.needs_person) == (None, "mail.no_read_back", True)
    assert rig.server.n_data == 1


def test_resend_once_sends_the_same_again_and_never_a_second_time(bench: MailBench, rig: MailRig) -> None:
    bench.channel["when_in_doubt"] = "resend_once"
    rig.drop_answers(1)
    outcomes = _tries(rig, (False, 0), (True, 1), (True, 2))
    assert [one.cause for one in outcomes] == [Cause.LOST, None, None]
    assert outcomes[2].needs_person
    assert rig.server.n_data == 2
    ids = {one.claim.message_id for one in outcomes}
    assert len(ids) == 1


def test_a_resend_that_is_answered_ends_the_doubt(bench: MailBench, rig: MailRig) -> None:
    bench.channel["when_in_doubt"] = "resend_once"
    rig.drop_answers(1)
    (lost,) = _tries(rig, (False, 0))
    rig.server.behaviour.drops = set()
    (found,) = _tries(rig, (True, 1))
    assert (lost.cause, found.cause) == (Cause.LOST, Cause.FOUND)
    # The first had been taken too: twice the same mail under one message id.
    assert rig.held() == [rig.letter().documents[0].sha256] * 2
