"""Says from the daily enrolment list whether a recipient gets a material (facts/eboks c, "Tilmeldingsliste").

Relies on the list that the house keeps (`schemas.channels.EnrolmentCache.listed`). Asks nobody: a list that
is too old, or that a reject has shown to be wrong about a recipient, says UNKNOWN.
"""

from __future__ import annotations

from eboks.enrolment import LIST, Enrolment, Finding
from schemas.channels import EVERY_PLACE, EnrolmentCache, Listed, group_place
from schemas.consignments import Recipient
from schemas.eboks_settings import EboksMaterial


class ListSource:
    """An `eboks.enrolment.EnrolmentSource` over one channel's list, good for `max_age_seconds`."""

    def __init__(self, channel: str, kept: EnrolmentCache, *, max_age_seconds: float) -> None:
        self._channel = channel
        self._kept = kept
        self._max_age_seconds = max_age_seconds

    def recall(self, recipient: Recipient, material: EboksMaterial) -> Finding | None:
        """Returns what the list says; None when there is no list young enough."""
        listed = self._kept.listed(self._channel, recipient.number.digits, self._max_age_seconds)
        if listed is None:
            return None
        return Finding(_read(listed, material), LIST, listed.at, cached=True)

    async def ask(self, recipient: Recipient, material: EboksMaterial) -> Finding:
        """Returns UNKNOWN: a list has nobody to ask."""
        return Finding(Enrolment.UNKNOWN, LIST)


def _read(listed: Listed, material: EboksMaterial) -> Enrolment:
    if listed.answer not in list(Enrolment):
        return Enrolment.UNKNOWN
    answer = Enrolment(listed.answer)
    if answer is not Enrolment.ENROLLED:
        return answer
    wanted = {EVERY_PLACE, str(material.content_type_id)}
    if material.enrolment_group:
        wanted.add(group_place(material.enrolment_group))
    return Enrolment.ENROLLED if wanted & listed.places else Enrolment.NOT_FOR_MATERIAL
