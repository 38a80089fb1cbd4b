"""What e-Boks does with a message it has read: takes it, knows it already, or objects.

Relies on persons, messages and settings. Speaks no wire format, so that REST and SOAP decide alike over one
state: a document sent twice under one id by whatever way is one document.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from eboks.simulator import codes
from eboks.simulator.codes import Objection, ObjectionRaised
from eboks.simulator.dispatch_body import Dispatch, Enclosure
from eboks.simulator.fault_rules import FaultBox
from eboks.simulator.messages import Counts, Messages, Pace, Received, Service
from eboks.simulator.persons import Directory, Standing, standing
from eboks.simulator.settings import Material, SimulatorSettings

_ID_SHAPE = re.compile(r"[A-Za-z0-9._~-]{1,50}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Simulation:
    """One e-Boks: its settings and all of its state, shared by every service it offers."""

    settings: SimulatorSettings
    messages: Messages
    directory: Directory
    faults: FaultBox
    counts: Counts
    pace: Pace
    now: Callable[[], datetime]


def accept(
    simulation: Simulation, system_id: int, message_id: str, dispatch: Dispatch, service: Service = "rest"
) -> Received:
    """Takes a message and returns its record; raises ObjectionRaised when e-Boks would not take it.

    A reused id is turned down before the recipient is judged (row 4), as its first message was taken
    whatever the recipient has become since. An objection never uses up the id. In the direct profile, and
    over SOAP always, a recipient who can't receive is an objection; the proxy takes the message and tells it
    in the recipient's status (facts a.2).
    """
    settings = simulation.settings
    material = material_of(settings, dispatch.content_type_id)
    person = simulation.directory.find(dispatch.recipient_type, dispatch.recipient)
    verdict = standing(person, material)
    message = _record(simulation, system_id, message_id, dispatch, verdict, service)
    if simulation.messages.find(message_id) is None and (settings.profile == "direct" or service == "soap"):
        _demand_reachable(verdict)
    known = simulation.messages.take(message)
    if known is None:
        simulation.counts.n_stored += 1
        return message
    simulation.counts.n_repeated += 1
    lenient = settings.soap_duplicate if service == "soap" else settings.duplicate
    if lenient.startswith("idempotent") and known.same_message(message):
        return known
    raise ObjectionRaised(codes.ID_IN_USE_419 if lenient == "419" else codes.ID_IN_USE)


def check_message_id(message_id: str, system_id: int) -> None:
    """Raises ObjectionRaised unless the id follows the rule: shape and padded system id (row 5)."""
    if not _ID_SHAPE.fullmatch(message_id) or not message_id.startswith(f"{system_id:06d}"):
        raise ObjectionRaised(codes.BAD_MESSAGE_ID)


def material_of(settings: SimulatorSettings, content_type_id: int) -> Material:
    """Returns the material of a content type id; raises ObjectionRaised (404) when there is none."""
    material = settings.materials.get(content_type_id)
    if material is None:
        raise ObjectionRaised(codes.UNKNOWN_MATERIAL)
    return material


def state_name(simulation: Simulation, message: Received) -> str:
    """Returns a message's state for read-back: `afventer`, then `fremsendt` (row 3)."""
    due_at = message.received_at + timedelta(seconds=simulation.settings.forwarded_after_seconds)
    return "fremsendt" if simulation.now() >= due_at else "afventer"


def _record(
    simulation: Simulation,
    system_id: int,
    message_id: str,
    dispatch: Dispatch,
    verdict: Standing,
    service: Service,
) -> Received:
    return Received(
        id=message_id,
        system_id=system_id,
        recipient=dispatch.recipient,
        recipient_type=dispatch.recipient_type,
        content_type_id=dispatch.content_type_id,
        title_sha256=_digest(dispatch.title.encode()),
        sha256=_digest(dispatch.document),
        n_bytes=len(dispatch.document),
        extension=dispatch.extension,
        standing=verdict.value,
        received_at=simulation.now().astimezone(UTC),
        returned_id=f"proxy-{message_id}" if simulation.settings.proxy_new_id else message_id,
        warnings=dispatch.warnings,
        service=service,
        enclosures=tuple(_enclosed(one) for one in dispatch.enclosures),
    )


def _enclosed(enclosure: Enclosure) -> dict[str, object]:
    return {
        "name_sha256": _digest(enclosure.name.encode()),
        "sha256": _digest(enclosure.document),
        "n_bytes": len(enclosure.document),
        "extension": enclosure.extension,
    }


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _demand_reachable(verdict: Standing) -> None:
    objection = _OBJECTIONS.get(verdict)
    if objection is not None:
        raise ObjectionRaised(objection)


_OBJECTIONS: dict[Standing, Objection] = {
    Standing.NOT_FOR_MATERIAL: codes.NOT_FOR_MATERIAL,
    Standing.NOT_FOUND: codes.NOT_FOUND,
    Standing.EXEMPT: codes.EXEMPT,
    Standing.DEAD: codes.DEAD,
    Standing.MINOR: codes.MINOR,
}
