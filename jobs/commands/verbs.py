"""The commands of the five verbs and `run`: one pass each, with bars for people and counts for machines.

Relies on the verb modules in `jobs`, and on `jobs.commands.outcome` for the exit code. Does no work itself.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.commands.context import Context
from jobs.commands.outcome import code_of, fault_code, finish_pass
from jobs.commands.strays import strays_data, tell_strays
from jobs.screen import EXIT_ERROR_LIST, EXIT_OK, EXIT_UNREACHED, EXIT_WAITING
from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from batch.intake import Taken
    from jobs.dispatch import DispatchResult
    from jobs.house import House
    from jobs.pull import PullResult, Refusal


def pull(context: Context, source: str | None, csv: Path | None, documents: Path | None) -> int:
    """Takes in what is sealed, or one CSV."""
    from jobs.pull import Pull

    if csv is not None and source is None:
        raise ConfigurationError("usage.csv_needs_source")
    if documents is not None and csv is None:
        raise ConfigurationError("usage.documents_needs_csv")
    if csv is not None and not csv.is_file():
        raise ConfigurationError("usage.no_csv")
    if documents is not None and not documents.is_dir():
        raise ConfigurationError("usage.no_documents")
    screen = context.screen
    with context.house() as house, context.stopping() as stop, screen.bar(screen.text("bar_pull")) as bar:
        work = Pull(house, stop=stop, progress=bar)
        result = work.run_csv(source, csv, documents) if csv and source else work.run(source)
        # A CSV that was begun is taken whole: an interruption can only have come before it.
        stopped = stop() and not (csv and (result.taken or result.refused or result.fault))
    return _tell_pull(context, result, stopped, f"pull --source {source} --csv …" if csv else "pull")


def _tell_pull(context: Context, result: PullResult, stopped: bool, command: str) -> int:
    screen = context.screen
    for taken in result.taken:
        _tell_taken(context, taken, result.answers.get(taken.batch_id))
    for refusal in result.refused:
        _tell_refusal(context, refusal)
    for busy in result.busy:
        screen.say("pull_busy", source=busy)
    strays = [stray for found in result.strays.values() for stray in found]
    tell_strays(screen, strays)
    if not (result.taken or result.refused or result.busy or result.fault or stopped):
        screen.say("pull_nothing")
    data = {
        "taken": [asdict(taken) for taken in result.taken],
        "refused": [{**asdict(refusal), "answer": str(refusal.answer or "")} for refusal in result.refused],
        "busy": list(result.busy),
        "strays": strays_data(strays),
    }
    code = fault_code(context, result.fault, _pull_code(result))
    return finish_pass(context, command, data, code, stopped=stopped)


def _pull_code(result: PullResult) -> int:
    if any(taken.n_held or taken.held_code for taken in result.taken):
        return EXIT_WAITING
    if result.refused or any(taken.n_rejected for taken in result.taken):
        return EXIT_ERROR_LIST
    return EXIT_OK


def _tell_taken(context: Context, taken: Taken, answer: Path | None) -> None:
    """Says what became of a drop, and where to read more when a person should look."""
    screen = context.screen
    screen.say(
        "pull_taken",
        batch=taken.batch_id,
        name=taken.name,
        n_lines=taken.n_lines,
        n_ready=taken.n_ready,
        n_held=taken.n_held,
        n_rejected=taken.n_rejected,
        n_warnings=taken.n_warnings,
    )
    if taken.held_code:
        screen.say("pull_held", batch=taken.batch_id, why=screen.why(taken.held_code, taken.held_params))
    if answer is not None and (taken.n_rejected or taken.n_held or taken.n_warnings):
        screen.say("see_folder", folder=answer)


def _tell_refusal(context: Context, refusal: Refusal) -> None:
    screen = context.screen
    why = screen.why(refusal.code, refusal.params)
    screen.say("pull_refused", source=refusal.source, name=refusal.name, why=why, code=refusal.code)
    if refusal.answer is not None:
        screen.say("see_folder", folder=refusal.answer)


def dispatch(context: Context) -> int:
    """Sends what is due."""
    from jobs.dispatch import Dispatcher

    screen = context.screen
    with context.house() as house, context.stopping() as stop, screen.bar(screen.text("bar_dispatch")) as bar:
        total = sum(house.ledger.due(name) for name in house.settings.channels)
        done = 0

        def advance(n: int) -> None:
            nonlocal done
            done += n
            bar(done, max(total, done))

        result = Dispatcher(house).run(stop=stop, progress=advance)
        batches = house.ledger.batches(open_only=True)
        again_at = _again_at(house, result)
        # An interruption that came when all was done has interrupted nothing.
        stopped = stop() and any(house.ledger.due(name) for name in house.settings.channels)
    code = EXIT_UNREACHED if result.unreached or again_at else code_of(batches)
    return _tell_dispatch(context, result, again_at, code, stopped)


def _again_at(house: House, result: DispatchResult) -> datetime | None:
    """Returns when to try again what the other side put off in this pass; None when it put off nothing."""
    lanes = [lane.channel for lane in result.lanes if lane.causes["deferred"]]
    return min((at for name in lanes if (at := house.ledger.next_due_at(name))), default=None)


def _tell_dispatch(
    context: Context, result: DispatchResult, again_at: datetime | None, code: int, stopped: bool
) -> int:
    screen = context.screen
    if result.n_opened:
        screen.say("dispatch_opened", n_opened=result.n_opened)
    for lane in result.lanes:
        screen.say("dispatch_lane", channel=lane.channel, counts=_counts(context, lane.causes))
        if lane.stopped_by:
            screen.say("dispatch_stopped", channel=lane.channel, why=screen.why(lane.stopped_by))
    for name in result.closed:
        screen.say("dispatch_closed", channel=name)
    if not result.lanes and not result.closed:
        screen.say("dispatch_nothing")
    if again_at:
        screen.say("dispatch_again", at=screen.moment(again_at, seconds=True))
    data = {
        "channels": {
            lane.channel: {"causes": dict(lane.causes), "stopped_by": lane.stopped_by}
            for lane in result.lanes
        },
        "closed": list(result.closed),
        "taken_over": result.n_taken_over,
        "opened": result.n_opened,
        "again_at": again_at.isoformat() if again_at else None,
    }
    return finish_pass(context, "dispatch", data, code, stopped=stopped)


def _counts(context: Context, causes: dict[str, int]) -> str:
    from schemas.catalogue import explain

    words = (f"{n} {explain(f'cause.{cause}', context.screen.language).what}" for cause, n in causes.items())
    return ", ".join(words) or "0"


def collect(context: Context) -> int:
    """Fetches later word."""
    from jobs.collect import collect as work

    screen = context.screen
    with context.house() as house, context.stopping() as stop:
        result = work(house, stop=stop)
        stopped = stop()
    screen.say("collect_done", n_asked=result.n_asked, n_moved=result.n_moved)
    for channel, code in result.unreached:
        screen.say("collect_unreached", channel=channel, why=screen.why(code))
    data = {"asked": result.n_asked, "moved": result.n_moved, "unreached": dict(result.unreached)}
    return finish_pass(
        context, "collect", data, EXIT_UNREACHED if result.unreached else EXIT_OK, stopped=stopped
    )


def close(context: Context) -> int:
    """Writes answers and closes finished batches; the exit code tells what the new answers say."""
    from jobs.close import close as work

    with context.house() as house, context.stopping() as stop:
        result = work(house, stop=stop)
        answered = [batch for one in result.answered if (batch := house.ledger.batch(one))]
        stopped = stop()
    context.screen.say("close_done", n_answered=len(result.answered), n_closed=len(result.closed))
    data = {"answered": list(result.answered), "closed": list(result.closed)}
    code = fault_code(context, result.fault, code_of(answered))
    return finish_pass(context, "close", data, code, stopped=stopped)


def purge(context: Context) -> int:
    """Destroys what retention says is over."""
    from jobs.purge import purge as work

    with context.house() as house, context.stopping() as stop:
        result = work(house, stop=stop)
        stopped = stop()
    context.screen.say("purge_done", **asdict(result))
    return finish_pass(context, "purge", asdict(result), EXIT_OK, stopped=stopped)


def run(context: Context) -> int:
    """Keeps the timetable until it is told to stop."""
    from jobs.run import run as work

    settings = context.settings()
    return context.screen.finish({"mode": settings.house.mode}, work(settings))
