"""What the settings say now about channels and materials: what may go where, how much, and what waits.

Relies on the house's settings and on `routing.policy`. Asked anew at every pass, since settings change
between intake and sending. Asks no channel about a recipient.
"""

from __future__ import annotations

from batch.records import Ration
from jobs.attempts import Rules
from jobs.house import House
from routing.policy import Amount, amount_obstacle
from schemas.consignments import Consignment
from schemas.errors import BadInput


def rules_of(house: House, channel: str) -> Rules:
    """Returns the rules of one channel."""
    left_out = {
        name: next((out.code for out in house.standing_route(name).left_out if out.channel == channel), "")
        for name in house.settings.materials
    }

    def obstacle(consignment: Consignment) -> str:
        return left_out.get(consignment.material, "route.no_material")

    return Rules(obstacle, lambda consignment: waits(house, consignment))


def waits(house: House, consignment: Consignment) -> bool:
    """Says whether a consignment that no channel may take is kept until one opens."""
    material = house.settings.materials.get(consignment.material)
    if material is None or material.no_way is None:
        return len(consignment.route) > 1
    return material.no_way == "hold"


def ration_of(house: House, channel: str) -> Ration | None:
    """Returns how much a channel may carry; None when nothing of what it carries is limited."""
    policy, protection = house.settings.policy, house.protections()[channel]
    limited = frozenset(
        name
        for name, material in house.settings.materials.items()
        if policy.allowance(material.data_class, protection.value) == "limited"
    )
    if not limited:
        return None

    def allows(n_recipients: int, n_persons: int) -> bool:
        return not amount_obstacle(policy.limits, Amount(n_recipients, n_persons))

    # Two channels of the same protection must not carry twice as much together.
    beside = frozenset(name for name, other in house.protections().items() if other is protection)
    return Ration(policy.limits.hours, limited, allows, _mailbox, beside)


def _mailbox(address: str) -> str:
    """Returns an address as the wire carries it; what is none stays as it is, for nothing goes there."""
    from routing.mime.addresses import parse_address

    try:
        return parse_address(address.strip()).spec
    except BadInput:
        return address
