"""The steps beside the certificate's: answers, connection, rehearsal, settings and the live test.

Relies on the desk and on one module per thing that is tried. A step says how it ended; `walk` decides what
follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from jobs.onboarding.answers import LiveTestAnswers
from jobs.onboarding.checks import Check, bad, faults, good, note
from jobs.onboarding.connection import Way, check_public_address, try_connection
from jobs.onboarding.desk import Desk
from jobs.onboarding.live_test import LiveTest, send_live_test
from jobs.onboarding.questions import channel_names, next_question
from jobs.onboarding.registration import ask_registration
from jobs.onboarding.rehearsal import rehearse
from jobs.onboarding.settings_writing import Key, draft, write_draft
from jobs.onboarding.state import LIVE_TEST, StepResult
from schemas.errors import BadInput, ConfigurationError
from schemas.identity import Cpr, Cvr
from schemas.settings import Settings


def take_sender_step(desk: Desk) -> StepResult:
    """Asks what is open, or takes the defaults when nobody can be asked.

    Raises ConfigurationError `onboarding.answers_missing` with every key that has no default either.
    """
    passed: list[tuple[str, ...]] = []
    while (question := next_question(desk.sender, desk.answers, desk.settings, passed)) is not None:
        if desk.dialogue is not None:
            desk.put(question.path, desk.dialogue.ask(question))
        elif question.default or question.optional:
            desk.put(question.path, question.answer(""))
        else:
            passed.append(question.path)
    desk.save()
    if passed:
        keys = ", ".join(".".join(path) for path in passed)
        raise ConfigurationError("onboarding.answers_missing", keys=keys)
    planned = desk.planned()
    checks = [good("sender.answers", cvr=desk.answers["cvr"], materials=len(desk.materials))]
    for name in channel_names(desk.answers, planned):
        if name not in planned.channels:
            checks.append(note("sender.channel", "onboarding.channel_missing", name, channel=name))
    return StepResult("done", tuple(checks))


def take_connection_step(desk: Desk) -> StepResult:
    """Tries every channel of the sender's at the other side."""
    planned = desk.planned()
    checks: list[Check] = []
    reached = False
    for name in desk.eboks_channels(planned):
        channel = planned.mailboxes[name]
        if not channel.certificate.exists():
            return StepResult("open", (note("connection", "own_certificate.none_yet", name),))
        way = Way(name, channel.url, channel.certificate, channel.key, channel.ca, desk.simulated)
        found = try_connection(way, desk.now)
        checks += found
        if not faults(found):
            materials = desk.materials_by(name, planned)
            asked = ask_registration(planned, desk.sender, name, materials, desk.answers["cvr"], desk.now)
            asked = [_of_simulator(one) for one in asked] if desk.simulated else asked
            reached = reached or not faults(asked)
            checks += asked
    checks.append(check_public_address(desk.answers.get("public_address") or "", reached=reached))
    return StepResult("failed" if faults(checks) else "done", tuple(checks))


def _of_simulator(check: Check) -> Check:
    """Says of a simulator that it has not heard of this sender yet; e-Boks itself would have to act."""
    unaware = check.code == "eboks.unknown_system_or_material"
    return replace(check, code="connection.simulator_unaware", params={}) if unaware else check


def take_rehearsal_step(desk: Desk) -> StepResult:
    """Sends the test set through every channel of the sender's, each against a simulator."""
    planned = desk.planned()
    checks: list[Check] = []
    for name in desk.eboks_channels(planned):
        materials = desk.materials_by(name, planned)
        if materials:
            checks += rehearse(planned, desk.sender, name, materials, desk.groups, desk.now)
    return StepResult("failed" if faults(checks) else "done", tuple(checks))


def take_settings_step(desk: Desk) -> StepResult:
    """Writes the sender's tables, once its certificate is there and somebody agrees."""
    path, tables = desk.settings_path, desk.tables()
    made = draft(path, tables)
    replace = _to_replace(desk, made.differing)
    left = [key for key in made.differing if key not in replace]
    if left and desk.dialogue is None:
        keys = ", ".join(".".join(key) for key in left)
        return StepResult("failed", (bad("settings", "onboarding.settings_differ", keys=keys),))
    made = draft(path, tables, frozenset(replace))
    if not made.changes:
        return StepResult("done", (good("settings", added=0),))
    if desk.state.status("certificate") != "done" and not desk.wishes.force:
        return StepResult("open", (note("settings", "onboarding.settings_wait"),))
    if not _agreed(desk):
        return StepResult("open", (note("settings", "onboarding.settings_not_written"),))
    desk.settings = write_draft(path, made)
    return StepResult("done", (good("settings", added=len(made.added), replaced=len(replace)),))


def _to_replace(desk: Desk, differing: Sequence[Key]) -> list[Key]:
    if desk.wishes.force:
        return list(differing)
    if desk.dialogue is None:
        return []
    return [key for key in differing if desk.dialogue.yes("ask_replace", default=False, key=".".join(key))]


def _agreed(desk: Desk) -> bool:
    if desk.wishes.write or desk.dialogue is None:
        return desk.wishes.write
    return desk.dialogue.yes("ask_write", default=True, file=desk.settings_path.name)


def take_live_test_step(desk: Desk) -> StepResult:
    """Sends one marked document, after somebody typed where it goes.

    Raises BadInput for a recipient that is no number, ConfigurationError when it was not confirmed.
    """
    planned = desk.planned()
    told = LiveTestAnswers.model_validate(desk.answers.get(LIVE_TEST, {}))
    names = desk.eboks_channels(planned)
    channel = told.channel or (names[0] if names else "")
    materials = desk.materials_by(channel, planned) if channel in names else []
    if not materials:
        raise ConfigurationError("onboarding.no_live_channel")
    recipient, kind = _recipient(desk, told)
    _confirm(desk, planned, channel)
    test = LiveTest(desk.sender, channel, materials[0], recipient, kind)
    check = send_live_test(planned, test, desk.folder / "live-test" / channel, desk.now)
    return StepResult("failed" if check.level == "bad" else "done", (check,))


def _recipient(desk: Desk, told: LiveTestAnswers) -> tuple[str, str]:
    """Returns the recipient's digits and kind; the sender's own CVR number unless another was told."""
    own = str(desk.answers["cvr"])
    text = told.recipient or ""
    if not text and desk.dialogue is not None:
        text = desk.dialogue.line("ask_recipient", own)
    text = text or own
    try:
        return Cvr.parse(text).digits, "cvr"
    except BadInput:
        return Cpr.parse(text, desk.now().date()).digits, "cpr"


def _confirm(desk: Desk, planned: Settings, channel: str) -> None:
    url = planned.mailboxes[channel].url
    host = Way(channel, url, desk.store.certificate, desk.store.key, None, desk.simulated).host
    if desk.wishes.confirm == host:
        return
    if desk.dialogue is not None and desk.dialogue.typed("ask_confirm", host):
        return
    raise ConfigurationError("onboarding.live_test_not_confirmed", host=host)
