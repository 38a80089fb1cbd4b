"""The commands that show and change nothing: status and explain.

Relies on the ledger's readings and on the route planner. Numbers are masked; names and titles never shown.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from jobs.commands.context import Context
from jobs.commands.outcome import code_of
from jobs.commands.strays import strays_data, strays_in, tell_strays
from jobs.screen import EXIT_OK, Screen
from schemas.catalogue import explain as explain_code
from schemas.errors import BadInput
from schemas.states import State

if TYPE_CHECKING:
    from batch.records import BatchSummary, Event, Standing
    from eboks.enrolment import Finding
    from jobs.house import House

_WORKER = re.compile(r"[0-9a-f]{32}")


def status(context: Context, batch_id: str | None) -> int:
    """Shows the newest batches and the channels, or one batch."""
    with context.house() as house:
        if batch_id is not None:
            return _status_batch(context, house, batch_id)
        return _status_all(context, house)


def _status_all(context: Context, house: House) -> int:
    batches = house.ledger.batches()
    _tell_batches(context.screen, batches)
    pauses = house.ledger.pauses()
    for pause in pauses:
        why = context.screen.why(pause.code)
        context.screen.say("status_paused", channel=pause.channel, by=_who(pause.actor) or "brevdue", why=why)
    channels = {
        name: {"due": house.ledger.due(name), "next_due_at": house.ledger.next_due_at(name)}
        for name in house.settings.channels
    }
    for name, figures in channels.items():
        context.screen.say("status_channel", channel=name, n_due=figures["due"])
    strays = strays_in(house)
    tell_strays(context.screen, strays)
    data = {
        "mode": house.settings.house.mode,
        "batches": [_batch_data(batch) for batch in batches],
        "channels": channels,
        "paused": {pause.channel: pause.code for pause in pauses},
        "strays": strays_data(strays),
    }
    return context.screen.finish(data, code_of(batches))


def _tell_batches(screen: Screen, batches: Sequence[BatchSummary]) -> None:
    """Draws the batches; their states come as words with numbers, so that all fits a narrow terminal."""
    if not batches:
        screen.say("status_empty")
    columns = [screen.text(f"col_{name}") for name in ("batch", "source", "lines", "state")]
    rows = [[one.id, one.source, str(one.n_lines), _in_words(screen, one)] for one in batches]
    screen.table(screen.text("status_title"), columns, rows)
    for batch in batches:
        _tell_hold(screen, batch)


def _in_words(screen: Screen, batch: BatchSummary) -> str:
    said = [f"{n} {word}" for word, n in _figures(screen, batch)]
    return ", ".join(said)


def _figures(screen: Screen, batch: BatchSummary) -> list[tuple[str, int]]:
    """Returns the word and number of every state that has one, in the order of a consignment's way."""
    figures = [(screen.word("rejected"), batch.n_rejected)]
    figures += [(screen.word(state), batch.counts.get(state, 0)) for state in State]
    return [(word, n) for word, n in figures if n]


def _tell_hold(screen: Screen, batch: BatchSummary) -> None:
    if batch.held_code and batch.counts.get(State.HELD, 0):
        screen.say("pull_held", batch=batch.id, why=screen.why(batch.held_code, batch.held_params))


def _batch_data(batch: BatchSummary) -> dict[str, object]:
    return {
        "batch": batch.id,
        "source": batch.source,
        "taken_at": batch.taken_at.isoformat(),
        "closed_at": batch.closed_at.isoformat() if batch.closed_at else None,
        "lines": batch.n_lines,
        "rejected": batch.n_rejected,
        "warnings": batch.n_warnings,
        "held_code": batch.held_code,
        "states": {state.value: n for state, n in batch.counts.items()},
        "adds_up": batch.adds_up,
    }


def _status_batch(context: Context, house: House, batch_id: str) -> int:
    screen = context.screen
    batch = house.ledger.batch(batch_id)
    if batch is None:
        raise BadInput("usage.no_such_subject")
    screen.say("status_batch", batch=batch.id, source=batch.source, taken=screen.moment(batch.taken_at))
    rows = [[word, str(n)] for word, n in _figures(screen, batch)]
    screen.table("", [screen.text("col_state"), screen.text("col_count")], rows)
    screen.say("adds_up" if batch.adds_up else "adds_not_up", n_lines=batch.n_lines)
    _tell_hold(screen, batch)
    return screen.finish(_batch_data(batch), code_of([batch]))


