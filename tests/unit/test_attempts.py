"""The one except ladder: every ending of a try becomes exactly the outcome that design 4 and 5 ask for."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta

import pytest

from batch.records import Claim, Outcome
from jobs.attempts import Attempts, Patience
from schemas.channels import Cursor, Limits, Protection, Reach
from schemas.consignments import Consignment, Receipt, ReceiptEvent, Recipient
from schemas.errors import CannotTell, ConfigurationError, InDoubt, Refused, Transient, Unreachable
from schemas.identity import Cpr
from schemas.states import Cause

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
RECEIPT = Receipt("eboks", "004711" + "0" * 32, NOW, final=True)
PATIENCE = Patience(max_attempts=5, backoff_seconds=10, backoff_max_seconds=3600)


class ScriptedChannel:
    """A channel that does what it is told: returns or raises the scripted endings and counts its calls."""

    name = "eboks"
    protection = Protection.MAILBOX
    limits = Limits(10_000_000, frozenset({"pdf"}), 8)
    one_side = True

    def __init__(
        self, ending: object, *, reach: object = None, idempotent: bool = True, found: object = None
    ) -> None:
        self.idempotent = idempotent
        self._ending = ending
        self._found = found
        self._reach = reach or Reach(True)
        self.calls: list[str] = []

    def _end(self, call: str, ending: object):
        self.calls.append(call)
        if isinstance(ending, Exception):
            raise ending
        return ending

    def check(self) -> None: ...

    def findings(self):
        return ()

    def message_id(self, seed: str) -> str:
        return seed

    async def reaches(self, consignment: Consignment) -> Reach:
        return self._end("reaches", self._reach)

    async def send(self, consignment: Consignment, message_id: str) -> Receipt:
        return self._end("send", self._ending)

    async def find(self, message_id: str) -> Receipt | None:
        return self._end("find", self._found)

    async def receipts(self, cursor: Cursor) -> AsyncIterator[ReceiptEvent]:
        return
        yield

    async def close(self) -> None: ...


def claim(
    *, attempts: int = 1, earlier_unknown: bool = False, doubtful: bool = False, n_unknown: int = 0
) -> Claim:
    consignment = Consignment(
        id="20261124-120000-aaaaaa-00002",
        batch_id="20261124-120000-aaaaaa",
        source="loen",
        line=2,
        material="loenseddel",
        recipient=Recipient(Cpr.parse("140868-3994", date(2026, 11, 24))),
        title="Lønseddel",
        documents=(),
        seed="0" * 32,
        route=("eboks",),
        attempts=attempts,
        earlier_unknown=earlier_unknown,
    )
    return Claim(consignment, "004711" + "0" * 32, 1, doubtful, n_unknown)


def outcome(channel: ScriptedChannel, one: Claim) -> Outcome:
    attempts = Attempts(channel, PATIENCE, lambda: NOW, random.Random(1))
    return asyncio.run(attempts.attempt(one))


@pytest.mark.parametrize(
    ("ending", "cause"),
    [
        (RECEIPT, Cause.ACCEPTED),
        (Transient("http.503"), Cause.DEFERRED),
        (Unreachable("eboks.not_enrolled"), Cause.REROUTED),
        (Refused("eboks.dead"), Cause.REFUSED),
        (InDoubt("http.no_answer"), Cause.LOST),
        (ConfigurationError("tls.certificate_expired"), Cause.DEFERRED),
        (KeyError("a bug of ours"), Cause.LOST),
    ],
)
def test_every_ending_of_a_first_try_has_its_cause(ending, cause):
    assert outcome(ScriptedChannel(ending), claim()).cause is cause


@pytest.mark.parametrize(
    ("ending", "cause"),
    [
        (RECEIPT, Cause.FOUND),
        (Transient("http.503"), None),
        (Unreachable("eboks.not_enrolled"), Cause.NOT_FOUND),
        (Refused("eboks.dead"), Cause.NOT_FOUND),
        (InDoubt("http.no_answer"), None),
        (ConfigurationError("tls.certificate_expired"), None),
        (KeyError("a bug of ours"), None),
    ],
)
def test_in_doubt_only_doubt_is_cleared_and_no_other_channel_is_tried(ending, cause):
    one = outcome(ScriptedChannel(ending), claim(doubtful=True, earlier_unknown=True))
    assert one.cause is cause
    assert one.cause not in (Cause.REROUTED, Cause.REFUSED, Cause.EXHAUSTED)


@pytest.mark.parametrize(
    ("reach", "cause"),
    [
        (Reach(False, "eboks.not_enrolled"), Cause.REROUTED),
        (Reach(False, "eboks.dead", refused=True), Cause.REFUSED),
        (Transient("eboks.enrolment_unknown"), Cause.DEFERRED),
    ],
)
def test_a_recipient_the_channel_does_not_reach_is_sent_nothing(reach, cause):
    channel = ScriptedChannel(RECEIPT, reach=reach)
    one = outcome(channel, claim())
    assert (one.cause, one.code, channel.calls) == (cause, reach.code, ["reaches"])


@pytest.mark.parametrize("idempotent", [True, False])
def test_a_look_up_that_fails_hands_nothing_over(idempotent):
    reach = Transient("eboks.not_now", maybe_taken=True)
    one = outcome(ScriptedChannel(RECEIPT, reach=reach, idempotent=idempotent), claim())
    assert (one.cause, one.unknown) == (Cause.DEFERRED, False)


def test_after_an_attempt_that_may_have_been_taken_no_look_up_reroutes_it():
    channel = ScriptedChannel(RECEIPT, reach=Reach(False, "eboks.not_enrolled"))
    one = outcome(channel, claim(earlier_unknown=True))
    assert one.cause is Cause.ACCEPTED
    assert channel.calls == ["send"]


def test_the_last_attempt_exhausts_when_nothing_can_have_been_taken():
    assert outcome(ScriptedChannel(Transient("http.503")), claim(attempts=5)).cause is Cause.EXHAUSTED


@pytest.mark.parametrize(
    "one", [claim(attempts=5, earlier_unknown=True), claim(attempts=9, earlier_unknown=True)]
)
def test_what_may_have_been_taken_is_never_given_up_as_not_sent(one):
    assert outcome(ScriptedChannel(Transient("http.503")), one).cause is Cause.LOST


def test_a_last_attempt_that_may_have_been_taken_is_doubt():
    ending = Transient("http.500", maybe_taken=True)
    assert outcome(ScriptedChannel(ending), claim(attempts=5)).cause is Cause.LOST


def test_a_server_error_marks_the_attempt_as_perhaps_taken():
    assert outcome(ScriptedChannel(Transient("http.500", maybe_taken=True)), claim()).unknown
    assert not outcome(ScriptedChannel(Transient("http.503")), claim()).unknown


def test_our_own_wrong_set_up_burns_no_attempt():
    one = outcome(ScriptedChannel(ConfigurationError("tls.certificate_expired")), claim(attempts=5))
    assert (one.cause, one.burnt) == (Cause.DEFERRED, False)


def test_one_damaged_document_ends_its_own_consignment_and_no_other():
    one = outcome(ScriptedChannel(ConfigurationError("store.damaged")), claim())
    assert (one.cause, one.burnt) == (Cause.REFUSED, True)


def test_a_damaged_document_that_may_have_left_waits_for_a_person():
    one = outcome(ScriptedChannel(ConfigurationError("store.damaged")), claim(earlier_unknown=True))
    assert (one.cause, one.needs_person) == (Cause.LOST, True)


def test_an_id_conflict_waits_for_a_person():
    one = outcome(ScriptedChannel(InDoubt("eboks.id_conflict", needs_person=True)), claim())
    assert (one.cause, one.needs_person) == (Cause.LOST, True)


def test_a_bug_of_ours_shows_its_kind_and_not_its_text():
    one = outcome(ScriptedChannel(KeyError("140868-3994")), claim())
    assert one.params == {"kind": "KeyError"}


def test_a_channel_that_is_not_idempotent_is_asked_and_never_sent_to_again():
    channel = ScriptedChannel(None, idempotent=False)
    assert outcome(channel, claim(doubtful=True)).cause is Cause.NOT_FOUND
    assert channel.calls == ["find"]


def test_a_channel_that_cannot_tell_leaves_the_doubt_to_a_person():
    channel = ScriptedChannel(RECEIPT, idempotent=False, found=CannotTell("eboks.cannot_tell"))
    one = outcome(channel, claim(doubtful=True, n_unknown=1))
    assert (one.cause, one.needs_person) == (None, True)
    assert channel.calls == ["find"]


ONCE_MORE = CannotTell("eboks.cannot_tell", send_once_more=True)


def test_where_settings_say_so_the_same_is_sent_once_more_and_never_a_second_time():
    channel = ScriptedChannel(RECEIPT, idempotent=False, found=ONCE_MORE)
    assert outcome(channel, claim(doubtful=True, n_unknown=1)).cause is Cause.FOUND
    assert channel.calls == ["find", "send"]
    again = ScriptedChannel(RECEIPT, idempotent=False, found=ONCE_MORE)
    one = outcome(again, claim(doubtful=True, n_unknown=2))
    assert (one.cause, one.needs_person, again.calls) == (None, True, ["find"])


@pytest.mark.parametrize(
    ("ending", "unknown", "needs_person"),
    [
        (InDoubt("http.no_answer"), True, False),
        (Transient("http.502", maybe_taken=True), True, False),
        (KeyError("a bug of ours"), True, False),
        (Transient("http.not_connected", reached=False), False, False),
        (Unreachable("eboks.not_enrolled"), False, True),
        (Refused("eboks.refused"), False, True),
    ],
)
def test_sent_once_more_only_a_yes_ends_the_doubt(ending, unknown, needs_person):
    channel = ScriptedChannel(ending, idempotent=False, found=ONCE_MORE)
    one = outcome(channel, claim(doubtful=True, n_unknown=1, earlier_unknown=True))
    assert (one.cause, one.unknown, one.needs_person) == (None, unknown, needs_person)


@pytest.mark.parametrize("asked", [None, 60.0])
def test_what_may_have_been_taken_is_doubt_where_the_same_id_is_not_known_again(asked):
    ending = Transient("http.502", maybe_taken=True, retry_after_seconds=asked)
    one = outcome(ScriptedChannel(ending, idempotent=False), claim())
    assert (one.cause, one.unknown, one.needs_person) == (Cause.LOST, True, False)
    assert one.retry_at >= NOW + timedelta(seconds=asked or 0)


@pytest.mark.parametrize("asked", [0.0, 7.0, 120.0, 3600.0])
def test_the_other_sides_wish_is_never_undercut(asked):
    for seed in range(200):
        wait = PATIENCE.wait_seconds(1, asked, random.Random(seed))
        assert wait >= asked


def test_waits_double_are_spread_and_are_capped():
    waits = [
        [PATIENCE.wait_seconds(n, None, random.Random(seed)) for seed in range(200)] for n in (1, 2, 3, 40)
    ]
    for number, spread in enumerate(waits[:3]):
        assert 5 * 2**number <= min(spread) < max(spread) <= 15 * 2**number
        assert len(set(spread)) > 100
    assert max(waits[3]) <= 1.5 * 3600


def test_the_retry_after_a_deferral_lies_ahead():
    one = outcome(ScriptedChannel(Transient("http.503", retry_after_seconds=60)), claim())
    assert one.retry_at is not None
    assert one.retry_at >= NOW + timedelta(seconds=60)


@pytest.mark.parametrize(
    ("ending", "one_side", "of_one"),
    [
        (Transient("smtp.451"), False, True),
        (Transient("dns.no_answer", reached=False), False, False),
        (InDoubt("smtp.no_answer_after_dot"), False, True),
        (Transient("eboks.busy"), True, False),
        (InDoubt("eboks.no_answer"), True, False),
    ],
)
def test_a_failure_of_one_recipients_side_is_told_apart(ending, one_side, of_one):
    channel = ScriptedChannel(ending)
    channel.one_side = one_side
    assert outcome(channel, claim()).of_one is of_one
