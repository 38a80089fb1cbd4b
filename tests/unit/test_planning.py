"""The route: which channels a material may take, and the reasons why the others are left out."""

from __future__ import annotations

from itertools import permutations

from routing.planning import plan
from schemas.channels import Protection
from schemas.settings import MaterialSettings

ALL = {
    "eboks": Protection.MAILBOX,
    "smime": Protection.END_TO_END,
    "tunnel": Protection.DOMAIN,
    "tls": Protection.TRANSPORT,
    "portal": Protection.PORTAL,
}


def test_the_default_order_is_eboks_smime_tunnel_and_portal_without_forced_tls():
    route = plan(MaterialSettings(), ALL)
    assert route.channels == ("eboks", "smime", "tunnel", "portal")
    assert [(left.channel, left.code) for left in route.left_out] == [
        ("tls", "route.protection_not_accepted")
    ]


def test_a_material_that_accepts_transport_protection_may_go_by_forced_tls():
    material = MaterialSettings(protections=("mailbox", "transport"))
    assert plan(material, ALL).channels == ("eboks", "tls")


def test_a_channel_that_is_not_open_is_left_out_with_that_reason():
    route = plan(MaterialSettings(), {"eboks": Protection.MAILBOX})
    assert route.channels == ("eboks",)
    assert {left.code for left in route.left_out} == {"route.channel_not_open"}
    assert [left.channel for left in route.left_out] == ["smime", "tunnel", "tls", "portal"]


def test_every_order_of_channels_is_obeyed():
    for order in permutations(("eboks", "smime", "tunnel")):
        assert plan(MaterialSettings(channels=order), ALL).channels == order


def test_an_open_channel_that_the_material_does_not_list_is_never_a_step():
    route = plan(MaterialSettings(channels=("smime",)), ALL)
    assert route.channels == ("smime",)
    assert route.left_out == ()


def test_nothing_open_gives_a_route_without_steps():
    assert plan(MaterialSettings(), {}).channels == ()
