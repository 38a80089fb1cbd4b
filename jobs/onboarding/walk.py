"""Walks a sender through the steps in order, remembers each, and files a report at the end.

Relies on the steps for what is done and on the state for where the walk was left. A step that is done is not
taken again unless asked for, or unless an answer has changed since.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from jobs.onboarding.certificate_step import take_certificate_step
from jobs.onboarding.checks import Check, fault
from jobs.onboarding.desk import Desk
from jobs.onboarding.dialogue import Left
from jobs.onboarding.report import write_report
from jobs.onboarding.state import LIVE_TEST, STEPS, StepResult
from jobs.onboarding.steps import (
    take_connection_step,
    take_live_test_step,
    take_rehearsal_step,
    take_sender_step,
    take_settings_step,
)
from schemas.errors import BadInput, ConfigurationError

_TAKE: dict[str, Callable[[Desk], StepResult]] = {
    "sender": take_sender_step,
    "certificate": take_certificate_step,
    "connection": take_connection_step,
    "rehearsal": take_rehearsal_step,
    "settings": take_settings_step,
    LIVE_TEST: take_live_test_step,
}


@dataclass(frozen=True, slots=True)
class Walked:
    """How a walk ended: `left` when the person went away in the middle of it."""

    left: bool
    report: Path | None = None
    missing: ConfigurationError | None = None


def walk(desk: Desk, told: Callable[[str, StepResult], None]) -> Walked:
    """Takes the steps; `told` hears how each ended. The state is on disk whenever this returns or raises."""
    left, missing = False, None
    try:
        for step in _wanted(desk):
            result = _take(desk, step, told)
            if step == "sender" and result.status != "done":
                break
    except (Left, KeyboardInterrupt):
        left = True
    except ConfigurationError as error:
        # Only the first step lets one through: without its answers no other can be taken.
        missing = error
    desk.save()
    report = write_report(desk) if desk.state.steps else None
    return Walked(left, report, missing)


def _wanted(desk: Desk) -> list[str]:
    steps = [step for step in STEPS if not desk.wishes.steps or step in desk.wishes.steps]
    open_ones = [
        step
        for step in steps
        if step in desk.wishes.again or step == "sender" or desk.state.status(step) != "done"
    ]
    return [*open_ones, LIVE_TEST] if desk.wishes.live_test else open_ones


def _take(desk: Desk, step: str, told: Callable[[str, StepResult], None]) -> StepResult:
    """Takes a step until it is done or nobody wants to try again, and remembers how it ended."""
    while True:
        result = replace(_ended(desk, step), at=desk.now())
        desk.state.steps[step] = result
        desk.save()
        told(step, result)
        if result.status != "failed" or desk.dialogue is None or step == "settings":
            return result
        if not desk.dialogue.yes("ask_again", default=False):
            return result


def _ended(desk: Desk, step: str) -> StepResult:
    try:
        return _TAKE[step](desk)
    except (ConfigurationError, BadInput) as error:
        if step == "sender" and isinstance(error, ConfigurationError):
            raise
        return StepResult("failed", (_check(step, error),))


def _check(step: str, error: ConfigurationError | BadInput) -> Check:
    return fault(step, error)