def explain(context: Context, subject: str) -> int:
    """Shows a consignment's route, reasons and history, or every consignment of a number; sends nothing."""
    with context.house() as house:
        standings = _standings(house, subject)
        if not standings:
            raise BadInput("usage.no_such_subject")
        for standing in standings:
            _tell_standing(context.screen, house, standing)
        data = {"consignments": [_standing_data(house, standing) for standing in standings]}
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


def _masked(standing: Standing) -> str:
    """Returns the recipient's number as people may see it; a dash once the batch was erased."""
    return standing.consignment.recipient.number.masked if standing.consignment else "–"


def _tell_standing(screen: Screen, house: House, standing: Standing) -> None:
    screen.line(f"\n{standing.id}")
    head = screen.text(
        "explain_head",
        recipient=_masked(standing),
        material=standing.material,
        line=standing.line,
        state=screen.word(standing.state),
    )
    screen.line("  " + head)
    if standing.code:
        screen.line("  " + screen.why(standing.code, standing.params) + f" [{standing.code}]")
    _tell_route(screen, house, standing)
    _tell_receipt(screen, standing)
    _tell_history(screen, standing)


def _tell_route(screen: Screen, house: House, standing: Standing) -> None:
    steps = [f"→ {name}" if n == standing.step else name for n, name in enumerate(standing.route)]
    screen.line("  " + screen.text("explain_route", route=", ".join(steps)))
    if standing.state is State.READY:
        at, channel = screen.moment(standing.next_attempt_at), standing.route[standing.step]
        screen.line("  " + screen.text("explain_next", at=at, channel=channel))
    for channel, code in _left_out(house, standing.material):
        screen.line(f"    – {channel}: {screen.why(code)}")
    for channel, found in _enrolments(house, standing):
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
    if who := _who(event.actor):
        said.append(screen.text("explain_by", by=who))
    return ", ".join(said) + (f" [{event.code}]" if event.code else "")


def _who(actor: str) -> str:
    """Returns the person who acted; nothing for ourselves, whose workers have names without meaning."""
    return "" if actor == "brevdue" or _WORKER.fullmatch(actor) else actor


def _left_out(house: House, material: str) -> list[tuple[str, str]]:
    if material not in house.settings.materials:
        return []
    return [(one.channel, one.code) for one in house.standing_route(material).left_out]


def _enrolments(house: House, standing: Standing) -> list[tuple[str, Finding]]:
    """Returns what is known, without asking anybody, of the recipient's enrolment at the route's channels."""
    from eboks.enrolment import Enrolments

    settings = house.settings.materials.get(standing.material)
    if standing.consignment is None or settings is None or settings.eboks is None:
        return []
    known: list[tuple[str, Finding]] = []
    for name in standing.route:
        channel = house.channel(name) if name in house.settings.channels else None
        service = getattr(channel, "enrolments", None)
        if isinstance(service, Enrolments):
            found = service.known(standing.consignment.recipient, settings.eboks)
            known += [(name, found)] if found else []
    return known


def _standing_data(house: House, standing: Standing) -> dict[str, object]:
    return {
        "consignment": standing.id,
        "batch": standing.batch_id,
        "line": standing.line,
        "material": standing.material,
        "recipient": _masked(standing),
        "state": standing.state.value,
        "code": standing.code,
        "message_id": standing.message_id,
        "needs_person": standing.needs_person,
        "route": list(standing.route),
        "step": standing.step,
        "left_out": dict(_left_out(house, standing.material)),
        "enrolment": {
            name: {
                "answer": found.answer.value,
                "source": found.source,
                "at": found.at.isoformat() if found.at else None,
            }
            for name, found in _enrolments(house, standing)
        },
        "next_attempt_at": standing.next_attempt_at.isoformat(),
        "receipt": _receipt_data(standing),
        "history": [
            {
                "at": event.at.isoformat(),
                "from": event.from_state.value,
                "to": event.to_state.value,
                "cause": event.cause.value,
                "actor": event.actor,
                "channel": event.channel,
                "attempt": event.attempt,
                "code": event.code,
            }
            for event in standing.history
        ],
    }


def _receipt_data(standing: Standing) -> dict[str, object] | None:
    receipt = standing.receipt
    if receipt is None:
        return None
    return {
        "id": receipt.external_id,
        "at": receipt.at.isoformat(),
        "proof": dict(receipt.proof),
        "simulated": receipt.simulated,
    }
