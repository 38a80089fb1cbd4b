"""Plans the route of a consignment: which channels it may take, in order, and why the others are left out.

Pure: facts go in, a Route comes out. Relies on `schemas` and on `routing.policy`; asks no channel and sends
nothing. Whoever calls it gathers the facts: what each channel said of the recipient, and the amounts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from routing.policy import Amount, policy_obstacle
from schemas.channels import Protection, Reach
from schemas.consignments import Consignment, LeftOut, Route, Step
from schemas.policy import PolicySettings
from schemas.settings import MaterialSettings


@dataclass(frozen=True, slots=True)
class Way:
    """What is known of one open channel: how it protects, and what it said of the recipient.

    `reach` is None while nobody has asked: then the channel counts as one that may reach. `amount` is what a
    limited protection would have carried with this consignment.
    """

    protection: Protection
    reach: Reach | None = None
    amount: Amount | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything a plan rests on: materials and policy of the settings, and a way per open channel."""

    materials: Mapping[str, MaterialSettings]
    policy: PolicySettings
    ways: Mapping[str, Way]


def plan(consignment: Consignment, facts: Facts) -> Route:
    """Returns the route of a consignment.

    A channel is left out when it is not open here (`route.channel_not_open`), when its protection is not one
    the material accepts (`route.protection_not_accepted`), when the policy forbids it for the data's class or
    amount (`policy.…`), or when it does not reach the recipient (the channel's own code). One that refuses
    the recipient for every channel closes them all. Nothing unprotected can come out: a channel that is not
    in the material's own list is never a step (design 4.5).
    """
    material = facts.materials.get(consignment.material)
    if material is None:
        return Route((), tuple(LeftOut(name, "route.no_material") for name in facts.ways))
    refusal = next((way.reach for way in facts.ways.values() if way.reach and way.reach.refused), None)
    if refusal is not None:
        return Route((), tuple(LeftOut(name, refusal.code, refusal.params) for name in material.channels))
    steps: list[Step] = []
    left_out: list[LeftOut] = []
    for channel in material.channels:
        way = facts.ways.get(channel)
        out = _left_out(channel, way, material, facts.policy)
        if out is not None:
            left_out.append(out)
        elif way is not None:
            steps.append(Step(channel, way.reach.evidence if way.reach else ()))
    return Route(tuple(steps), tuple(left_out))


def standing_route(
    material: MaterialSettings, policy: PolicySettings, open_channels: Mapping[str, Protection]
) -> Route:
    """Returns the route that a material's consignments start with, before any recipient is asked about.

    A limited protection stays in it: amounts are counted when a consignment is about to be sent.
    """
    steps: list[Step] = []
    left_out: list[LeftOut] = []
    for channel in material.channels:
        protection = open_channels.get(channel)
        code = _standing_obstacle(protection, material, policy)
        if code:
            left_out.append(LeftOut(channel, code))
        else:
            steps.append(Step(channel))
    return Route(tuple(steps), tuple(left_out))


def _left_out(
    channel: str, way: Way | None, material: MaterialSettings, policy: PolicySettings
) -> LeftOut | None:
    code = _standing_obstacle(way.protection if way else None, material, policy)
    if code or way is None:
        return LeftOut(channel, code)
    reach = way.reach
    if reach is not None and not reach.reached:
        return LeftOut(channel, reach.code, reach.params, reach.evidence)
    code = policy_obstacle(policy, material.data_class, way.protection, way.amount)
    return LeftOut(channel, code, {}, reach.evidence if reach else ()) if code else None


def _standing_obstacle(
    protection: Protection | None, material: MaterialSettings, policy: PolicySettings
) -> str:
    if protection is None:
        return "route.channel_not_open"
    if protection.value not in material.protections:
        return "route.protection_not_accepted"
    return "policy.never" if policy.allowance(material.data_class, protection.value) == "never" else ""
