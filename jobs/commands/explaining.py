"""The command explain: tells the whole story of a consignment and what would become of it now; sends nothing.

Relies on the ledger's readings and on `jobs.reasoning`. Of a bare mail address it tells which channels would
take a mail there. Numbers are masked; names and titles never shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from jobs.commands.actors import who
from jobs.commands.context import Context
from jobs.commands.explained import enrolments, masked, reasons_data, remarks, standing_data
from jobs.reasoning import Outlook, look_ahead, look_at_address
from jobs.screen import EXIT_OK, Screen
from routing.reasoning import Reason
from schemas.catalogue import explain as explain_code
from schemas.errors import BadInput
from schemas.states import State

if TYPE_CHECKING:
    from batch.records import Event, Standing
    from jobs.house import House

_FINGERPRINT_CHARS = 16


def explain(context: Context, subject: str) -> int:
    """Shows a consignment's route, reasons and history, every consignment of a number, or the ways to a mail
    address; sends nothing."""
    with context.house() as house:
        if "@" in subject:
            return _explain_address(context, house, subject)
        standings = _standings(house, subject)
        if not standings:
            known = house.ledger.batch(subject) is not None
            raise BadInput("usage.consignment_wanted" if known else "usage.no_such_subject")
        told = [(standing, look_ahead(house, standing)) for standing in standings]
        for standing, outlook in told:
            tell_standing(context.screen, house, standing, outlook)
        data = {"consignments": [standing_data(house, *one) for one in told]}
    return context.screen.finish(data, EXIT_OK)


def _standings(house: House, subject: str) -> list[Standing]:
    from schemas.identity import cpr_digits, cvr_digits

    standing = house.ledger.standing(subject)
    if standing is not None:
        return [standing]
    ids: list[str] = []
    # A number that lost its zero is looked for as the index has it, too.
    for digits in {cpr_digits(subject).zfill(10), cvr_digits(subject)} - {"", "0" * 10}:
        ids += house.ledger.by_recipient(digits)
    found = (house.ledger.standing(one) for one in ids)
    return [standing for standing in found if standing is not None]


def _explain_address(context: Context, house: House, address: str) -> int:
    """Shows each channel by mail, open to this address or not, and what that rests on."""
    screen = context.screen
    reasons = look_at_address(house, address)
    columns = [screen.text(f"col_{name}") for name in ("channel", "protection", "open", "why")]
    rows = [_row(screen, one) for one in reasons]
    if rows:
        title = screen.text("explain_address")
        screen.table(title, columns, [[*row[:3], row[4]] for row in rows])
    else:
        screen.say("explain_no_mail")
    _tell_evidence(screen, reasons)
    ways = [{key: value for key, value in one.items() if key != "allowed"} for one in reasons_data(reasons)]
    return screen.finish({"ways": ways}, EXIT_OK)


def tell_standing(screen: Screen, house: House, standing: Standing, outlook: Outlook | None) -> None:
    """Tells one consignment: how it stands, its route, the outlook, receipt, history and later word."""
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
    for one in remarks(house, standing):
        why = screen.why(one.code, one.params)
        screen.line("  " + screen.text("explain_remark", why=why, code=one.code))
    _tell_route(screen, house, standing)
    _tell_outlook(screen, outlook, standing.state)
    _tell_receipt(screen, standing)
    _tell_history(screen, standing)
    _tell_words(screen, standing)


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


def _tell_words(screen: Screen, standing: Standing) -> None:
    if standing.words:
        screen.line("  " + screen.text("explain_words"))
    for word in standing.words:
        what = explain_code(word.code, screen.language).what
        detail = word.proof.get("identity") or word.proof.get("detail")
        said = f"{what} ({detail})" if detail else what
        screen.line(f"    {screen.moment(word.at, seconds=True)}  {word.channel}: {said} [{word.code}]")


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
    _tell_evidence(screen, outlook.reasons)


def _tell_evidence(screen: Screen, reasons: Sequence[Reason]) -> None:
    """Tells what each channel's answer rests on, a paragraph for each certificate or mail exchanger."""
    for one in reasons:
        if one.evidence:
            screen.line("  " + screen.text("explain_evidence", channel=one.channel))
        for evidence in one.evidence:
            screen.line("    " + _evidence(evidence))


def _row(screen: Screen, one: Reason) -> list[str]:
    protection = screen.text(f"protection_{one.protection}") if one.protection else "–"
    said = f"{screen.why(one.code, one.params)} [{one.code}]" if one.code else ""
    return [one.channel, protection, _yes(screen, one.open), _yes(screen, one.allowed), said]


def _yes(screen: Screen, answer: bool | None) -> str:
    return "–" if answer is None else screen.text("yes" if answer else "no")


def _evidence(evidence: Mapping[str, str]) -> str:
    """Returns evidence as people read it: fingerprints by their beginning; machines get them whole."""
    shown = {
        name: f"{value[:_FINGERPRINT_CHARS]}…" if name.endswith("sha256") else value
        for name, value in evidence.items()
    }
    return ", ".join(f"{name} {value}" for name, value in shown.items())
