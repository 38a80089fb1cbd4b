"""Says whether a recipient gets a material in e-Boks: the one service behind both channels (facts/eboks c).

Asks one source after another (`EnrolmentLookup`: REST, SOAP, the daily list) until one can say, and remembers
what a look-up said in the cache that the house gives. Never sends a letter and never guesses: where nobody
can say, the letter waits. Knows no wire and no format.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from schemas.channels import EnrolmentCache, Reach
from schemas.consignments import Recipient
from schemas.eboks_settings import EboksMaterial, EboksSettings
from schemas.enrolment import Enrolment as Enrolment
from schemas.errors import Transient

MAX_CACHE_SECONDS = 24 * 3600.0
ASK_AGAIN_SECONDS = 3600.0
"""When one whom nobody could tell about is looked up again: a list comes but once a day."""

LOOKUP, LIST = "lookup", "list"
"""The sources by their words in the settings."""
REJECT = "reject"
"""The source of what e-Boks said when it turned a letter down."""


CODES = {
    Enrolment.ENROLLED: "",
    Enrolment.NOT_FOR_MATERIAL: "eboks.not_enrolled",
    Enrolment.NOT_FOUND: "eboks.not_found",
    Enrolment.EXEMPT: "eboks.exempt",
    Enrolment.DEAD: "eboks.dead",
    Enrolment.MINOR: "eboks.minor",
    Enrolment.UNKNOWN: "eboks.enrolment_unknown",
}
"""Answer → the code that stands beside a letter it keeps from e-Boks."""


_REJECTS = {
    CODES[answer]: answer
    for answer in (Enrolment.NOT_FOUND, Enrolment.EXEMPT, Enrolment.DEAD, Enrolment.MINOR)
}
"""What a reject of a letter says of its recipient, whatever the material."""


class EnrolmentLookup(Protocol):
    """One way to find out about a recipient."""

    async def ask(self, recipient: Recipient, material: EboksMaterial) -> Enrolment:
        """Returns the answer, UNKNOWN when this source can't tell about this recipient.

        Raises Transient when it can't say now or not readably, ConfigurationError when it turns us down.
        """


@dataclass(frozen=True, slots=True)
class Finding:
    """An answer, the source that gave it, and when; `cached` when it was known without asking."""

    answer: Enrolment
    source: str
    at: datetime | None = None
    cached: bool = False


class EnrolmentSource(Protocol):
    """One source in the order that the settings give."""

    def recall(self, recipient: Recipient, material: EboksMaterial) -> Finding | None:
        """Returns what this source knows without asking anybody; None when it would have to ask."""

    async def ask(self, recipient: Recipient, material: EboksMaterial) -> Finding:
        """Asks; raises Transient or ConfigurationError as `EnrolmentLookup`."""


class Remembered:
    """A look-up whose answers are kept for `max_age_seconds`, at most a day (facts row 15)."""

    def __init__(
        self, channel: str, lookup: EnrolmentLookup, kept: EnrolmentCache, *, max_age_seconds: float
    ) -> None:
        self._channel = channel
        self._lookup = lookup
        self._kept = kept
        self._max_age_seconds = min(max_age_seconds, MAX_CACHE_SECONDS)

    def recall(self, recipient: Recipient, material: EboksMaterial) -> Finding | None:
        """Returns the answer that was kept; None when there is none young enough."""
        if self._max_age_seconds <= 0:
            return None
        digits, age = recipient.number.digits, self._max_age_seconds
        kept = self._kept.recall(self._channel, material.content_type_id, digits, age)
        if kept is None or kept.answer not in list(Enrolment):
            return None
        return Finding(Enrolment(kept.answer), LOOKUP, kept.asked_at, cached=True)

    async def ask(self, recipient: Recipient, material: EboksMaterial) -> Finding:
        """Asks and keeps the answer; "unknown" is not worth keeping."""
        answer = await self._lookup.ask(recipient, material)
        if self._max_age_seconds > 0 and answer is not Enrolment.UNKNOWN:
            digits = recipient.number.digits
            self._kept.remember(self._channel, material.content_type_id, digits, answer.value)
        return Finding(answer, LOOKUP)


class Enrolments:
    """What one channel knows about enrolment; `sources` are asked in their order."""

    def __init__(
        self,
        channel: str,
        sources: Sequence[EnrolmentSource],
        kept: EnrolmentCache,
        *,
        reject_seconds: float = 0.0,
    ) -> None:
        self._channel = channel
        self._sources = sources
        self._kept = kept
        self._reject_seconds = min(reject_seconds, MAX_CACHE_SECONDS)

    async def reach(self, recipient: Recipient, material: EboksMaterial) -> Reach:
        """Says whether the recipient gets the material (facts c, "Rules").

        A mandatory material is delivered to everybody and asks nobody; neither does one that may wait in the
        mailbox. Raises Transient when nobody can say now (`eboks.enrolment_unknown`: the
        letter waits and is looked up again), ConfigurationError when a source turns us down.
        """
        if _asks_nobody(material):
            return Reach(True)
        found = await self.find(recipient, material)
        if found.answer is Enrolment.UNKNOWN:
            raise Transient("eboks.enrolment_unknown", retry_after_seconds=ASK_AGAIN_SECONDS)
        return _reach(found)

    async def find(self, recipient: Recipient, material: EboksMaterial) -> Finding:
        """Returns the first answer that is one, else UNKNOWN.

        A source that can't say now gives way to the next; Transient is raised when no other could say.
        """
        found, trouble = Finding(Enrolment.UNKNOWN, ""), None
        for source in self._sources:
            try:
                found = source.recall(recipient, material) or await source.ask(recipient, material)
            except Transient as error:
                trouble = error
                continue
            if found.answer is not Enrolment.UNKNOWN:
                return found
        if trouble is not None:
            raise trouble
        return found

    def known(self, recipient: Recipient, material: EboksMaterial) -> Finding | None:
        """Returns what is known without asking anybody; None when that is nothing."""
        if _asks_nobody(material):
            return self._rejected(recipient, material)
        known = (source.recall(recipient, material) for source in self._sources)
        return next((found for found in known if found and found.answer is not Enrolment.UNKNOWN), None)

    def learn(self, recipient: Recipient, material: EboksMaterial, code: str) -> None:
        """Remembers that a letter which asks nobody was rejected because of its recipient."""
        answer = _REJECTS.get(code)
        if answer is not None and self._reject_seconds > 0 and _asks_nobody(material):
            digits = recipient.number.digits
            self._kept.remember(self._channel, material.content_type_id, digits, answer.value)

    def rejected(self, recipient: Recipient, material: EboksMaterial) -> Reach | None:
        """Returns what a reject said lately of one whom a letter that asks nobody was for.

        For whoever looks before anything is sent: what no channel takes would else be tried here again and
        again. Sending itself does not ask: a new letter may be taken.
        """
        found = self._rejected(recipient, material) if _asks_nobody(material) else None
        return _reach(found) if found else None

    def _rejected(self, recipient: Recipient, material: EboksMaterial) -> Finding | None:
        if self._reject_seconds <= 0:
            return None
        digits, age = recipient.number.digits, self._reject_seconds
        kept = self._kept.recall(self._channel, material.content_type_id, digits, age)
        if kept is None or kept.answer not in _REJECTS.values():
            return None
        return Finding(Enrolment(kept.answer), REJECT, kept.asked_at, cached=True)

    def forget(self, recipient: Recipient) -> None:
        """Drops what is remembered about a recipient, because a reject has shown it to be old."""
        self._kept.forget(self._channel, recipient.number.digits)


def enrolments_for(
    name: str, channel: EboksSettings, lookup: EnrolmentLookup, kept: EnrolmentCache
) -> Enrolments:
    """Returns the service of one `[channels.<name>]`; `lookup` asks e-Boks itself, over its wire."""
    from eboks.list_enrolment import ListSource

    cache_seconds, list_seconds = (
        channel.enrolment_cache_hours * 3600.0,
        channel.enrolment_list_hours * 3600.0,
    )
    sources: dict[str, EnrolmentSource] = {
        LOOKUP: Remembered(name, lookup, kept, max_age_seconds=cache_seconds),
        LIST: ListSource(name, kept, max_age_seconds=list_seconds),
    }
    asked = [sources[source] for source in channel.enrolment]
    return Enrolments(name, asked, kept, reject_seconds=cache_seconds)


def _reach(found: Finding) -> Reach:
    return Reach(
        found.answer is Enrolment.ENROLLED,
        CODES[found.answer],
        found.cached,
        found.answer.value,
        found.source,
        refused=found.answer is Enrolment.DEAD,
    )


def _asks_nobody(material: EboksMaterial) -> bool:
    return material.delivery == "mandatory" or material.wait_in_mailbox
