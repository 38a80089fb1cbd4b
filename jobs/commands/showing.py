"""The commands that show and change nothing: status and explain.

Relies on the ledger's readings and on the route planner. Numbers are masked; names and titles never shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobs.commands.context import Context
from jobs.screen import EXIT_ERROR_LIST, EXIT_OK, EXIT_WAITING, Screen
from schemas.catalogue import explain as explain_code
from schemas.errors import BadInput
from schemas.states import State

if TYPE_CHECKING:
    from batch.records import BatchSummary, Standing
    from jobs.house import House


def word(screen: Screen, state: str) -> str:
    """Returns a state's word in the screen's language."""
    return screen.word(state)


def status(context: Context, batch_id: str | None) -> int:
    """Shows the open batches and the channels, or one batch."""
    with context.house() as house:
        if batch_id is not None:
            return _status_batch(context, house, batch_id)
        return _status_all(context, house)


def _status_all(context: Context, house: House) -> int:
    screen = context.screen
    batches = house.ledger.batches()
    states = [state for state in State if any(batch.counts.get(state, 0) for batch in batches)]
    if not batches:
        screen.say("status_empty")
    screen.table(
        screen.text("status_title"),
        [
            screen.text("col_batch"),
            screen.text("col_source"),
            screen.text("col_taken"),
            screen.text("col_lines"),
        ]
        + [word(screen, "rejected")]
        + [word(screen, state) for state in states],
        [
            [batch.id, batch.source, screen.moment(batch.taken_at), str(batch.n_lines), str(batch.n_rejected)]
            + [str(batch.counts.get(state, 0)) for state in states]
            for batch in batches
        ],
    )
    for batch in batches:
        if batch.held_code:
            screen.say("pull_held", batch=batch.id, why=screen.why(batch.held_code, batch.held_params))
    pauses = house.ledger.pauses()
    for pause in pauses:
        screen.say("status_paused", channel=pause.channel, by=pause.actor, why=screen.why(pause.code))
    channels = {
        name: {"due": house.ledger.due(name), "next_due_at": house.ledger.next_due_at(name)}
        for name in house.settings.channels
    }
    for name, figures in channels.items():
        screen.say("status_channel", channel=name, n_due=figures["due"])
    data = {
        "mode": house.settings.house.mode,
        "batches": [_batch_data(batch) for batch in batches],
        "channels": channels,
        "paused": {pause.channel: pause.code for pause in pauses},
    }
    return screen.finish(data, _code(batches))


def _code(batches: list[BatchSummary]) -> int:
    counts = [batch.counts for batch in batches]
    if any(count.get(State.HELD, 0) or count.get(State.IN_DOUBT, 0) for count in counts):
        return EXIT_WAITING
    if any(batch.n_rejected or batch.counts.get(State.FAILED, 0) for batch in batches):
        return EXIT_ERROR_LIST
    return EXIT_OK


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
    rows = [(word(screen, "rejected"), batch.n_rejected)]
    rows += [(word(screen, state), n) for state, n in batch.counts.items() if n]
    screen.table("", [screen.text("col_state"), screen.text("col_count")], [[w, str(n)] for w, n in rows])
    screen.say("adds_up" if batch.adds_up else "adds_not_up", n_lines=batch.n_lines)
    if batch.held_code:
        screen.say("pull_held", batch=batch.id, why=screen.why(batch.held_code, batch.held_params))
    return screen.finish(_batch_data(batch), _code([batch]))


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
    screen.line()
    screen.say(
        "explain_head",
        id=standing.id,
        recipient=_masked(standing),
        material=standing.material,
        state=word(screen, standing.state),
    )
    if standing.code:
        screen.line("  " + screen.why(standing.code, standing.params) + f" [{standing.code}]")
    if standing.state is State.READY:
        channel = standing.route[standing.step]
        screen.say("explain_next", at=screen.moment(standing.next_attempt_at), channel=channel)
    _tell_route(screen, house, standing)
    _tell_receipt(screen, standing)
    _tell_history(screen, standing)


def _tell_route(screen: Screen, house: House, standing: Standing) -> None:
    for number, channel in enumerate(standing.route):
        mark = "→" if number == standing.step else " "
        screen.line(f"  {mark} {number + 1}. {channel}")
    for channel, code in _left_out(house, standing.material):
        screen.line(f"    – {channel}: {screen.why(code)}")


def _tell_receipt(screen: Screen, standing: Standing) -> None:
    receipt = standing.receipt
    if receipt is None:
        return
    mark = screen.text("simulated_mark") if receipt.simulated else ""
    screen.say("explain_receipt", id=receipt.external_id, at=screen.moment(receipt.at), mark=mark)
    screen.line("    " + ", ".join(f"{key} {value}" for key, value in sorted(receipt.proof.items())))


def _tell_history(screen: Screen, standing: Standing) -> None:
    columns = ("when", "from", "to", "cause", "by", "channel", "attempt", "code")
    screen.table(
        "",
        [screen.text(f"col_{name}") for name in columns],
        [
            [
                f"{event.at:%Y-%m-%d %H:%M:%S}Z",
                word(screen, event.from_state),
                word(screen, event.to_state),
                explain_code(f"cause.{event.cause}", screen.language).what,
                event.actor,
                event.channel,
                str(event.attempt),
                event.code,
            ]
            for event in standing.history
        ],
    )


def _left_out(house: House, material: str) -> list[tuple[str, str]]:
    from routing.planning import plan

    settings = house.settings.materials.get(material)
    if settings is None:
        return []
    return [(one.channel, one.code) for one in plan(settings, house.protections()).left_out]


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
