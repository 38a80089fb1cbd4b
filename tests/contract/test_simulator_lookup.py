"""The simulator's enrolment look-up (facts/eboks c, row 6)."""

from __future__ import annotations

import pytest
from lxml import etree

from eboks.simulator import person
from tests.rigs.simulator import MANDATORY, VOLUNTARY, Reply, RunningSimulator, StartSimulator

OIO = "{urn:oio:dkal:1.0.0}"


def answer(reply: Reply) -> tuple[str | None, str | None]:
    assert reply.status == 200
    root = etree.fromstring(reply.body)
    assert root.tag == f"{OIO}Tilmelding"
    return root.findtext(f"{OIO}Tilmeldt"), root.findtext(f"{OIO}Grund")


@pytest.mark.parametrize(
    ("word", "material", "expected"),
    [
        ("valid", VOLUNTARY, ("true", "enrolled")),
        ("never_logged_in", MANDATORY, ("true", "enrolled")),
        ("never_logged_in", VOLUNTARY, ("false", "not_for_this_material")),
        ("not_this_material", VOLUNTARY, ("false", "not_for_this_material")),
        ("not_found", VOLUNTARY, ("false", "not_found")),
        ("exempt", VOLUNTARY, ("false", "exempt")),
        ("dead", VOLUNTARY, ("false", "dead")),
        ("minor", VOLUNTARY, ("false", "minor")),
        ("company", VOLUNTARY, ("true", "enrolled")),
        ("company_without_material", VOLUNTARY, ("false", "not_for_this_material")),
    ],
)
def test_yes_and_no_are_both_answers(
    simulator: RunningSimulator, word: str, material: int, expected: tuple[str, str]
):
    one = person(word)
    with simulator.client() as client:
        ask = client.look_up
        number = one.number
        reply = ask(material=material, cpr=number) if one.kind == "P" else ask(material=material, cvr=number)
    assert answer(reply) == expected


def test_by_the_other_switch_no_is_404(start_simulator: StartSimulator):
    with start_simulator(lookup_absent="404").client() as client:
        assert client.look_up(cpr=person("exempt").number).status == 404
        assert client.look_up(cpr=person("valid").number).status == 200


@pytest.mark.parametrize("material", [999, 10**30])
def test_an_unknown_material_is_404(simulator: RunningSimulator, material: int):
    with simulator.client() as client:
        reply = client.look_up(material=material, cpr=person("valid").number)
    assert (reply.status, b">9006<" in reply.body) == (404, True)


def test_exactly_one_number_is_asked_for(simulator: RunningSimulator):
    cpr, cvr = person("valid").number, person("company").number
    with simulator.client() as client:
        replies = [client.look_up(), client.look_up(cpr=cpr, cvr=cvr), client.look_up(cpr=cvr)]
        twice = client.call(
            "GET", f"/oio/rest/srv.svc/1/afsendersystem/1234/tilmeldinger/{MANDATORY}?cpr={cpr}&cpr={cpr}"
        )
    assert [reply.status for reply in [*replies, twice]] == [400] * 4


def test_a_person_can_be_flipped_between_look_up_and_send(simulator: RunningSimulator):
    with simulator.client() as client:
        number = person("valid").number
        assert answer(client.look_up(cpr=number)) == ("true", "enrolled")
        client.flip_person("valid", status="not_found")
        assert answer(client.look_up(cpr=number)) == ("false", "not_found")
        client.flip_person("valid", status="enrolled", groups=["bank"])
        assert answer(client.look_up(material=VOLUNTARY, cpr=number)) == ("false", "not_for_this_material")
        assert client.counts()["n_lookups"] == 3
