"""Makes one pass of each verb for the scheduler, and says in the log what came of it.

Relies on the five verbs and the log. Decides nothing: the results are the verbs' own. A pass that did nothing
leaves no line, so that a quiet night is a quiet log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from jobs.close import CloseResult, close
from jobs.collect import CollectResult, collect
from jobs.dispatch import Dispatcher, DispatchResult
from jobs.house import House
from jobs.logs import Log
from jobs.pull import Pull, PullResult
from jobs.purge import PurgeResult, purge
from jobs.turns import Verb

if TYPE_CHECKING:
    from batch.intake import Taken

LOOK_SECONDS = 300.0
"""How long what waits for a way is left alone between two looks of the scheduler."""


def house_verbs(house: House, stop: Callable[[], bool]) -> Mapping[str, Verb]:
    """Returns the verbs of an open house; they end early once `stop()` is true."""
    dispatcher = Dispatcher(house)
    return {
        "pull": lambda source: Pull(house, stop=stop).run(source),
        "dispatch": lambda source: dispatcher.run(look_seconds=LOOK_SECONDS, stop=stop),
        "collect": lambda source: collect(house, stop=stop),
        "close": lambda source: close(house, stop=stop),
        "purge": lambda source: purge(house, stop=stop),
    }


def has_news(result: object) -> frozenset[str]:
    """Returns the verbs that a result gives something to do."""
    match result:
        case PullResult(taken=taken) if taken:
            return frozenset({"dispatch"})
        case DispatchResult(lanes=lanes) if any(lane.n_done for lane in lanes):
            return frozenset({"close"})
        case CollectResult(n_moved=n_moved) if n_moved:
            return frozenset({"close", "dispatch"})
        case _:
            return frozenset()


class PassLog:
    """Writes the log's lines about passes; remembers what lies in the inboxes, so as to say it once."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._strays: dict[str, tuple[tuple[str, int], ...]] = {}

    def write(self, result: object) -> None:
        """Writes what a pass did: its batches one by one, and its counts."""
        log_result(self._log, result)
        if isinstance(result, PullResult):
            self._say_strays(result)

    def _say_strays(self, result: PullResult) -> None:
        for source, strays in result.strays.items():
            before = self._strays.get(source, ())
            self._strays[source] = tuple((stray.code, stray.n_files) for stray in strays)
            for code, n_files in self._strays[source]:
                if (code, n_files) not in before:
                    self._log.warning("inbox.strays", source=source, code=code, n_files=n_files)


def log_result(log: Log, result: object) -> None:
    """Writes what a pass did, whatever was said before."""
    match result:
        case PullResult():
            _log_pull(log, result)
        case DispatchResult():
            _log_dispatch(log, result)
        case CollectResult():
            _log_collect(log, result)
        case CloseResult():
            _log_close(log, result)
        case PurgeResult(n_batches, n_erased, n_refused_drops) if n_batches or n_erased or n_refused_drops:
            log.info("purge.pass", n_batches=n_batches, n_erased=n_erased, n_refused_drops=n_refused_drops)


def _log_pull(log: Log, result: PullResult) -> None:
    for taken in result.taken:
        _log_taken(log, taken)
    for refusal in result.refused:
        log.warning("drop.refused", source=refusal.source, batch=refusal.batch_id, code=refusal.code)
    for source in result.busy:
        log.info("source.busy", source=source)
    if result.taken or result.refused:
        log.info("pull.pass", n_taken=len(result.taken), n_refused=len(result.refused))


def _log_taken(log: Log, taken: Taken) -> None:
    log.info(
        "batch.taken",
        batch=taken.batch_id,
        n_lines=taken.n_lines,
        n_ready=taken.n_ready,
        n_held=taken.n_held,
        n_rejected=taken.n_rejected,
        n_warnings=taken.n_warnings,
        code=taken.held_code,
    )


def _log_dispatch(log: Log, result: DispatchResult) -> None:
    for lane in result.lanes:
        if lane.stopped_by:
            log.warning("channel.stopped", channel=lane.channel, code=lane.stopped_by)
        if lane.n_done or lane.n_refused_writes:
            counts = {f"n_{cause}": n for cause, n in sorted(lane.causes.items())}
            log.info("dispatch.pass", channel=lane.channel, n_refused_writes=lane.n_refused_writes, **counts)
    for channel in result.closed:
        log.warning("channel.stopped", channel=channel, code="settings.no_channel")


def _log_collect(log: Log, result: CollectResult) -> None:
    for channel, code in result.unreached:
        log.warning("collect.unreached", channel=channel, code=code)
    if result.n_moved:
        log.info("collect.pass", n_asked=result.n_asked, n_moved=result.n_moved)


def _log_close(log: Log, result: CloseResult) -> None:
    for batch in result.answered:
        log.info("batch.answered", batch=batch)
    for batch in result.closed:
        log.info("batch.closed", batch=batch)
    if result.answered or result.closed:
        log.info("close.pass", n_answered=len(result.answered), n_closed=len(result.closed))
