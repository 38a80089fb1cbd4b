"""The command status: shows how batches and channels stand, and changes nothing.

Relies on the ledger's readings. Numbers are masked; names and titles never shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from jobs.commands.actors import who
from jobs.commands.context import Context
from jobs.commands.outcome import code_of
from jobs.commands.strays import strays_data, strays_in, tell_strays
from jobs.screen import Screen
from schemas.errors import BadInput
from schemas.states import State

if TYPE_CHECKING:
    from batch.records import Attention, BatchSummary
    from jobs.house import House

SHOWN_AT_MOST = 50


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
        context.screen.say("status_paused", channel=pause.channel, by=who(pause.actor) or "brevdue", why=why)
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
    if batch.held_code and batch.released_at is None and batch.counts.get(State.HELD, 0):
        screen.say("pull_held", batch=batch.id, why=screen.why(batch.held_code, batch.held_params))


def _batch_data(batch: BatchSummary) -> dict[str, object]:
    return {
        "batch": batch.id,
        "source": batch.source,
        "taken_at": batch.taken_at.isoformat(),
        "released_at": batch.released_at.isoformat() if batch.released_at else None,
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
        known = house.ledger.standing(batch_id) is not None
        raise BadInput("usage.batch_wanted" if known else "usage.no_such_subject")
    screen.say("status_batch", batch=batch.id, source=batch.source, taken=screen.moment(batch.taken_at))
    rows = [[word, str(n)] for word, n in _figures(screen, batch)]
    screen.table("", [screen.text("col_state"), screen.text("col_count")], rows)
    screen.say("adds_up" if batch.adds_up else "adds_not_up", n_lines=batch.n_lines)
    _tell_hold(screen, batch)
    attention = house.ledger.attention(batch_id, SHOWN_AT_MOST)
    _tell_attention(screen, attention)
    data = {
        **_batch_data(batch),
        "attention": [
            {"consignment": one.consignment_id, "state": one.state.value, "code": one.code}
            for one in attention
        ],
    }
    return screen.finish(data, code_of([batch]))


def _tell_attention(screen: Screen, attention: Sequence[Attention]) -> None:
    """Draws what a person should look at, each with the id by which it is released or cancelled."""
    columns = [screen.text(f"col_{name}") for name in ("consignment", "state", "why")]
    rows = [
        [one.consignment_id, screen.word(one.state), f"{screen.why(one.code, one.params)} [{one.code}]"]
        for one in attention
    ]
    screen.table(screen.text("status_attention"), columns, rows)
    if len(rows) == SHOWN_AT_MOST:
        screen.say("status_attention_more", n_shown=len(rows))
