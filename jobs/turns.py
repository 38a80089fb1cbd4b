"""Gives the verbs their turns: one at a time, in the order they were asked for, none twice in line.

Relies on the verbs as plain callables and on the ledger's `take_slot`, both passed in, and on `jobs.owed` for
slots that a crash cut off. Whoever asks returns at once; the work is done in one thread of its own. Knows no
clock times: `jobs.timetable` does.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from jobs.logs import Log
from jobs.owed import OwedSlots
from schemas.errors import ConfigurationError, ServiceDown

Verb = Callable[[str | None], object]
TakeSlot = Callable[[str, str], bool]

RETRY_SECONDS = 30.0
# A verb that fails for another reason than a service that is down will hardly mend by itself.
MAX_TRIES = 5


@dataclass(slots=True)
class Turn:
    """A verb in line. `slots` are (job, slot) pairs that the ledger must grant, `granted` those it did.

    `free` needs no grant. `owed` turns came of a slot, which comes only once: when they fail they are tried
    again.
    """

    verb: str
    source: str | None
    free: bool = False
    slots: set[tuple[str, str]] = field(default_factory=set)
    granted: set[tuple[str, str]] = field(default_factory=set)
    owed: bool = False
    n_tries: int = 0
    not_before: float = 0.0

    @property
    def key(self) -> tuple[str, str | None]:
        return self.verb, self.source


class Turns:
    """The line of waiting verbs and the thread that works it off.

    `verbs` maps a verb's name to a callable that gets the source (None: all). `take_slot` returns True once
    per slot. `heard` hears a verb's name and what it returned. Once `stop()` is true the verbs end early, so
    a slot in hand stays owed and a restart goes on with it.
    """

    def __init__(
        self,
        verbs: Mapping[str, Verb],
        take_slot: TakeSlot,
        owed: OwedSlots,
        log: Log,
        *,
        stop: Callable[[], bool] = lambda: False,
        heard: Callable[[str, object], None] = lambda verb, result: None,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        self._verbs = verbs
        self._take_slot = take_slot
        self._owed = owed
        self._log = log
        self._stop = stop
        self._heard = heard
        self._retry_seconds = retry_seconds
        self._changed = threading.Condition()
        self._line: dict[tuple[str, str | None], Turn] = {}
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="verbs", daemon=True)
        self.n_passes: Counter[str] = Counter()
        self.n_failed: Counter[str] = Counter()

    def start(self) -> None:
        """Starts to work the line off."""
        self._thread.start()

    @property
    def alive(self) -> bool:
        """True while the working thread is there; False after `close`, and if it ever fell."""
        return self._thread.is_alive()

    def ask(self, verb: str, source: str | None = None, slot: tuple[str, str] | None = None) -> None:
        """Puts a verb in line, or adds to the turn that waits already; a running turn is not one of those.

        With a `slot` (job, slot name) the verb runs only if nobody has taken that slot before.
        """
        turn = Turn(verb, source, slot is None, {slot} if slot else set(), owed=slot is not None)
        with self._changed:
            self._put(turn)
            self._changed.notify()

    def run_next(self) -> bool:
        """Takes the next turn here and now; returns False when none is due."""
        with self._changed:
            turn = self._next_due()
        if turn is None:
            return False
        self._take(turn)
        return True

    def close(self) -> None:
        """Lets nobody else begin, and returns once the verb in hand has ended."""
        with self._changed:
            self._closing = True
            self._line.clear()
            self._changed.notify()
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _put(self, turn: Turn) -> None:
        waiting = self._line.get(turn.key)
        if self._closing:
            return
        if waiting is None:
            self._line[turn.key] = turn
            return
        waiting.free = waiting.free or turn.free
        waiting.owed = waiting.owed or turn.owed
        waiting.slots |= turn.slots
        waiting.granted |= turn.granted
        waiting.n_tries = min(waiting.n_tries, turn.n_tries)
        waiting.not_before = min(waiting.not_before, turn.not_before)

    def _next_due(self) -> Turn | None:
        now = time.monotonic()
        due = next((turn for turn in self._line.values() if turn.not_before <= now), None)
        return self._line.pop(due.key) if due else None

    def _work(self) -> None:
        while True:
            with self._changed:
                turn = self._next_due()
                if turn is None:
                    if self._closing:
                        return
                    self._changed.wait(self._pause())
                    continue
            self._take(turn)

    def _pause(self) -> float | None:
        """Returns how long nothing is due; None until somebody asks."""
        times = [turn.not_before for turn in self._line.values()]
        return max(0.0, min(times) - time.monotonic()) if times else None

    def _take(self, turn: Turn) -> None:
        """Runs one verb; whatever it raises ends the turn and nothing else."""
        try:
            if self._may_run(turn):
                result = self._verbs[turn.verb](turn.source)
                # A verb that did what it could and met a fault on its way hands it over with its result.
                fault = getattr(result, "fault", None)
                if fault is None:
                    self._ended(turn)
                self._heard(turn.verb, result)
                if fault is not None:
                    raise fault
        except ServiceDown as error:
            self._log.warning("verb.unreached", verb=turn.verb, source=turn.source, code=error.code)
            self._failed(turn, lasting=False)
        except ConfigurationError as error:
            self._log.error("verb.failed", verb=turn.verb, source=turn.source, code=error.code)
            self._failed(turn, lasting=True)
        except Exception as error:  # a bug in us: the other verbs, and the next turn of this one, go on
            self._log.error("verb.failed", verb=turn.verb, source=turn.source, exc_info=error)
            self._failed(turn, lasting=True)

    def _may_run(self, turn: Turn) -> bool:
        """Takes the turn's slots one by one; a slot once taken is not asked for again."""
        while turn.slots:
            job, slot = min(turn.slots)
            if self._take_one(job, slot):
                turn.granted.add((job, slot))
                self._log.info("slot.due", job=job, slot=slot, verb=turn.verb)
            turn.slots.discard((job, slot))
        return turn.free or bool(turn.granted)

    def _take_one(self, job: str, slot: str) -> bool:
        """Asks the ledger for a slot; one that was taken but not ended is ours to go on with."""
        begun = self._owed.has(job, slot)
        self._owed.note(job, slot)
        if self._take_slot(job, slot) or begun:
            return True
        self._owed.paid(job, slot)
        return False

    def _ended(self, turn: Turn) -> None:
        self.n_passes[turn.verb] += 1
        if not self._stop():
            for job, slot in turn.granted:
                self._owed.paid(job, slot)

    def _failed(self, turn: Turn, *, lasting: bool) -> None:
        """Counts the failure; a slot that was due is still owed, so its turn comes back by itself."""
        self.n_failed[turn.verb] += 1
        turn.n_tries += 1
        if not turn.owed or (lasting and turn.n_tries >= MAX_TRIES):
            return
        turn.not_before = time.monotonic() + self._retry_seconds
        with self._changed:
            self._put(turn)
            self._changed.notify()
