"""Plans the route of a consignment: which channels it may take, in order, and why the others are left out.

Pure: facts go in, a Route comes out. Relies on `schemas` alone; asks no channel and sends nothing. The
look-up of a recipient happens when the consignment is about to be sent, not here.
"""

from __future__ import annotations

from collections.abc import Mapping

from schemas.channels import Protection
from schemas.consignments import LeftOut, Route, Step
from schemas.settings import MaterialSettings


def plan(material: MaterialSettings, open_channels: Mapping[str, Protection]) -> Route:
    """Returns the route for a material, given the channels that are open and how each protects.

    A channel is left out when it is not open here (`route.channel_not_open`) or when its protection is not
    one the material accepts (`route.protection_not_accepted`). Nothing unprotected can come out: a channel
    that is not in the material's own list is never a step (design 4.5).
    """
    steps: list[Step] = []
    left_out: list[LeftOut] = []
    for channel in material.channels:
        reason = _obstacle(channel, material, open_channels)
        if reason:
            left_out.append(LeftOut(channel, reason))
        else:
            steps.append(Step(channel))
    return Route(tuple(steps), tuple(left_out))


def _obstacle(channel: str, material: MaterialSettings, open_channels: Mapping[str, Protection]) -> str:
    if channel not in open_channels:
        return "route.channel_not_open"
    if open_channels[channel].value not in material.protections:
        return "route.protection_not_accepted"
    return ""
