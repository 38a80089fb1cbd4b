"""Says whether a recipient gets a material in e-Boks: the one service behind both channels (facts/eboks c).

Asks one source after another (`EnrolmentLookup`: REST, SOAP, the daily list) until one can say, and remembers
what a look-up said in the cache that the house gives. Never sends a letter and never guesses: where nobody
can say, the letter waits. Knows no wire and no format.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from schemas.channels import EnrolmentCache, Reach
from schemas.consignments import Recipient
from schemas.errors import Transient
from schemas.settings import EboksMaterial, EboksSettings

MAX_CACHE_SECONDS = 24 * 3600.0
ASK_AGAIN_SECONDS = 3600.0
"""When one whom nobody could tell about is looked up again: a list comes but once a day."""

LOOKUP = "lookup"


class Enrolment(StrEnum):
    """What is known about one recipient and one material. UNKNOWN: whoever was asked could not say."""

    ENROLLED = "enrolled"
    NOT_FOR_MATERIAL = "not_for_this_material"
    NOT_FOUND = "not_found"
    EXEMPT = "exempt"
    DEAD = "dead"
    MINOR = "minor"
    UNKNOWN = "unknown"


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


class EnrolmentLookup(Protocol):
    """One way to find out about a recipient."""

    async def ask(self, recipient: Recipient, material: EboksMaterial) -> Enrolment:
        """Returns the answer, UNKNOWN when this source can't tell about this recipient.

        Raises Transient when it can't say now or not readably, ConfigurationError when it turns us down.
        """


@dataclass(frozen=True, slots=True)
class Finding:
    """An answer, which source gave it, and when; `cached` when the answer was kept from an earlier time."""

    answer: Enrolment
    source: str
    at: datetime | None = None
    cached: bool = False


class Enrolments:
    """What one channel knows about enrolment; `sources` are asked in their order.

    Answers of the source named "lookup" are kept for `max_age_seconds`, at most a day (facts row 15).
    """

    def __init__(
        self,
        channel: str,
        sources: Mapping[str, EnrolmentLookup],
        kept: EnrolmentCache,
        *,
        max_age_seconds: float,
    ) -> None:
        self._channel = channel
        self._sources = sources
        self._kept = kept
        self._max_age_seconds = min(max_age_seconds, MAX_CACHE_SECONDS)

    async def reach(self, recipient: Recipient, material: EboksMaterial) -> Reach:
        """Says whether the recipient gets the material.

        Raises Transient when nobody can say now (`eboks.enrolment_unknown`: the letter waits and is looked up
        again), ConfigurationError when a source turns us down.
        """
        found = await self.find(recipient, material)
        if found.answer is Enrolment.UNKNOWN:
            raise Transient(CODES[found.answer], retry_after_seconds=ASK_AGAIN_SECONDS)
        return Reach(found.answer is Enrolment.ENROLLED, CODES[found.answer], cached=found.cached)

    async def find(self, recipient: Recipient, material: EboksMaterial) -> Finding:
        """Returns the first source's answer that is one, else UNKNOWN of the last.

        A source that can't say now gives way to the next; Transient is raised when no other could say.
        """
        found, trouble = Finding(Enrolment.UNKNOWN, ""), None
        for source, lookup in self._sources.items():
            try:
                found = await self._ask(source, lookup, recipient, material)
            except Transient as error:
                trouble = error
                continue
            if found.answer is not Enrolment.UNKNOWN:
                return found
        if trouble is not None:
            raise trouble
        return found

    def forget(self, recipient: Recipient) -> None:
        """Drops what is remembered about a recipient, because a reject has shown it to be old."""
        self._kept.forget(self._channel, recipient.number.digits)

    async def _ask(
        self, source: str, lookup: EnrolmentLookup, recipient: Recipient, material: EboksMaterial
    ) -> Finding:
        keeps = source == LOOKUP and self._max_age_seconds > 0
        digits, material_id = recipient.number.digits, material.content_type_id
        if keeps:
            kept = self._kept.recall(self._channel, material_id, digits, self._max_age_seconds)
            if kept is not None and kept.answer in list(Enrolment):
                return Finding(Enrolment(kept.answer), source, kept.asked_at, cached=True)
        answer = await lookup.ask(recipient, material)
        if keeps and answer is not Enrolment.UNKNOWN:
            self._kept.remember(self._channel, material_id, digits, answer.value)
        return Finding(answer, source)


def enrolments_for(
    name: str, channel: EboksSettings, lookup: EnrolmentLookup, kept: EnrolmentCache
) -> Enrolments:
    """Returns the service of one `[channels.<name>]`; `lookup` asks e-Boks itself, over its wire."""
    return Enrolments(name, {LOOKUP: lookup}, kept, max_age_seconds=channel.enrolment_cache_hours * 3600.0)
