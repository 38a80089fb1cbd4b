"""The command explain: tells the whole story of a consignment and what would become of it now; sends nothing.

Relies on the ledger's readings and on `jobs.reasoning`. Numbers are masked; names and titles never shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from jobs.commands.actors import who
from jobs.commands.context import Context
from jobs.commands.explained import enrolments, masked, standing_data
from jobs.reasoning import Outlook, look_ahead
from jobs.screen import EXIT_OK, Screen
from routing.reasoning import Reason
from schemas.catalogue import explain as explain_code
from schemas.errors import BadInput
from schemas.states import State

if TYPE_CHECKING:
    from batch.records import Event, Standing
    from jobs.house import House


def explain(context: Context, subject: str) -> int:
    """Shows a consignment's route, reasons and history, or every consignment of a number; sends nothing."""
    with context.house() as house:
        standings = _standings(house, subject)
        if not standings:
            raise BadInput("usage.no_such_subject")
        told = [(standing, look_ahead(house, standing)) for standing in standings]
        for standing, outlook in told:
            _tell_standing(context.screen, house, standing, outlook)
        data = {"consignments": [standing_data(house, *one) for one in told]}
    return context.screen.finish(data, EXIT_OK)


def _standings(house: House, subject: str) -> list[Standing]:
    from schemas.identity import cpr_digits, cvr_digits

    standing = house.ledger.standing(subject)
    if standing is not None:
        return [standing]
    ids: list[str] = []
    for digits in {cpr_digits(subject), cvr_digits(subject)} - {""}:
        ids += house.ledger.by_recipient(digits)
    found = (house.ledger.standing(one) for one in ids)
    return [standing for standing in found if standing is not None]


def _tell_standing(screen: Screen, house: House, standing: Standing, outlook: Outlook | None) -> None:
    screen.line(f"\n{standing.id}")
    head = screen.text(
        "explain_head",
        recipient=masked(standing),
        material=standing.material,
        line=standing.line,
        state=screen.word(standing.state),
    )
    screen.line("  " + head)
    if standing.code:
        screen.line("  " + screen.why(standing.code, standing.params) + f" [{standing.code}]")
    _tell_route(screen, house, standing)
    _tell_outlook(screen, outlook, standing.state)
    _tell_receipt(screen, standing)
    _tell_history(screen, standing)


def _tell_route(screen: Screen, house: House, standing: Standing) -> None:
    steps = [f"→ {name}" if n == standing.step else name for n, name in enumerate(standing.route)]
    screen.line("  " + screen.text("explain_route", route=", ".join(steps)))
    if standing.state is State.READY:
        at, channel = screen.moment(standing.next_attempt_at), standing.route[standing.step]
        screen.line("  " + screen.text("explain_next", at=at, channel=channel))
    for channel, found in enrolments(house, standing):
        said = screen.text(
            "explain_enrolment",
            channel=channel,
            answer=screen.text(f"enrolment.{found.answer}"),
            source=screen.text(f"enrolment_source.{found.source}"),
            at=screen.moment(found.at),
        )
        screen.line("  " + said)


def _tell_receipt(screen: Screen, standing: Standing) -> None:
    receipt = standing.receipt
    if receipt is None:
        return
    mark = screen.text("simulated_mark") if receipt.simulated else ""
    at = screen.moment(receipt.at)
    screen.line("  " + screen.text("explain_receipt", id=receipt.external_id, at=at, mark=mark))
    for key, value in sorted(receipt.proof.items()):
        screen.line(f"    {key} {value}")


def _tell_history(screen: Screen, standing: Standing) -> None:
    if standing.history:
        screen.line("  " + screen.text("explain_history"))
    for event in standing.history:
        cause = explain_code(f"cause.{event.cause}", screen.language).what
        arrow = f"{screen.word(event.from_state)} → {screen.word(event.to_state)}"
        screen.line(f"    {screen.moment(event.at, seconds=True)}  {arrow}: {_details(screen, event, cause)}")


def _details(screen: Screen, event: Event, cause: str) -> str:
    said = [cause]
    if event.attempt:
        said.append(screen.text("explain_attempt", channel=event.channel, n_attempt=event.attempt))
    if person := who(event.actor):
        said.append(screen.text("explain_by", by=person))
    return ", ".join(said) + (f" [{event.code}]" if event.code else "")


def _tell_outlook(screen: Screen, outlook: Outlook | None, state: State) -> None:
    """Draws a row for every channel: open or not, allowed or not, and why; then what would be sent now."""
    if outlook is None:
        return
    columns = [screen.text(f"col_{name}") for name in ("channel", "protection", "open", "allowed", "why")]
    screen.table(screen.text("explain_outlook"), columns, [_row(screen, one) for one in outlook.reasons])
    if outlook.channel:
        key = "explain_released" if state is State.HELD else "explain_now"
        screen.line("  " + screen.text(key, channel=outlook.channel))
    else:
        screen.line("  " + screen.text("explain_nowhere"))


def _row(screen: Screen, one: Reason) -> list[str]:
    protection = screen.text(f"protection_{one.protection}") if one.protection else "–"
    said = [f"{screen.why(one.code, one.params)} [{one.code}]"] if one.code else []
    said += [_evidence(evidence) for evidence in one.evidence]
    return [one.channel, protection, _yes(screen, one.open), _yes(screen, one.allowed), "\n".join(said)]


def _yes(screen: Screen, answer: bool | None) -> str:
    return "–" if answer is None else screen.text("yes" if answer else "no")


def _evidence(evidence: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in evidence.items())
