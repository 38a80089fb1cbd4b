"""The contract of design 6, over every kind of channel of the house; a kind without a rig fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from jobs.house import CHANNELS
from schemas.channels import Channel, Cursor
from schemas.errors import CannotTell, ConfigurationError, InDoubt, SendError, Transient
from tests.rigs.channels import RIGS, ChannelRig
from tests.rigs.mail_channels import MAIL_RIGS, MailBench
from tests.rigs.portal_channels import PORTAL_RIGS

BY_MAIL: dict[str, Callable[[MailBench], ChannelRig]] = {**MAIL_RIGS, **PORTAL_RIGS}
"""The kinds whose other side is a mail server, for the whole message or for its notice."""


def test_every_kind_of_channel_has_one_rig():
    assert sorted([*RIGS, *BY_MAIL]) == sorted(CHANNELS)


@pytest.fixture(params=sorted([*RIGS, *BY_MAIL]))
def rig(request) -> ChannelRig:
    if request.param in BY_MAIL:
        return BY_MAIL[request.param](request.getfixturevalue("bench"))
    return RIGS[request.param](
        request.getfixturevalue("start_simulator"), request.getfixturevalue("tmp_path")
    )


def test_a_kind_protects_as_its_channels_do(rig):
    async def protection(channel):
        return channel.name, channel.protection

    name, said = run(rig, protection)
    assert CHANNELS[name].protection is said


def run(rig: ChannelRig, work):
    async def whole():
        channel: Channel = rig.build()
        try:
            return await work(channel)
        finally:
            await channel.close()

    return asyncio.run(whole())


def send(rig: ChannelRig, letter):
    return run(rig, lambda channel: channel.send(letter, channel.message_id(letter.seed)))


def test_a_letter_is_taken_once_and_the_receipt_carries_proof(rig):
    receipt = send(rig, rig.letter())
    assert receipt.proof
    assert receipt.simulated
    assert rig.held() == [rig.letter().documents[0].sha256]


def test_a_message_id_follows_from_the_seed_alone(rig):
    letter = rig.letter()
    assert run(rig, _id_of(letter)) == run(rig, _id_of(letter))
    assert run(rig, _id_of(letter)) != run(rig, _id_of(rig.letter(2)))


def _id_of(letter):
    async def work(channel):
        return channel.message_id(letter.seed)

    return work


def test_a_recipient_nobody_reaches_is_told_with_a_code_and_nothing_is_sent(rig):
    reach = run(rig, lambda channel: channel.reaches(rig.letter_nobody_reaches()))
    assert (reach.reached, bool(reach.code)) == (False, True)
    assert rig.held() == []


def test_a_side_that_does_not_listen_is_transient_and_nothing_was_taken(rig):
    with rig.stop_listening(), pytest.raises(Transient) as caught:
        send(rig, rig.letter())
    assert not caught.value.maybe_taken
    if run(rig, _idempotent):
        # Of mail it says nothing about the others that one recipient's server is down.
        assert not caught.value.reached
    assert rig.held() == []


def test_an_answer_that_never_comes_is_doubt_and_the_same_again_clears_it(rig):
    rig.drop_answers(1)
    letter = rig.letter()
    with pytest.raises(InDoubt):
        send(rig, letter)
    assert len(rig.held()) == 1
    if run(rig, _idempotent):
        assert send(rig, rig.letter(earlier_unknown=True)).code == "eboks.already_accepted"
    if rig.keeps_record:
        assert run(rig, lambda channel: channel.find(channel.message_id(letter.seed))) is None
        with pytest.raises(InDoubt):
            send(rig, letter)
    assert len(rig.held()) == 1


async def _idempotent(channel):
    return channel.idempotent


def test_the_same_id_on_a_first_attempt_is_a_conflict_for_a_person(rig):
    first = send(rig, rig.letter())
    if rig.keeps_record:
        assert send(rig, rig.letter()).external_id == first.external_id
        assert len(rig.held()) == 1
        return
    if not run(rig, _idempotent):
        # Mail servers take one message id twice: only the house keeps it from being sent again.
        send(rig, rig.letter())
        assert len(rig.held()) == 2
        return
    with pytest.raises(InDoubt) as caught:
        send(rig, rig.letter())
    assert caught.value.needs_person
    assert len(rig.held()) == 1


def test_a_channel_that_clears_doubt_by_sending_says_that_it_cannot_tell(rig):
    if rig.keeps_record:
        receipt = send(rig, rig.letter())
        assert run(rig, lambda channel: channel.find(receipt.external_id)).external_id == receipt.external_id
        assert run(rig, lambda channel: channel.find("004711" + "0" * 32)) is None
        return
    with pytest.raises(CannotTell):
        run(rig, lambda channel: channel.find("004711" + "0" * 32))


def test_the_errors_name_no_recipient_and_no_title(rig):
    rig.drop_answers(1)
    letter = rig.letter()
    with pytest.raises(SendError) as caught:
        send(rig, letter)
    said = f"{caught.value!r} {caught.value} {letter!r}"
    assert letter.recipient.number.digits not in said
    assert not letter.recipient.email or letter.recipient.email not in said
    assert not letter.recipient.name or letter.recipient.name not in said
    assert letter.title not in said


def test_check_is_content_with_a_good_set_up(rig):
    try:
        run(rig, _check)
    except ConfigurationError as error:
        pytest.fail(f"check said {error.code}")


async def _check(channel):
    await asyncio.to_thread(channel.check)
    assert list(await asyncio.to_thread(channel.findings)) == []


def test_asked_for_no_message_only_a_channel_with_a_log_has_something_to_tell(rig):
    send(rig, rig.letter())

    async def log(channel):
        return [word async for word in channel.receipts(Cursor())]

    told = run(rig, log)
    assert all(word.position for word in told)
    if told:
        assert run(rig, _log_behind(told[0].position)) == told[1:]


def _log_behind(position):
    async def work(channel):
        return [word async for word in channel.receipts(Cursor(position))]

    return work
