"""Sends one marked document to a test recipient of the sender's own, over a channel as it will be used.

Relies on a trial house that stays: its ledger remembers a send of unknown outcome, so that trying again sends
the same bytes under the same id, and never a second letter. The house's mode holds here too: a simulated
house reaches only loopback and says so in every receipt, a live one never does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from jobs.house import Clock, House
from jobs.onboarding.checks import Check, bad, fault, good
from jobs.onboarding.trial_document import trial_document
from jobs.onboarding.trial_house import (
    Letter,
    drop_letters,
    send_until_over,
    trial_house,
    trial_settings,
)
from schemas.errors import Coded
from schemas.settings import Settings
from schemas.states import State

_UNSETTLED = (State.READY, State.SENDING, State.IN_DOUBT)


@dataclass(frozen=True, slots=True)
class LiveTest:
    """What is sent where; the recipient's kind is `cpr` or `cvr`."""

    sender: str
    channel: str
    material: str
    recipient: str = field(repr=False)
    kind: str


def send_live_test(settings: Settings, test: LiveTest, folder: Path, now: Clock) -> Check:
    """Sends the document and returns the verdict; `folder` keeps the trial house between calls.

    An earlier document whose outcome is not known is gone on with instead, to the recipient it had.
    """
    trial = trial_settings(settings, folder, test.sender, test.channel, {})
    try:
        with trial_house(trial, now) as house:
            batch_id = _unsettled(house) or _begin(house, test, now)
            (line,) = send_until_over(house, batch_id)
            stopped = next((one.code for one in house.ledger.pauses()), "")
    except Coded as error:
        return fault("live_test", error, test.channel)
    if line.status in (State.DELIVERED.value, State.ACCEPTED.value):
        return good("live_test", test.channel, receipt=line.receipt_id, simulated=line.simulated)
    if line.status == State.IN_DOUBT.value:
        return bad("live_test", "onboarding.live_test_in_doubt", test.channel)
    code = stopped or line.code or "onboarding.live_test_not_sent"
    return Check("live_test", code, dict(line.params), "bad", test.channel)


def _unsettled(house: House) -> str:
    """Returns the batch of an earlier test that nobody knows the end of; empty when there is none."""
    for batch in house.ledger.batches(limit=1):
        if any(batch.counts.get(state, 0) for state in _UNSETTLED):
            return batch.id
    return ""


def _begin(house: House, test: LiveTest, now: Clock) -> str:
    material = house.settings.materials[test.material]
    mark = f"{test.sender} · {now():%Y-%m-%d %H:%M:%S.%f} UTC"
    document, extension = trial_document(material.extensions, mark)
    letter = Letter(test.recipient, test.kind, test.material, "test", "TEST", document, extension)
    return drop_letters(house, test.sender, [letter])
