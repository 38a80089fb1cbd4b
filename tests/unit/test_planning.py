"""The route: which channels a material may take, and the reasons why the others are left out."""

from __future__ import annotations

from itertools import permutations
from random import Random

import pytest

from routing.planning import Facts, Way, plan, standing_route
from routing.policy import Amount, amount_obstacle
from schemas.channels import Protection, Reach
from schemas.policy import DATA_CLASSES, ClassPolicy, PolicySettings
from schemas.settings import MaterialSettings
from tests.rigs.channels import Papers, letter

ALL = {
    "eboks": Protection.MAILBOX,
    "smime": Protection.END_TO_END,
    "tunnel": Protection.DOMAIN,
    "tls": Protection.TRANSPORT,
    "portal": Protection.PORTAL,
}

POLICY = PolicySettings()
YES = Reach(True, evidence=({"subject": "CN=Test"},))


def _standing(material, open_channels):
    return standing_route(material, POLICY, open_channels)


def _plan(material, ways, policy=POLICY):
    consignment = letter(Papers(), material="m")
    return plan(consignment, Facts({"m": material}, policy, ways))


def test_the_default_order_is_eboks_smime_tunnel_forced_tls_and_portal():
    route = _standing(MaterialSettings(), ALL)
    assert (route.channels, route.left_out) == (("eboks", "smime", "tunnel", "tls", "portal"), ())


def test_tunnel_first_is_one_line():
    material = MaterialSettings(channels=("eboks", "tunnel", "smime", "tls", "portal"))
    assert _standing(material, ALL).channels == ("eboks", "tunnel", "smime", "tls", "portal")


@pytest.mark.parametrize("data_class", ["special_category", "criminal"])
def test_by_default_forced_tls_carries_no_special_categories_and_no_criminal_matters(data_class):
    route = _standing(MaterialSettings(data_class=data_class), ALL)
    assert route.channels == ("eboks", "smime", "tunnel", "portal")
    assert [(left.channel, left.code) for left in route.left_out] == [("tls", "policy.never")]


def test_a_material_may_accept_less_than_the_policy():
    material = MaterialSettings(protections=("mailbox", "end_to_end"))
    route = _standing(material, ALL)
    assert route.channels == ("eboks", "smime")
    assert {left.code for left in route.left_out} == {"route.protection_not_accepted"}


def test_a_channel_that_is_not_open_is_left_out_with_that_reason():
    route = _standing(MaterialSettings(), {"eboks": Protection.MAILBOX})
    assert route.channels == ("eboks",)
    assert {left.code for left in route.left_out} == {"route.channel_not_open"}
    assert [left.channel for left in route.left_out] == ["smime", "tunnel", "tls", "portal"]


def test_every_order_of_channels_is_obeyed():
    for order in permutations(("eboks", "smime", "tunnel")):
        assert _standing(MaterialSettings(channels=order), ALL).channels == order


def test_an_open_channel_that_the_material_does_not_list_is_never_a_step():
    route = _standing(MaterialSettings(channels=("smime",)), ALL)
    assert route.channels == ("smime",)
    assert route.left_out == ()


def test_nothing_open_gives_a_route_without_steps():
    assert _standing(MaterialSettings(), {}).channels == ()


def test_special_categories_never_start_with_forced_tls_in_their_route():
    material = MaterialSettings(protections=("mailbox", "transport"), data_class="special_category")
    route = _standing(material, ALL)
    assert route.channels == ("eboks",)
    assert ("tls", "policy.never") in [(left.channel, left.code) for left in route.left_out]


def test_a_channel_that_does_not_reach_is_left_out_with_its_own_reason_and_evidence():
    no = Reach(False, "smime.no_certificate", params={"n_seen": 2}, evidence=({"source": "ldap"},))
    ways = {
        "eboks": Way(Protection.MAILBOX, Reach(False, "eboks.not_enrolled")),
        "smime": Way(ALL["smime"], no),
    }
    route = _plan(MaterialSettings(channels=("eboks", "smime")), ways)
    assert route.channels == ()
    assert [(left.code, left.evidence) for left in route.left_out] == [
        ("eboks.not_enrolled", ()),
        ("smime.no_certificate", ({"source": "ldap"},)),
    ]


def test_the_evidence_of_an_open_step_comes_with_it():
    route = _plan(MaterialSettings(channels=("smime",)), {"smime": Way(ALL["smime"], YES)})
    assert route.steps[0].evidence == YES.evidence


def test_an_amount_beyond_the_limit_closes_forced_tls_and_no_other():
    material = MaterialSettings(channels=("tls", "portal"), protections=("transport", "portal"))
    ways = {"tls": Way(ALL["tls"], YES, Amount(1, 6)), "portal": Way(ALL["portal"], YES)}
    route = _plan(material, ways)
    assert route.channels == ("portal",)
    assert [left.code for left in route.left_out] == ["policy.too_much"]


def test_one_whom_no_channel_should_reach_closes_them_all():
    dead = Reach(False, "eboks.dead", refused=True)
    ways = {"eboks": Way(Protection.MAILBOX, dead), "smime": Way(ALL["smime"], YES)}
    route = _plan(MaterialSettings(channels=("eboks", "smime")), ways)
    assert route.channels == ()
    assert {left.code for left in route.left_out} == {"eboks.dead"}


def test_a_material_that_is_gone_from_the_settings_goes_nowhere():
    consignment = letter(Papers(), material="gone")
    route = plan(consignment, Facts({}, POLICY, {"eboks": Way(Protection.MAILBOX, YES)}))
    assert route.channels == ()
    assert [left.code for left in route.left_out] == ["route.no_material"]


def test_nothing_leaves_unprotected_in_ten_thousand_random_houses():
    draw = Random(20261125)
    n_steps = n_left = 0
    for _ in range(10_000):
        material, policy, ways = _random_material(draw), _random_policy(draw), _random_ways(draw)
        route = _plan(material, ways, policy)
        for step in route.steps:
            _demand_allowed(step.channel, material, policy, ways)
        assert [c for c in material.channels if c in route.channels] == list(route.channels)
        assert {*route.channels, *(left.channel for left in route.left_out)} == set(material.channels)
        assert all(left.code for left in route.left_out)
        n_steps, n_left = n_steps + len(route.steps), n_left + len(route.left_out)
    assert min(n_steps, n_left) > 1_000


def _demand_allowed(channel, material, policy, ways):
    way = ways[channel]
    assert way.protection.value in material.protections
    assert way.reach is None or way.reach.reached
    allowance = policy.allowance(material.data_class, way.protection.value)
    assert allowance != "never"
    assert allowance == "always" or amount_obstacle(policy.limits, way.amount) == ""


def _random_material(draw):
    names = [*ALL, "ukendt"]
    accepted = [one.value for one in Protection if draw.random() < 0.7] or ["mailbox"]
    return MaterialSettings(
        channels=tuple(draw.sample(names, draw.randint(1, len(names)))),
        protections=tuple(accepted),  # type: ignore[arg-type]
        data_class=draw.choice(DATA_CLASSES),
    )


def _random_policy(draw):
    def row():
        return ClassPolicy(
            **{name: draw.choice(["always", "limited", "never"]) for name in ClassPolicy.model_fields}
        )

    return PolicySettings(**{name: row() for name in DATA_CLASSES})


def _random_ways(draw):
    def reach():
        return draw.choice([None, YES, Reach(False, "x.no")])

    def amount():
        return draw.choice([None, Amount(draw.randint(1, 8), draw.randint(1, 8))])

    return {
        name: Way(protection, reach(), amount()) for name, protection in ALL.items() if draw.random() < 0.7
    }
