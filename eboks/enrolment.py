"""Finds out whether a recipient gets a material in e-Boks: the REST look-up and its cache (facts/eboks c).

Relies on the wire, on `replies` and `verdicts`, and on a cache that the house gives. Never sends a letter and
never guesses: an answer that can't be read is no answer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from enum import StrEnum
from typing import Literal, Protocol

from eboks.replies import Reply, error_number, leaves
from eboks.verdicts import Verdicts, objection
from schemas.channels import EnrolmentCache, Reach
from schemas.consignments import Recipient, RecipientKind
from schemas.errors import ConfigurationError, Transient

MAX_CACHE_SECONDS = 24 * 3600.0


class Enrolment(StrEnum):
    """What e-Boks answers about one recipient and one material."""

    ENROLLED = "enrolled"
    NOT_FOR_MATERIAL = "not_for_this_material"
    NOT_FOUND = "not_found"
    EXEMPT = "exempt"
    DEAD = "dead"
    MINOR = "minor"


_CODES = {
    Enrolment.ENROLLED: "",
    Enrolment.NOT_FOR_MATERIAL: "eboks.not_enrolled",
    Enrolment.NOT_FOUND: "eboks.not_found",
    Enrolment.EXEMPT: "eboks.exempt",
    Enrolment.DEAD: "eboks.dead",
    Enrolment.MINOR: "eboks.minor",
}
_YES, _NO = frozenset({"true", "1"}), frozenset({"false", "0"})


class Asking(Protocol):
    """What this module needs of a wire."""

    def __call__(self, path_and_query: str) -> Awaitable[Reply]: ...


class Enrolments:
    """Look-ups for one channel; `ask` makes the call, `kept` remembers answers for `max_age_seconds`."""

    def __init__(
        self,
        channel: str,
        system_id: int,
        ask: Asking,
        kept: EnrolmentCache,
        *,
        max_age_seconds: float,
        absent: Literal["answer", "404"],
        verdicts: Callable[[], Verdicts],
        now: Callable[[], datetime],
    ) -> None:
        self._channel = channel
        self._system_id = system_id
        self._ask = ask
        self._kept = kept
        self._max_age_seconds = min(max_age_seconds, MAX_CACHE_SECONDS)
        self._absent = absent
        self._verdicts = verdicts
        self._now = now

    async def reach(self, recipient: Recipient, material_id: int) -> Reach:
        """Says whether the recipient gets the material, from the cache or by asking.

        Raises Transient when e-Boks can't say now or not readably, ConfigurationError when it turns us down.
        """
        digits = recipient.number.digits
        kept = self._recall(material_id, digits)
        if kept is not None:
            return Reach(kept is Enrolment.ENROLLED, _CODES[kept], cached=True)
        answer = self._judge(await self._ask(self._path(recipient, material_id)))
        if self._max_age_seconds > 0:
            self._kept.remember(self._channel, material_id, digits, answer.value)
        return Reach(answer is Enrolment.ENROLLED, _CODES[answer])

    def forget(self, recipient: Recipient) -> None:
        """Drops what is remembered about a recipient, because a reject has shown it to be old."""
        self._kept.forget(self._channel, recipient.number.digits)

    def _recall(self, material_id: int, digits: str) -> Enrolment | None:
        if self._max_age_seconds <= 0:
            return None
        word = self._kept.recall(self._channel, material_id, digits, self._max_age_seconds)
        return Enrolment(word) if word in list(Enrolment) else None

    def _path(self, recipient: Recipient, material_id: int) -> str:
        key = "cpr" if recipient.kind is RecipientKind.CPR else "cvr"
        return (
            f"/oio/rest/srv.svc/1/afsendersystem/{self._system_id}/tilmeldinger/{material_id}"
            f"?{key}={recipient.number.digits}"
        )

    def _judge(self, reply: Reply) -> Enrolment:
        if reply.status == 404 and self._absent == "404" and not self._blames_us(reply):
            return Enrolment.NOT_FOUND
        if not 200 <= reply.status < 300:
            error = objection(reply, self._verdicts(), self._now())
            if isinstance(error, Transient | ConfigurationError):
                raise error
            raise Transient("eboks.lookup_refused", status=reply.status)
        answer = None if reply.fault else self._read(reply)
        if answer is None:
            raise Transient("eboks.unreadable_enrolment")
        return answer

    def _blames_us(self, reply: Reply) -> bool:
        """Says whether a 404 is known to mean an unknown system or material, not an unknown recipient."""
        number = error_number(reply.body)
        verdict = self._verdicts().get(number) if number else None
        return verdict is not None and verdict.kind == "configuration"

    def _read(self, reply: Reply) -> Enrolment | None:
        """Reads the answer's element; where absence is a 404, a 2xx without a body is a yes."""
        if not reply.body and self._absent == "404":
            return Enrolment.ENROLLED
        found = leaves(reply.body, "Tilmelding")
        word, reason = found.get("Tilmeldt", "").lower(), found.get("Grund", "").lower()
        if word in _YES:
            return Enrolment.ENROLLED if reason in ("", Enrolment.ENROLLED) else None
        if word not in _NO:
            return None
        if not reason:
            return Enrolment.NOT_FOR_MATERIAL
        known = reason in list(Enrolment) and reason != Enrolment.ENROLLED
        return Enrolment(reason) if known else None
