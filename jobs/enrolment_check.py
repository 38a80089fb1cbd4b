"""Finds out who is reachable, and on which channel, before anything is sent: a dry run of a batch.

Asks each row's channels in the order of its material's route, side by side under each channel's own limits.
Relies on the channel contract alone (`reaches` never sends). Writes nothing but what the enrolment cache
keeps.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from jobs.breaker import Breaker
from jobs.house import House
from jobs.reach_rows import ReachRow
from schemas.channels import Channel, Reach
from schemas.consignments import Consignment
from schemas.enrolment import Enrolment
from schemas.errors import ConfigurationError, Transient

TRIES = 3
PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 5.0
NOT_ASKED, REJECTED, NO_ANSWER = "not_asked", "rejected", "no_answer"
"""Answers of our own: nobody needs asking, the row is wrong, the other side could not be reached."""


@dataclass(frozen=True, slots=True)
class Reached:
    """What came of one row: the channel that would carry it (empty: none), and what its register said."""

    row: ReachRow
    channel: str
    answer: str
    code: str = ""
    source: str = ""
    cached: bool = False


@dataclass(slots=True)
class CheckResult:
    """Totals of a check; `n_left` rows were not looked at because it was told to stop."""

    n_rows: int = 0
    n_cached: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    channels: Counter[str] = field(default_factory=Counter)
    stopped: bool = False

    @property
    def n_unreached(self) -> int:
        """Rows whose service did not answer."""
        return self.answers[NO_ANSWER]

    @property
    def n_nowhere(self) -> int:
        """Rows that no channel is known to reach, wrong ones included."""
        return self.channels[""]

    def add(self, found: Reached) -> None:
        self.n_rows += 1
        self.n_cached += found.cached
        self.answers[found.answer] += 1
        self.channels[found.channel] += 1


class EnrolmentCheck:
    """One dry run; `progress` hears how many rows are done, `on_row` every row in the order of the file."""

    def __init__(
        self,
        house: House,
        *,
        stop: Callable[[], bool] = lambda: False,
        progress: Callable[[int], None] = lambda done: None,
        on_row: Callable[[Reached], None] = lambda found: None,
    ) -> None:
        self._house = house
        self._stop = stop
        self._progress = progress
        self._on_row = on_row
        self._routes: Mapping[str, tuple[str, ...]] = house.routes()
        self._askers: dict[str, _Asker] = {}
        self._n_done = 0

    def run(self, chunks: Iterable[list[ReachRow]]) -> CheckResult:
        """Looks all rows up; raises ConfigurationError when a channel's set-up is wrong, or ServiceDown."""
        return asyncio.run(self._work(chunks))

    async def _work(self, chunks: Iterable[list[ReachRow]]) -> CheckResult:
        result = CheckResult()
        try:
            for chunk in chunks:
                # What fails must not cut off the calls that are under way: their connections end in order.
                for found in await asyncio.gather(*map(self._look_up, chunk), return_exceptions=True):
                    if isinstance(found, BaseException):
                        raise found
                    if found is None:
                        result.stopped = True
                        continue
                    result.add(found)
                    self._on_row(found)
                if result.stopped:
                    break
        finally:
            await self._house.close_channels()
        return result

    async def _look_up(self, row: ReachRow) -> Reached | None:
        """Returns what came of a row; None when it was not begun before the stop."""
        if row.recipient is None:
            return self._done(Reached(row, "", REJECTED, row.code))
        first: Reach | None = None
        for name in self._routes[row.material]:
            reach = await self._asker(name).ask(_stand_in(row, self._routes[row.material]))
            if reach is None:
                return None
            if reach.reached:
                shown = first or reach
                answer = shown.answer or NOT_ASKED
                return self._done(Reached(row, name, answer, shown.code, shown.source, shown.cached))
            first = first or reach
            if reach.refused or reach.answer in (NO_ANSWER, Enrolment.UNKNOWN):
                break  # dispatch would end or wait here, and try no other channel
        missing = first or Reach(False, "route.channel_not_open")
        answer = missing.answer or NOT_ASKED
        return self._done(Reached(row, "", answer, missing.code, missing.source, missing.cached))

    def _done(self, found: Reached) -> Reached:
        self._n_done += 1
        self._progress(self._n_done)
        return found

    def _asker(self, name: str) -> _Asker:
        if name not in self._askers:
            settings = self._house.settings.channels[name]
            breaker = Breaker(settings.breaker_failures, settings.breaker_pause_seconds, self._house.now)
            self._askers[name] = _Asker(self._house.channel(name), breaker, self._stop)
        return self._askers[name]


class _Asker:
    """Asks one channel within its limits, a few times each, until it is plain that nobody answers."""

    def __init__(self, channel: Channel, breaker: Breaker, stop: Callable[[], bool]) -> None:
        self._channel = channel
        self._breaker = breaker
        self._stop = stop
        self._room = asyncio.Semaphore(channel.limits.parallel)
        self._fault: ConfigurationError | None = None

    async def ask(self, consignment: Consignment) -> Reach | None:
        """Returns the channel's word; None when there was no time left to ask.

        Raises ConfigurationError, and once it has, without asking again.
        """
        code = "channel.not_answering"
        async with self._room:
            if self._fault is not None:
                raise self._fault
            if self._stop():
                return None
            for number in range(TRIES):
                if not self._breaker.closed:
                    break
                try:
                    reach = await self._channel.reaches(consignment)
                except Transient as error:
                    if error.code == "eboks.enrolment_unknown":
                        return Reach(False, error.code, answer=Enrolment.UNKNOWN)
                    code = error.code
                    if self._channel.one_side or not error.reached:
                        self._breaker.failed()
                    if number + 1 < TRIES:
                        pause = error.retry_after_seconds or PAUSE_SECONDS
                        await asyncio.sleep(min(pause, LONGEST_PAUSE_SECONDS))
                    continue
                except ConfigurationError as error:
                    self._fault = error
                    raise
                self._breaker.succeeded()
                return reach
        return Reach(False, code, answer=NO_ANSWER)


def _stand_in(row: ReachRow, route: tuple[str, ...]) -> Consignment:
    """Returns a consignment with nothing in it, for a question about its recipient alone."""
    assert row.recipient is not None
    return Consignment(
        id=f"check-{row.line}",
        batch_id="check",
        source="check",
        line=row.line,
        material=row.material,
        recipient=row.recipient,
        title="",
        documents=(),
        seed="0" * 32,
        route=route,
    )
