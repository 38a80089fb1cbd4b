"""Remembers how far each sender's onboarding has come, so that it can be left and gone on with.

One JSON file per sender below the house's data folder, mode 0600, replaced whole. Holds answers and verdicts,
and never a password, a key or a person's number. Relies on `private_files` and on a lock of the house.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from jobs.onboarding.answers import check_answers
from jobs.onboarding.checks import Check
from jobs.onboarding.private_files import make_private_folder, write_private
from jobs.ownership import only_one
from schemas.errors import ConfigurationError

STEPS = ("sender", "certificate", "connection", "rehearsal", "settings")
"""The steps in their order; `live_test` comes after them and only when asked for."""
LIVE_TEST = "live_test"
Status = Literal["open", "done", "failed"]
STATE_FILE = "state.json"
VERSION = 1


@dataclass(frozen=True, slots=True)
class StepResult:
    """How a step ended: done, failed with a verdict to mend, or still open because somebody else must act."""

    status: Status
    checks: tuple[Check, ...] = ()
    at: datetime | None = None


@dataclass(slots=True)
class SenderState:
    """One sender's answers and steps."""

    sender: str
    answers: dict[str, Any] = field(default_factory=dict)
    steps: dict[str, StepResult] = field(default_factory=dict)

    def status(self, step: str) -> Status:
        """Returns how a step stands; one that never ran is open."""
        found = self.steps.get(step)
        return found.status if found else "open"

    @property
    def open_steps(self) -> list[str]:
        """The steps that are not done, in order; the live test only when it was tried and went wrong."""
        tried = [LIVE_TEST] if self.status(LIVE_TEST) != "done" and LIVE_TEST in self.steps else []
        return [step for step in STEPS if self.status(step) != "done"] + tried


def onboarding_folder(data: Path) -> Path:
    """Returns the folder that every sender's onboarding lies in."""
    return data / "onboarding"


def list_senders(data: Path) -> list[str]:
    """Returns the senders that an onboarding was begun for."""
    return sorted(path.parent.name for path in onboarding_folder(data).glob(f"*/{STATE_FILE}"))


def load_state(data: Path, sender: str) -> SenderState:
    """Returns a sender's state, empty when there is none.

    Raises ConfigurationError `onboarding.state_unreadable` for a file that is not ours.
    """
    path = onboarding_folder(data) / sender / STATE_FILE
    if not path.exists():
        return SenderState(sender)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        check_answers(found["answers"])
        steps = {name: _read_step(step) for name, step in found["steps"].items()}
        return SenderState(sender, found["answers"], steps)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ConfigurationError):
        raise ConfigurationError("onboarding.state_unreadable", sender=sender) from None


def save_state(data: Path, state: SenderState) -> None:
    """Writes a sender's state; raises ConfigurationError `onboarding.not_writable`."""
    folder = onboarding_folder(data) / state.sender
    make_private_folder(folder)
    steps = {name: _written_step(step) for name, step in state.steps.items()}
    whole = {"version": VERSION, "sender": state.sender, "answers": _kept(state.answers), "steps": steps}
    text = json.dumps(whole, ensure_ascii=False, indent=1, default=str)
    write_private(folder / STATE_FILE, text.encode() + b"\n")


@contextmanager
def one_at_a_time(data: Path, sender: str) -> Iterator[None]:
    """Keeps two walks of one sender apart; raises ConfigurationError `onboarding.busy`."""
    with only_one(data / "locks" / f"onboard-{sender}.lock", "onboarding.busy", sender=sender):
        yield


def _kept(answers: dict[str, Any]) -> dict[str, Any]:
    """Returns the answers without what must not lie about: a person's number, and where a password is."""
    certificate = {
        name: value
        for name, value in answers.get("certificate", {}).items()
        if not name.startswith("password")
    }
    rest = {name: value for name, value in answers.items() if name not in ("certificate", LIVE_TEST)}
    return {**rest, "certificate": certificate} if certificate else rest


def _read_step(step: dict[str, Any]) -> StepResult:
    if step["status"] not in ("open", "done", "failed"):
        raise ValueError("status")
    at = datetime.fromisoformat(step["at"]) if step["at"] else None
    return StepResult(step["status"], tuple(Check.from_json(check) for check in step["checks"]), at)


def _written_step(step: StepResult) -> dict[str, Any]:
    at = step.at.isoformat() if step.at else None
    return {"status": step.status, "at": at, "checks": [check.as_json() for check in step.checks]}
