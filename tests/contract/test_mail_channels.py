"""The contract of design 6 over the channels that encrypt a mail, each against a mail server on loopback."""

from __future__ import annotations

import asyncio

import pytest

from schemas.errors import CannotTell, InDoubt, SendError, Transient
from tests.rigs.mail_channels import MAIL_RIGS, NAME, TITLE, MailBench, MailRig, run, send


@pytest.fixture(params=sorted(MAIL_RIGS))
def rig(request: pytest.FixtureRequest, bench: MailBench) -> MailRig:
    return MAIL_RIGS[request.param](bench)


def test_a_letter_is_taken_once_and_the_receipt_carries_proof(rig: MailRig) -> None:
    receipt = send(rig.build, rig.letter())
    assert receipt.proof["payload_sha256"]
    assert receipt.simulated
    assert rig.held() == [rig.letter().documents[0].sha256]


def test_a_message_id_follows_from_the_seed_alone(rig: MailRig) -> None:
    async def name(channel) -> tuple[str, str]:
        return channel.message_id(rig.letter().seed), channel.message_id(rig.letter(2).seed)

    assert run(rig.build, name) == run(rig.build, name)
    assert len(set(run(rig.build, name))) == 2


def test_a_recipient_nobody_reaches_is_told_with_a_code_and_nothing_is_sent(rig: MailRig) -> None:
    reach = run(rig.build, lambda channel: channel.reaches(rig.letter_nobody_reaches()))
    assert (reach.reached, bool(reach.code)) == (False, True)
    assert rig.held() == []


def test_a_side_that_does_not_listen_is_transient_and_nothing_was_taken(rig: MailRig) -> None:
    with rig.stop_listening(), pytest.raises(Transient) as caught:
        send(rig.build, rig.letter())
    assert not caught.value.maybe_taken
    assert rig.held() == []


def test_an_answer_that_never_comes_is_doubt_that_nobody_can_clear(rig: MailRig) -> None:
    rig.drop_answers(1)
    with pytest.raises(InDoubt) as caught:
        send(rig.build, rig.letter())
    said = f"{caught.value!r} {caught.value} {rig.letter()!r}"
    assert isinstance(caught.value, SendError)
    for secret in (TITLE, NAME, rig.letter().recipient.number.digits):
        assert secret not in said
    with pytest.raises(CannotTell):
        run(rig.build, lambda channel: channel.find("<x@afsender.example>"))


def test_check_is_content_with_a_good_set_up(rig: MailRig) -> None:
    async def look(channel) -> None:
        await asyncio.to_thread(channel.check)
        assert await asyncio.to_thread(channel.findings) == []

    run(rig.build, look)
