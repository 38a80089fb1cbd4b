"""Takes a daily enrolment list in: reads it beside the one in force, judges it whole, and puts it in force.

Relies on `batch.enrolment_list` for the reading and on the ledger for the keeping. A list that looks damaged,
empty, shrunken or old replaces no good one unless `force` is said. One import at a time works on a channel.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from jobs.house import House
from jobs.ownership import only_one
from schemas.eboks_settings import EboksSettings
from schemas.errors import BadInput, ConfigurationError
from schemas.section import ChannelSettings

if TYPE_CHECKING:
    from batch.enrolment_list import EnrolmentListFile
    from batch.ledger.enrolment_lists import EnrolmentLists
    from batch.listed import ListCounts, ListFault

CLOCKS_DIFFER = timedelta(minutes=5)
_DENMARK = ZoneInfo("Europe/Copenhagen")


class Stopped(Exception):
    """The import was told to stop: nothing was put in force."""


@dataclass(slots=True)
class ImportResult:
    """What came of one list: put in force, or refused for `refusal` and why; bad lines by their codes."""

    channel: str
    n_lines: int = 0
    n_rejected: int = 0
    rejected_by_code: Counter[str] = field(default_factory=Counter)
    counts: ListCounts | None = None
    dated_at: datetime | None = None
    refusal: BadInput | None = None

    @property
    def in_force(self) -> bool:
        return self.refusal is None


class EnrolmentImport:
    """One list for one channel; `on_fault` hears every bad line, `progress` (lines done, lines in all)."""

    def __init__(
        self,
        house: House,
        channel: str,
        *,
        actor: str,
        force: bool = False,
        stop: Callable[[], bool] = lambda: False,
        progress: Callable[[int, int], None] = lambda done, total: None,
        on_fault: Callable[[ListFault], None] = lambda fault: None,
    ) -> None:
        self._house = house
        self._channel = channel
        self._actor = actor
        self._force = force
        self._stop = stop
        self._progress = progress
        self._on_fault = on_fault
        self._result = ImportResult(channel)

    def run(self, path: Path) -> ImportResult:
        """Takes the list in; a refused one stands in the result with its reason, the old one in force.

        Raises ConfigurationError (no such channel, file not readable, busy), ServiceDown, or Stopped.
        """
        settings = eboks_channel(self._house, self._channel)
        lock = self._house.lock_path(f"enrolment-{self._channel}")
        with only_one(lock, "enrolment_list.busy", channel=self._channel):
            try:
                self._take_in(path, settings)
            except BadInput as refusal:
                self._result.refusal = refusal
            except OSError as error:
                raise ConfigurationError("usage.cannot_read", why=error.strerror or "") from None
        return self._result

    @property
    def _lists(self) -> EnrolmentLists:
        return self._house.ledger.enrolments.lists

    def _take_in(self, path: Path, settings: EboksSettings) -> None:
        from batch.enrolment_list import EnrolmentListFile

        today = self._house.now().astimezone(_DENMARK).date()
        file = EnrolmentListFile(path, today)
        serial = self._lists.begin(self._channel)
        try:
            self._read(file, serial)
            counts = self._judge(file, serial, settings)
            assert self._result.dated_at is not None  # _judge has seen to it
            self._lists.put_in_force(
                self._channel,
                serial,
                counts=counts,
                dated_at=self._result.dated_at,
                sha256=file.sha256,
                actor=self._actor,
            )
        except (BadInput, Stopped):
            self._lists.give_up(self._channel, serial)
            raise

    def _read(self, file: EnrolmentListFile, serial: int) -> None:
        for chunk in file.chunks():
            if self._stop():
                raise Stopped
            contradictions = self._lists.add(self._channel, serial, chunk.lines)
            for fault in sorted([*chunk.faults, *contradictions], key=lambda fault: fault.line):
                self._result.n_rejected += 1
                self._result.rejected_by_code[fault.code] += 1
                self._on_fault(fault)
            self._result.n_lines = file.n_lines
            self._progress(file.n_lines, max(file.n_lines, file.n_line_ends))

    def _judge(self, file: EnrolmentListFile, serial: int, settings: EboksSettings) -> ListCounts:
        """Returns the counts of a list that may be put in force; raises BadInput for one that may not."""
        dated_at = file.changed_at if file.total is None else file.total.dated_at or file.changed_at
        counts = self._lists.compare(self._channel, serial)
        self._result.counts, self._result.dated_at = counts, dated_at
        if dated_at > self._house.now() + CLOCKS_DIFFER:
            raise BadInput("enrolment_list.from_future")
        self._result.dated_at = min(dated_at, self._house.now())
        if not self._force:
            self._demand_whole(file, counts)
            self._demand_trust(counts, settings)
            self._demand_young(self._result.dated_at, settings)
        return counts

    def _demand_whole(self, file: EnrolmentListFile, counts: ListCounts) -> None:
        if file.total is None:
            raise BadInput("enrolment_list.no_total")
        if file.total.n_lines != file.n_lines:
            raise BadInput("enrolment_list.wrong_total", n_lines=file.n_lines, n_told=file.total.n_lines)
        if not counts.n_recipients:
            raise BadInput("enrolment_list.empty")

    def _demand_trust(self, counts: ListCounts, settings: EboksSettings) -> None:
        n_lines, n_rejected = self._result.n_lines, self._result.n_rejected
        limit = settings.enrolment_list_max_rejected_percent
        if n_rejected * 100 > limit * n_lines:
            raise BadInput(
                "enrolment_list.too_many_rejected", n_rejected=n_rejected, n_lines=n_lines, max_percent=limit
            )
        n_before = counts.n_recipients - counts.n_new + counts.n_gone
        limit = settings.enrolment_list_max_shrink_percent
        if (n_before - counts.n_recipients) * 100 > limit * n_before:
            raise BadInput(
                "enrolment_list.shrunk",
                n_recipients=counts.n_recipients,
                n_before=n_before,
                max_percent=limit,
            )

    def _demand_young(self, dated_at: datetime, settings: EboksSettings) -> None:
        head = self._lists.head(self._channel)
        if head is not None and dated_at < head.dated_at:
            raise BadInput("enrolment_list.older")
        age = self._house.now() - dated_at
        if age > timedelta(hours=settings.enrolment_list_hours):
            raise BadInput(
                "enrolment_list.too_old",
                n_hours=int(age / timedelta(hours=1)),
                max_hours=settings.enrolment_list_hours,
            )


def eboks_channel(house: House, name: str) -> EboksSettings:
    """Returns the settings of a channel to e-Boks; raises ConfigurationError when it is none."""
    settings = house.settings.channels.get(name)
    if not isinstance(settings, EboksSettings):
        raise ConfigurationError("settings.no_channel", channel=name)
    return settings


def _sources(channel: ChannelSettings) -> tuple[str, ...]:
    return channel.enrolment if isinstance(channel, EboksSettings) else ()


def channels_with_list(house: House) -> list[str]:
    """Returns the channels that ask a list; raises ConfigurationError `enrolment_list.not_asked` for none."""
    asking = [name for name, one in house.settings.channels.items() if "list" in _sources(one)]
    if not asking:
        raise ConfigurationError("enrolment_list.not_asked")
    return asking
