"""Lays the reasoning about a consignment open: every channel its material names, open or not, allowed or not.

Pure, and over the same facts and rules as `routing.planning`, so that what is told is what is done. Says
nothing in words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from routing.planning import Facts, Way, plan
from routing.policy import policy_obstacle
from schemas.consignments import Consignment
from schemas.settings import MaterialSettings


@dataclass(frozen=True, slots=True)
class Reason:
    """What is known of one channel.

    `open` is None where nobody has asked; `allowed` is what settings and policy say. `code` is why it is not
    a step, empty when it is one. `evidence` is what the answer rests on.
    """

    channel: str
    protection: str
    open: bool | None
    allowed: bool
    code: str = ""
    params: Mapping[str, object] = field(default_factory=dict)
    evidence: tuple[Mapping[str, str], ...] = ()


def reason(consignment: Consignment, facts: Facts) -> list[Reason]:
    """Returns one reason for every channel that the consignment's material names, in its order."""
    material = facts.materials.get(consignment.material)
    if material is None:
        return []
    route = plan(consignment, facts)
    left_out = {one.channel: one for one in route.left_out}
    reasons = []
    for channel in material.channels:
        way, out = facts.ways.get(channel), left_out.get(channel)
        reach = way.reach if way else None
        reasons.append(
            Reason(
                channel,
                way.protection.value if way else "",
                reach.reached if reach else None,
                _allowed(material, way, facts),
                out.code if out else "",
                out.params if out else {},
                reach.evidence if reach else (),
            )
        )
    return reasons


def _allowed(material: MaterialSettings, way: Way | None, facts: Facts) -> bool:
    if way is None or way.protection.value not in material.protections:
        return False
    return not policy_obstacle(facts.policy, material.data_class, way.protection, way.amount)
