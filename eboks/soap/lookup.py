"""Asks e-Boks over SOAP whether a recipient gets a material: `spoergTilmelding`, once or twice.

Relies on what the channel gives it for the call. The service knows but yes and no; a no with the material
and a yes without it says "not for this material" (facts/eboks b.2, c). Remembers nothing and never guesses.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from eboks.enrolment import CODES, Enrolment
from schemas.consignments import Recipient
from schemas.eboks_settings import EboksMaterial, SoapOperation
from schemas.errors import Refused, Transient, Unreachable

_BY_CODE = {code: answer for answer, code in CODES.items() if code and answer is not Enrolment.UNKNOWN}


class Question(Protocol):
    """What this module needs of the channel: one question, about a material or about e-Boks as such.

    Raises what a fault means.
    """

    def __call__(
        self, operation: SoapOperation, recipient: Recipient, material_id: int | None
    ) -> Awaitable[bool]: ...


class SoapLookup:
    """An `eboks.enrolment.EnrolmentLookup` over SOAP; `operation` is None where the contract has none.

    `without_material` says whether the contract lets one leave the material out.
    """

    def __init__(
        self, operation: SoapOperation | None, enrolled: Question, without_material: Callable[[], bool]
    ) -> None:
        self._operation = operation
        self._enrolled = enrolled
        self._without_material = without_material

    async def ask(self, recipient: Recipient, material: EboksMaterial) -> Enrolment:
        """Returns what e-Boks answers, UNKNOWN when the contract can't ask about this recipient.

        Raises Transient when e-Boks can't say now or not readably, ConfigurationError when it turns us down.
        """
        operation = self._operation
        if operation is None or not operation.used & naming(recipient):
            return Enrolment.UNKNOWN
        by_material = "material_id" in operation.used
        try:
            if by_material and await self._enrolled(operation, recipient, material.content_type_id):
                return Enrolment.ENROLLED
            if by_material and not self._without_material():
                return Enrolment.NOT_FOR_MATERIAL
            known = await self._enrolled(operation, recipient, None)
        except (Unreachable, Refused) as error:
            if error.code in _BY_CODE:
                return _BY_CODE[error.code]
            raise Transient("eboks.lookup_refused", status=error.params.get("status", "-")) from None
        if not known:
            return Enrolment.NOT_FOUND
        return Enrolment.NOT_FOR_MATERIAL if by_material else Enrolment.ENROLLED


def naming(recipient: Recipient) -> frozenset[str]:
    """Returns the values that can name this recipient in a message (`schemas.settings.SOAP_VALUES`)."""
    return frozenset({"number", recipient.kind.value})
