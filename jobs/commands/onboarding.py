"""The command onboard: leads a sender through what e-Boks needs, on a terminal or by flags and a file.

Relies on `jobs.onboarding`. Gathers the answers that flags and the file bring, says how each step ended, and
turns the whole into an exit code.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs.commands.context import Context
from jobs.screen import (
    EXIT_ERROR_LIST,
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_UNREACHED,
    EXIT_USAGE,
    EXIT_WAITING,
)
from schemas.catalogue import explain
from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from jobs.onboarding.checks import Check
    from jobs.onboarding.desk import Desk
    from jobs.onboarding.state import SenderState, StepResult
    from jobs.onboarding.walk import Walked

STATUS = "status"
FEW_FACTS = 3
MARKS = {"good": "✓", "note": "!", "bad": "✗"}


@dataclass(frozen=True, slots=True)
class Flags:
    """What the command line said: answers by their own names, files, and what the walk may do."""

    answers: dict[str, Any] = field(default_factory=dict)
    answers_file: Path | None = None
    steps: tuple[str, ...] = ()
    again: tuple[str, ...] = ()
    write: bool = False
    force: bool = False
    live_test: bool = False
    confirm: str = ""
    ask: bool = True


def onboard(context: Context, sender: str | None, flags: Flags) -> int:
    """Walks one sender through the steps; `status` in place of a sender shows them all."""
    if sender == STATUS:
        return status(context)
    from jobs.house import utc_now
    from jobs.onboarding.answers import check_answers, joined, read_answers
    from jobs.onboarding.desk import Desk, Wishes
    from jobs.onboarding.dialogue import Left
    from jobs.onboarding.state import STEPS, load_state, one_at_a_time
    from jobs.onboarding.walk import walk

    settings = context.settings()
    _demand_steps((*flags.steps, *flags.again), STEPS)
    dialogue = _dialogue(context, flags)
    try:
        name = _sender_name(sender, dialogue, settings.sources)
    except (Left, KeyboardInterrupt):
        return _left(context, sender or "")
    told = read_answers(flags.answers_file) if flags.answers_file else {}
    told = joined(told, flags.answers)
    check_answers(told)
    with one_at_a_time(settings.house.data, name):
        state = load_state(settings.house.data, name)
        _take_answers(state, told)
        wishes = Wishes(flags.steps, flags.again, flags.write, flags.force, flags.live_test, flags.confirm)
        desk = Desk(
            context.screen,
            context.settings_path,
            settings,
            state,
            utc_now,
            wishes,
            dialogue,
            frozenset(told),
        )
        if dialogue is not None:
            _welcome(context, desk)
        walked = walk(desk, lambda step, result: _tell_step(context, step, result))
    return _finish(context, desk, walked)


def _demand_steps(named: tuple[str, ...], known: tuple[str, ...]) -> None:
    if set(named) - set(known):
        raise ConfigurationError("onboarding.no_such_step", steps=", ".join(known))


def _dialogue(context: Context, flags: Flags) -> Any:
    """Returns somebody to ask, or None: no terminal, a machine that listens, or a wish not to be asked."""
    from jobs.onboarding.dialogue import Dialogue

    on_terminal = sys.stdin.isatty() and context.screen.out.isatty()
    return Dialogue(context.screen) if flags.ask and on_terminal and context.screen.talks else None


def _sender_name(sender: str | None, dialogue: Any, sources: dict[str, Any]) -> str:
    from jobs.onboarding.questions import Question, read_name
    from schemas.errors import BadInput

    def read(text: str) -> str:
        if text == STATUS:
            raise BadInput("onboarding.bad_name")
        return read_name(text)

    if sender is not None:
        return read(sender)
    if dialogue is None:
        raise ConfigurationError("onboarding.answers_missing", keys="SENDER")
    proposed = next(iter(sources), "loen")
    return str(dialogue.ask(Question((), "sender", read, proposed)))


def _take_answers(state: SenderState, told: dict[str, Any]) -> None:
    """Joins what this call brought to what was known; a changed answer opens every step again."""
    from jobs.onboarding.answers import joined
    from jobs.onboarding.state import LIVE_TEST

    before = {name: state.answers.get(name) for name in told if name not in ("certificate", LIVE_TEST)}
    state.answers = joined(state.answers, told)
    if any(state.answers[name] != value for name, value in before.items()):
        state.steps = {name: step for name, step in state.steps.items() if name == LIVE_TEST}
    elif "certificate" in told:
        state.steps.pop("certificate", None)
        state.steps.pop("connection", None)


def _say(context: Context, key: str, **params: object) -> str:
    return explain(f"onboard.{key}", context.screen.language, params).what


def _welcome(context: Context, desk: Desk) -> None:
    screen = context.screen
    screen.line(_say(context, "welcome", sender=desk.sender))
    done = [step for step in desk.state.steps if desk.state.status(step) == "done"]
    if done:
        words = ", ".join(_say(context, f"step_{step}") for step in done)
        screen.line(_say(context, "welcome_back", steps=words))


def _tell_step(context: Context, step: str, result: StepResult) -> None:
    screen = context.screen
    ended = _say(context, f"status_{result.status}")
    screen.line(f"\n{_say(context, f'step_{step}')}: {ended}")
    for check in result.checks:
        tell_check(context, check)


def tell_check(context: Context, check: Check) -> None:
    """Says one verdict, what to do about it and who must."""
    from jobs.onboarding.report import shown_check

    shown = shown_check(check, context.screen.language)
    subject = f" {check.subject}" if check.subject else ""
    facts, few = shown["facts"], len(shown["facts"]) <= FEW_FACTS
    beside = f" – {', '.join(facts)}" if facts and few else ""
    context.screen.line(f" {MARKS[check.level]} {shown['what']}{subject}{beside}")
    for fact in [] if few else facts:
        context.screen.line(f"   {fact}")
    if check.code:
        context.screen.line(f"   {shown['said']} {shown['do']} [{check.code}]")
        context.screen.line(f"   {_say(context, 'who', who=shown['who'])}")


def _left(context: Context, sender: str) -> int:
    command = f"brevdue onboard {sender}".rstrip()
    context.screen.line("\n" + _say(context, "left", command=command))
    return context.screen.finish({"sender": sender, "left": True, "resume": command}, EXIT_INTERRUPTED)


def _finish(context: Context, desk: Desk, walked: Walked) -> int:
    from jobs.onboarding.report import filed_report

    if walked.missing is not None:
        return context.screen.fault(walked.missing, EXIT_USAGE)
    if walked.left:
        return _left(context, desk.sender)
    open_steps = desk.state.open_steps
    if open_steps:
        words = ", ".join(_say(context, f"step_{step}") for step in open_steps)
        context.screen.line("\n" + _say(context, "still_open", steps=words, sender=desk.sender))
    else:
        context.screen.line("\n" + _say(context, "all_done"))
    context.screen.line(_say(context, "report_at", path=walked.report))
    data = {**filed_report(desk), "report": str(walked.report)}
    return context.screen.finish(data, _code(desk.state))


def _code(state: SenderState) -> int:
    """Returns 1 when a verdict is bad, 4 when nobody answered and no more, 3 when steps are open."""
    bad = [check for step in state.steps.values() for check in step.checks if check.level == "bad"]
    if bad:
        return EXIT_UNREACHED if all(check.unreached for check in bad) else EXIT_ERROR_LIST
    return EXIT_WAITING if state.open_steps else EXIT_OK


def status(context: Context) -> int:
    """Shows every sender's open steps and who must act."""
    from jobs.onboarding.state import list_senders, load_state

    data = context.settings().house.data
    states = [load_state(data, sender) for sender in list_senders(data)]
    rows = [row for state in states for row in _status_rows(context, state)]
    columns = [_say(context, f"column_{name}") for name in ("sender", "step", "status", "who", "found")]
    context.screen.table("", columns, rows)
    if not states:
        context.screen.line(_say(context, "nobody"))
    elif not rows:
        context.screen.line(_say(context, "nothing_open"))
    told = {
        state.sender: {
            "done": not state.open_steps,
            "open_steps": {step: _awaited(state, step) for step in state.open_steps},
        }
        for state in states
    }
    return context.screen.finish({"senders": told}, EXIT_WAITING if rows else EXIT_OK)


def _awaited(state: SenderState, step: str) -> list[dict[str, Any]]:
    found = state.steps.get(step)
    return [
        {"code": check.code, "who": check.who, "subject": check.subject}
        for check in (found.checks if found else ())
        if check.code
    ]


def _status_rows(context: Context, state: SenderState) -> list[list[str]]:
    rows: list[list[str]] = []
    for step in state.open_steps:
        found = state.steps.get(step)
        first = next((check for check in (found.checks if found else ()) if check.code), None)
        who = _say(context, f"who_{first.who}") if first and first.who else _say(context, "who_us")
        why = context.screen.why(first.code, first.params) if first else _say(context, "not_tried")
        ended = _say(context, f"status_{state.status(step)}")
        rows.append([state.sender, _say(context, f"step_{step}"), ended, who, why])
    return rows
