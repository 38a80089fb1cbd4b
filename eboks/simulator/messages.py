"""What the simulator has received: one record for each message id, and the counts a test compares with.

Relies on `journal` for the copy on disk. Knows no wire format and judges nothing, so that REST and SOAP share
it. Keeps hashes, never a title or a document.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Literal

from eboks.simulator.journal import Journal

Service = Literal["rest", "soap"]
"""The way a message came in by."""


@dataclass(slots=True)
class Received:
    """A message e-Boks took, by the service that was first to bring it.

    `enclosures` has a digest, a size and a format for each attachment, in their order. `n_puts` counts every
    time its id was sent since, by either service, `n_polls` every question about it.
    """

    id: str
    system_id: int
    recipient: str = field(repr=False)
    recipient_type: str
    content_type_id: int
    title_sha256: str
    sha256: str
    n_bytes: int
    extension: str
    standing: str
    received_at: datetime
    returned_id: str
    warnings: tuple[str, ...] = ()
    service: Service = "rest"
    enclosures: tuple[dict[str, Any], ...] = ()
    n_puts: int = 1
    n_polls: int = 0

    def same_message(self, other: Received) -> bool:
        """Says whether another sending carried the very same message, whichever service it came by."""
        return self._content() == other._content()

    def as_json(self) -> dict[str, Any]:
        """Returns the record as plain JSON values, recipient and all: for comparison, never for a log."""
        values = {name: getattr(self, name) for name in _FIELDS}
        return values | {"received_at": self.received_at.isoformat()}

    def _content(self) -> tuple[object, ...]:
        return (
            self.system_id,
            self.recipient,
            self.recipient_type,
            self.content_type_id,
            self.title_sha256,
            self.sha256,
            self.extension,
            self.enclosures,
        )


_FIELDS = tuple(one.name for one in fields(Received))


class Messages:
    """Every message by its id; an id is taken for good by the first message that comes with it."""

    def __init__(self, journal: Journal | None = None) -> None:
        self._journal = journal
        self._by_id: dict[str, Received] = {}
        self._by_returned_id: dict[str, Received] = {}
        for line in journal.lines() if journal else ():
            self._replay(line)

    def __iter__(self) -> Iterator[Received]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    def find(self, message_id: str) -> Received | None:
        """Returns the message of that id, whether sent or returned."""
        return self._by_id.get(message_id) or self._by_returned_id.get(message_id)

    def take(self, message: Received) -> Received | None:
        """Keeps a message and returns None; an id in use is counted, and its first message returned."""
        known = self._by_id.get(message.id)
        if known is None:
            # The file first: a message it could not be told of is not taken, and a retry finds its id free.
            if self._journal:
                self._journal.write({"event": "received", **message.as_json()})
            self._keep(message)
            return None
        known.n_puts += 1
        if self._journal:
            same = known.same_message(message)
            self._journal.write({"event": "repeated", "id": known.id, "n_puts": known.n_puts, "same": same})
        return known

    def forget_all(self) -> int:
        """Drops every message, and empties the file; returns how many there were."""
        n_dropped = len(self._by_id)
        self._by_id.clear()
        self._by_returned_id.clear()
        if self._journal:
            self._journal.empty()
        return n_dropped

    def _keep(self, message: Received) -> None:
        self._by_id[message.id] = message
        self._by_returned_id[message.returned_id] = message

    def _replay(self, line: dict[str, Any]) -> None:
        event = line.pop("event")
        if event == "repeated":
            self._by_id[line["id"]].n_puts = line["n_puts"]
            return
        line["received_at"] = datetime.fromisoformat(line["received_at"])
        for name in ("warnings", "enclosures"):
            line[name] = tuple(line.get(name, ()))
        self._keep(Received(**line))


@dataclass(slots=True)
class Counts:
    """How often what happened, as `GET /_sim/counts` tells it.

    `n_puts` counts the sends and `n_lookups` the look-ups of both services, `n_soap_calls` what came by SOAP.
    """

    n_connections: int = 0
    n_tls_handshakes: int = 0
    n_puts: int = 0
    n_soap_calls: int = 0
    n_stored: int = 0
    n_repeated: int = 0
    n_objections: int = 0
    n_lookups: int = 0
    n_polls: int = 0
    n_read_backs: int = 0
    n_rate_limited: int = 0
    n_faults: int = 0
    max_parallel: int = 0
    max_sends_in_one_second: int = 0


class Pace:
    """Measures how fast sends arrive: the most in any one second, and whether one more is too many."""

    def __init__(self, counts: Counts, ticks: Callable[[], float], max_per_second: int | None) -> None:
        self._counts = counts
        self._ticks = ticks
        self._max_per_second = max_per_second
        self._arrived: deque[float] = deque()
        self._admitted: deque[float] = deque()
        self._n_in_flight = 0

    def arrive(self) -> bool:
        """Notes a send that begins; returns False when it is over the limit, and then leaves it uncounted."""
        self._n_in_flight += 1
        counts, tick = self._counts, self._ticks()
        counts.max_parallel = max(counts.max_parallel, self._n_in_flight)
        counts.max_sends_in_one_second = max(counts.max_sends_in_one_second, _within(self._arrived, tick))
        if self._max_per_second is None:
            return True
        if _within(self._admitted, tick) > self._max_per_second:
            self._admitted.pop()
            return False
        return True

    def leave(self) -> None:
        """Notes a send that has ended."""
        self._n_in_flight -= 1


def _within(ticks: deque[float], tick: float) -> int:
    """Adds a tick, drops those a second old or older, and returns how many are left."""
    ticks.append(tick)
    while ticks[0] <= tick - 1.0:
        ticks.popleft()
    return len(ticks)
