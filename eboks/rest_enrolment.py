"""Asks e-Boks over REST whether a recipient gets a material: one GET and its meaning (facts/eboks c).

Relies on a wire, on `replies` and `verdicts`. Remembers nothing and never guesses: an answer that can't be
read is no answer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Literal, Protocol

from eboks.enrolment import Enrolment
from eboks.replies import Reply, error_number, leaves
from eboks.verdicts import Verdicts, objection
from schemas.consignments import Recipient, RecipientKind
from schemas.eboks_settings import EboksMaterial
from schemas.errors import ConfigurationError, Transient

_YES, _NO = frozenset({"true", "1"}), frozenset({"false", "0"})


class Asking(Protocol):
    """What this module needs of a wire."""

    def __call__(self, path_and_query: str) -> Awaitable[Reply]: ...


class RestLookup:
    """An `eboks.enrolment.EnrolmentLookup` over REST; `get` makes the call."""

    def __init__(
        self,
        system_id: int,
        get: Asking,
        *,
        absent: Literal["answer", "404"],
        verdicts: Callable[[], Verdicts],
        now: Callable[[], datetime],
    ) -> None:
        self._system_id = system_id
        self._get = get
        self._absent = absent
        self._verdicts = verdicts
        self._now = now

    async def ask(self, recipient: Recipient, material: EboksMaterial) -> Enrolment:
        """Returns what e-Boks answers; raises Transient when it can't say now or not readably,
        ConfigurationError when it turns us down."""
        return self._judge(await self._get(self._path(recipient, material)))

    def _path(self, recipient: Recipient, material: EboksMaterial) -> str:
        key = "cpr" if recipient.kind is RecipientKind.CPR else "cvr"
        return (
            f"/oio/rest/srv.svc/1/afsendersystem/{self._system_id}/tilmeldinger/{material.content_type_id}"
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
