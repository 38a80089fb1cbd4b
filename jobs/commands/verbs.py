"""The commands of the five verbs and `run`: one pass each, with bars for people and counts for machines.

Relies on the verb modules in `jobs`. Works out the exit code (design 8.4) and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.commands.context import Context
from jobs.screen import EXIT_ERROR_LIST, EXIT_OK, EXIT_UNREACHED, EXIT_WAITING
from schemas.errors import ConfigurationError
from schemas.states import State

if TYPE_CHECKING:
    from batch.intake import Taken
    from jobs.dispatch import DispatchResult
    from jobs.pull import PullResult, Refusal


def pull(context: Context, source: str | None, csv: Path | None, documents: Path | None) -> int:
    """Takes in what is sealed, or one CSV."""
    from jobs.pull import Pull

    if csv is not None and source is None:
        raise ConfigurationError("usage.csv_needs_source")
    screen = context.screen
    with context.house() as house, context.stopping() as stop, screen.bar(screen.text("bar_pull")) as bar:
        work = Pull(house, stop=stop, progress=bar)
        result = work.run_csv(source, csv, documents) if csv and source else work.run(source)
    return _tell_pull(context, result)


def _tell_pull(context: Context, result: PullResult) -> int:
    screen = context.screen
    for taken in result.taken:
        _tell_taken(context, taken)
    for refusal in result.refused:
        _tell_refusal(context, refusal)
    for busy in result.busy:
        screen.say("pull_busy", source=busy)
    if not (result.taken or result.refused or result.busy):
        screen.say("pull_nothing")
    data = {
        "taken": [asdict(taken) for taken in result.taken],
        "refused": [{**asdict(refusal), "answer": str(refusal.answer or "")} for refusal in result.refused],
        "busy": list(result.busy),
    }
    return screen.finish(data, _pull_code(result))


def _pull_code(result: PullResult) -> int:
    if result.refused or any(taken.n_rejected for taken in result.taken):
        return EXIT_ERROR_LIST
    if any(taken.n_held or taken.held_code for taken in result.taken):
        return EXIT_WAITING
    return EXIT_OK


def _tell_taken(context: Context, taken: Taken) -> None:
    screen = context.screen
    screen.say(
        "pull_taken",
        batch=taken.batch_id,
        n_lines=taken.n_lines,
        n_ready=taken.n_ready,
        n_held=taken.n_held,
        n_rejected=taken.n_rejected,
        n_warnings=taken.n_warnings,
    )
    if taken.held_code:
        screen.say("pull_held", batch=taken.batch_id, why=screen.why(taken.held_code, taken.held_params))


def _tell_refusal(context: Context, refusal: Refusal) -> None:
    screen = context.screen
    why = screen.why(refusal.code, refusal.params)
    screen.say("pull_refused", source=refusal.source, why=why, code=refusal.code)
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
        waiting = {
            state: sum(batch.counts.get(state, 0) for batch in house.ledger.batches(open_only=True))
            for state in (State.IN_DOUBT, State.HELD, State.FAILED)
        }
        stopped = stop()
    return _tell_dispatch(context, result, waiting, stopped)


def _tell_dispatch(
    context: Context, result: DispatchResult, waiting: Mapping[State, int], stopped: bool
) -> int:
    screen = context.screen
    for lane in result.lanes:
        screen.say("dispatch_lane", channel=lane.channel, counts=_counts(context, lane.causes))
        if lane.stopped_by:
            screen.say("dispatch_stopped", channel=lane.channel, why=screen.why(lane.stopped_by))
    for name in result.closed:
        screen.say("dispatch_closed", channel=name)
    if not result.lanes and not result.closed:
        screen.say("dispatch_nothing")
    if stopped:
        screen.say("stopped_resume", command="brevdue dispatch")
    data = {
        "channels": {
            lane.channel: {"causes": dict(lane.causes), "stopped_by": lane.stopped_by}
            for lane in result.lanes
        },
        "closed": list(result.closed),
        "taken_over": result.n_taken_over,
        "stopped": stopped,
    }
    code = EXIT_OK
    if result.unreached:
        code = EXIT_UNREACHED
    elif waiting[State.IN_DOUBT] or waiting[State.HELD]:
        code = EXIT_WAITING
    elif waiting[State.FAILED]:
        code = EXIT_ERROR_LIST
    return screen.finish(data, code)


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
    screen.say("collect_done", n_asked=result.n_asked, n_moved=result.n_moved)
    for channel, code in result.unreached:
        screen.say("collect_unreached", channel=channel, why=screen.why(code))
    data = {"asked": result.n_asked, "moved": result.n_moved, "unreached": dict(result.unreached)}
    return screen.finish(data, EXIT_UNREACHED if result.unreached else EXIT_OK)


def close(context: Context) -> int:
    """Writes answers and closes finished batches."""
    from jobs.close import close as work

    screen = context.screen
    with context.house() as house, context.stopping() as stop:
        result = work(house, stop=stop)
    screen.say("close_done", n_answered=len(result.answered), n_closed=len(result.closed))
    return screen.finish({"answered": list(result.answered), "closed": list(result.closed)}, EXIT_OK)


def purge(context: Context) -> int:
    """Destroys what retention says is over."""
    from jobs.purge import purge as work

    screen = context.screen
    with context.house() as house, context.stopping() as stop:
        result = work(house, stop=stop)
    screen.say("purge_done", n_batches=result.n_batches, n_refused_drops=result.n_refused_drops)
    return screen.finish(asdict(result), EXIT_OK)


def run(context: Context) -> int:
    """Keeps the timetable until it is told to stop."""
    from jobs.run import run as work

    return work(context.settings())
