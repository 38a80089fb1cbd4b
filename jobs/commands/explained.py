"""What explain tells, as data for machines, and the parts that people's text and the data share.

Relies on the house's settings and on what channels know without asking. Words nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from batch.records import Event, Standing, WarningLine
    from eboks.enrolment import Finding
    from jobs.house import House
    from jobs.reasoning import Outlook
    from routing.reasoning import Reason
    from schemas.consignments import ReceiptEvent


def masked(standing: Standing) -> str:
    """Returns the recipient's number as people may see it; a dash once the batch was erased."""
    return standing.consignment.recipient.number.masked if standing.consignment else "–"


def remarks(house: House, standing: Standing) -> list[WarningLine]:
    """Returns what else was found about its line when the batch was taken in."""
    return list(house.ledger.warnings(standing.batch_id, standing.line))


def left_out(house: House, material: str) -> list[tuple[str, str]]:
    """Returns the channels that the material's route leaves out whoever the recipient is, and why."""
    if material not in house.settings.materials:
        return []
    return [(one.channel, one.code) for one in house.standing_route(material).left_out]


def enrolments(house: House, standing: Standing) -> list[tuple[str, Finding]]:
    """Returns what is known, without asking anybody, of the recipient's enrolment at the route's channels."""
    from eboks.enrolment import Enrolments

    settings = house.settings.materials.get(standing.material)
    if standing.consignment is None or settings is None or settings.eboks is None:
        return []
    known: list[tuple[str, Finding]] = []
    for name in standing.route:
        channel = house.channel(name) if name in house.settings.channels else None
        service = getattr(channel, "enrolments", None)
        if isinstance(service, Enrolments):
            found = service.known(standing.consignment.recipient, settings.eboks)
            known += [(name, found)] if found else []
    return known


def standing_data(house: House, standing: Standing, outlook: Outlook | None) -> dict[str, object]:
    """Returns everything that is known of a consignment, in the stable form for machines."""
    return {
        "consignment": standing.id,
        "batch": standing.batch_id,
        "line": standing.line,
        "material": standing.material,
        "recipient": masked(standing),
        "state": standing.state.value,
        "code": standing.code,
        "remarks": [{"code": one.code, "params": dict(one.params)} for one in remarks(house, standing)],
        "message_id": standing.message_id,
        "needs_person": standing.needs_person,
        "route": list(standing.route),
        "step": standing.step,
        "left_out": dict(left_out(house, standing.material)),
        "outlook": _outlook_data(outlook),
        "enrolment": {name: _finding_data(found) for name, found in enrolments(house, standing)},
        "next_attempt_at": standing.next_attempt_at.isoformat(),
        "receipt": _receipt_data(standing),
        "history": [_event_data(event) for event in standing.history],
        "words": [_word_data(word) for word in standing.words],
    }


def _event_data(event: Event) -> dict[str, object]:
    return {
        "at": event.at.isoformat(),
        "from": event.from_state.value,
        "to": event.to_state.value,
        "cause": event.cause.value,
        "actor": event.actor,
        "channel": event.channel,
        "attempt": event.attempt,
        "code": event.code,
    }


def _word_data(word: ReceiptEvent) -> dict[str, object]:
    return {
        "at": word.at.isoformat(),
        "channel": word.channel,
        "kind": word.kind.value,
        "code": word.code,
        "proof": dict(word.proof),
    }


def _finding_data(found: Finding) -> dict[str, object]:
    return {
        "answer": found.answer.value,
        "source": found.source,
        "at": found.at.isoformat() if found.at else None,
    }


def _outlook_data(outlook: Outlook | None) -> dict[str, object] | None:
    if outlook is None:
        return None
    return {"channel": outlook.channel, "reasons": reasons_data(outlook.reasons)}


def reasons_data(reasons: Sequence[Reason]) -> list[dict[str, object]]:
    """Returns what is known of each channel, in the stable form for machines."""
    return [
        {
            "channel": one.channel,
            "protection": one.protection,
            "open": one.open,
            "allowed": one.allowed,
            "code": one.code,
            "params": dict(one.params),
            "evidence": [dict(evidence) for evidence in one.evidence],
        }
        for one in reasons
    ]


def _receipt_data(standing: Standing) -> dict[str, object] | None:
    receipt = standing.receipt
    if receipt is None:
        return None
    return {
        "id": receipt.external_id,
        "at": receipt.at.isoformat(),
        "proof": dict(receipt.proof),
        "simulated": receipt.simulated,
    }
