"""Rehearses a sender's channel against a simulator: everybody of the test set, and what came back for whom.

Relies on a trial house and on the simulator of e-Boks, started as a process of its own on loopback. What
should come is worked out from the simulator's own rules; both ends are compared. Nothing leaves this machine.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs.house import Clock
from jobs.onboarding.checks import Check, bad, fault, good
from jobs.onboarding.trial_document import trial_document
from jobs.onboarding.trial_house import (
    Letter,
    drop_letters,
    send_until_over,
    trial_house,
    trial_settings,
)
from schemas.errors import Coded, ConfigurationError
from schemas.settings import Settings
from schemas.states import State

if TYPE_CHECKING:
    from batch.records import LineResult
    from eboks.simulator import Person

RECORD_FILE = "received.jsonl"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one test person and material, and what should have."""

    material: str
    person: str
    should_arrive: bool
    status: str
    code: str
    held: bool

    @property
    def right(self) -> bool:
        """True when our ledger, the other side and the expectation say the same."""
        arrived = self.status == State.DELIVERED.value
        final = self.status in (State.DELIVERED.value, State.FAILED.value)
        return final and arrived == self.should_arrive == self.held


def rehearse(
    settings: Settings,
    sender: str,
    channel: str,
    materials: Sequence[str],
    groups: Mapping[str, str],
    now: Clock,
) -> list[Check]:
    """Returns the verdict of each material of the sender's on one channel."""
    with tempfile.TemporaryDirectory(prefix="brevdue-rehearsal-") as name:
        try:
            outcomes = _run(settings, sender, channel, materials, groups, Path(name), now)
        except Coded as error:
            return [fault("rehearsal", error, channel)]
    return [_verdict(channel, one, [x for x in outcomes if x.material == one]) for one in materials]


def _verdict(channel: str, material: str, outcomes: Sequence[Outcome]) -> Check:
    subject = f"{channel}: {material}"
    wrong = [one for one in outcomes if not one.right]
    n_arrived = sum(1 for one in outcomes if one.held)
    if not wrong and outcomes:
        return good("rehearsal", subject, letters=len(outcomes), arrived=n_arrived)
    first = wrong[0].person if wrong else ""
    return bad("rehearsal", "onboarding.rehearsal_differs", subject, n_wrong=len(wrong), first=first)


def _run(
    settings: Settings,
    sender: str,
    channel: str,
    materials: Sequence[str],
    groups: Mapping[str, str],
    folder: Path,
    now: Clock,
) -> list[Outcome]:
    trial = _with_simulated_files(settings, folder, sender, channel)
    with trial_house(trial, now):
        pass  # founds it, and makes the simulator's certificates
    with _simulator(trial, channel, groups, folder) as url:
        ready = trial_settings(trial, folder, sender, channel, {"url": url})
        with trial_house(ready, now) as house:
            letters, expected = _letters(ready, materials, groups)
            lines = send_until_over(house, drop_letters(house, sender, letters))
    return _outcomes(lines, expected, _held(folder))


def _with_simulated_files(settings: Settings, folder: Path, sender: str, channel: str) -> Settings:
    """Returns the trial's settings with the simulator's own certificates in place of the sender's."""
    simulator = folder / "data" / "simulator"
    change = {
        "certificate": simulator / "client-good.pem",
        "key": simulator / "client-good.key",
        "ca": simulator / "server-ca.pem",
        "per_second": None,
        "backoff_seconds": 0.1,
        "backoff_max_seconds": 0.5,
    }
    house = settings.house.model_copy(update={"mode": "simulated"})
    return trial_settings(settings.model_copy(update={"house": house}), folder, sender, channel, change)


@contextmanager
def _simulator(trial: Settings, channel: str, groups: Mapping[str, str], folder: Path) -> Iterator[str]:
    """Runs the simulator for the block and gives its address; ConfigurationError when it won't start."""
    config = folder / "simulator.json"
    config.write_text(_config(trial, channel, groups, folder), encoding="utf-8")
    command = [sys.executable, "-m", "eboks.simulator", "--config", str(config), "--until-stdin-closes"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None and process.stdout is not None
    try:
        line = process.stdout.readline()
        if not line:
            raise ConfigurationError("demo.no_simulator")
        yield str(json.loads(line)["url"])
    finally:
        process.stdin.close()
        process.stdout.close()
        process.terminate()
        process.wait(timeout=15)


def _config(trial: Settings, channel: str, groups: Mapping[str, str], folder: Path) -> str:
    from jobs.simulation import simulator_parts

    parts, tls = simulator_parts(trial, trial.mailboxes[channel], folder / RECORD_FILE)
    told = parts.model_dump(mode="json")
    told["materials"] = _simulated_materials(trial, groups)
    files = {"certificate": str(tls.certificate), "key": str(tls.key), "client_ca": str(tls.client_ca)}
    return json.dumps({"settings": told, "tls": files, "port": 0})


def _simulated_materials(trial: Settings, groups: Mapping[str, str]) -> dict[str, dict[str, str]]:
    return {
        str(one.eboks.content_type_id): {"delivery": one.eboks.delivery, "group": groups.get(name, name)}
        for name, one in trial.materials.items()
        if one.eboks is not None
    }


def _letters(
    trial: Settings, materials: Sequence[str], groups: Mapping[str, str]
) -> tuple[list[Letter], dict[str, tuple[str, Person, int, bool]]]:
    """Returns a letter for everybody and each material, and by reference what should come of it."""
    from eboks.simulator import PERSONS, Material, Standing
    from eboks.simulator.persons import standing

    letters: list[Letter] = []
    expected: dict[str, tuple[str, Person, int, bool]] = {}
    for name in materials:
        material = trial.materials[name]
        if material.eboks is None:
            raise ConfigurationError("eboks.no_material")
        rules = Material(delivery=material.eboks.delivery, group=groups.get(name, name))
        for word, person in PERSONS.items():
            reference = f"{name}/{word}"
            document, extension = trial_document(material.extensions, reference)
            kind = "cpr" if person.kind == "P" else "cvr"
            title = material.title or "Prøve"
            letters.append(Letter(person.number, kind, name, reference, title, document, extension))
            arrives = standing(person, rules) is Standing.ENROLLED
            expected[reference] = (name, person, material.eboks.content_type_id, arrives)
    return letters, expected


def _held(folder: Path) -> set[tuple[str, int]]:
    """Returns recipient and content type of what the simulator holds for one whom it reaches."""
    record = folder / RECORD_FILE
    lines = record.read_text(encoding="utf-8").splitlines() if record.exists() else []
    received: list[dict[str, Any]] = [json.loads(line) for line in lines]
    return {
        (one["recipient"], one["content_type_id"])
        for one in received
        if one["event"] == "received" and one["standing"] == "enrolled"
    }


def _outcomes(
    lines: Sequence[LineResult],
    expected: Mapping[str, tuple[str, Person, int, bool]],
    held: set[tuple[str, int]],
) -> list[Outcome]:
    by_reference = {line.reference: line for line in lines}
    outcomes: list[Outcome] = []
    for reference, (material, person, content_type_id, arrives) in expected.items():
        line = by_reference.get(reference)
        status, code = (line.status, line.code) if line else ("", "")
        there = (person.number, content_type_id) in held
        outcomes.append(Outcome(material, person.word, arrives, status, code, there))
    return outcomes
