"""No channel of the route reaches a recipient: the letter waits with its reasons, and goes once one opens."""

from __future__ import annotations

import pytest

from eboks.simulator import person
from tests.rigs.houses import FoundHouse, HouseOnDisk
from tests.rigs.pdfs import plain_pdf
from tests.rigs.simulator import RunningSimulator

ONE_WAY = 'title = "Brev"\nchannels = ["eboks"]'
TWO_WAYS = 'title = "Brev"\nchannels = ["eboks", "anden"]'


@pytest.fixture
def house(found_house: FoundHouse, simulator: RunningSimulator) -> HouseOnDisk:
    """Gives a house with two channels to the same simulator; neither keeps an answer about enrolment."""
    made = found_house(simulator, channel="enrolment_cache_hours = 0")
    text = made.path.read_text(encoding="utf-8")
    second = text[text.index("[channels.eboks]") :].replace("[channels.eboks]", "[channels.anden]")
    made.path.write_text(text.replace(ONE_WAY, TWO_WAYS) + "\n" + second, encoding="utf-8")
    return made


def flip(house: HouseOnDisk, status: str) -> None:
    with house.simulator.client() as client:
        client.flip_person("valid", status=status)


def n_at_eboks(house: HouseOnDisk) -> int:
    with house.simulator.client() as client:
        return client.counts()["n_messages"]


def drop(house: HouseOnDisk, name: str = "breve") -> None:
    folder = house.inbox / name
    folder.mkdir()
    (folder / "1.pdf").write_bytes(plain_pdf())
    row = f"{person('valid').number};brev;1.pdf;{name}"
    (folder / "index.csv").write_text(f"modtager;materiale;fil;reference\n{row}\n", encoding="utf-8")
    (house.inbox / f"{name}.klar").touch()
    assert house.brevdue("pull").code == 0


def waiting(house: HouseOnDisk) -> HouseOnDisk:
    flip(house, "exempt")
    drop(house)
    assert house.brevdue("dispatch").code == 3
    assert house.states() == {"held": 1}
    return house


def consignment(house: HouseOnDisk) -> str:
    (batch,) = house.status()["batches"]
    return f"{batch['batch']}-00002"


def test_it_waits_with_the_reason_of_every_channel_and_the_answer_says_so(house: HouseOnDisk) -> None:
    waiting(house)
    told = house.brevdue("explain", consignment(house)).data["consignments"][0]
    assert (told["state"], told["code"]) == ("held", "route.no_way_open")
    assert [(one["channel"], one["code"]) for one in told["history"] if one["cause"] == "rerouted"] == [
        ("eboks", "eboks.exempt")
    ]
    assert told["history"][-1]["cause"] == "no_way"
    house.brevdue("close")
    (receipt,) = house.answers("kvittering.csv")
    line = receipt.read_text(encoding="utf-8-sig").splitlines()[1]
    assert "eboks: eboks.exempt; anden: eboks.exempt" in line
    assert n_at_eboks(house) == 0


def test_it_goes_by_itself_once_a_channel_opens(house: HouseOnDisk) -> None:
    waiting(house)
    assert house.brevdue("dispatch").data["opened"] == 0
    flip(house, "enrolled")
    assert house.brevdue("dispatch").data["opened"] == 1
    assert house.states() == {"delivered": 1}
    assert n_at_eboks(house) == 1
    told = house.brevdue("explain", consignment(house)).data["consignments"][0]
    assert [one["cause"] for one in told["history"]] == [
        *("claimed", "rerouted", "claimed", "no_way"),
        *("released", "claimed", "accepted", "confirmed"),
    ]


def test_looking_in_vain_leaves_no_trace_in_its_history(house: HouseOnDisk) -> None:
    waiting(house)
    before = house.brevdue("explain", consignment(house)).data["consignments"][0]["history"]
    for _ in range(3):
        house.brevdue("dispatch")
    assert house.brevdue("explain", consignment(house)).data["consignments"][0]["history"] == before


def test_a_paused_channel_is_no_way(house: HouseOnDisk) -> None:
    waiting(house)
    flip(house, "enrolled")
    for channel in ("eboks", "anden"):
        house.brevdue("pause", channel)
    assert house.brevdue("dispatch").data["opened"] == 0
    house.brevdue("resume", "anden")
    assert house.brevdue("dispatch").data["opened"] == 1
    told = house.brevdue("explain", consignment(house)).data["consignments"][0]
    assert (told["state"], told["step"]) == ("delivered", 1)


def test_what_a_person_cancels_stays_where_it_is(house: HouseOnDisk) -> None:
    waiting(house)
    house.brevdue("cancel", consignment(house), "--reason", "sendt med posten")
    flip(house, "enrolled")
    house.brevdue("dispatch")
    assert house.states() == {"cancelled": 1}
    assert n_at_eboks(house) == 0


def test_one_who_has_died_meanwhile_gets_nothing(house: HouseOnDisk) -> None:
    waiting(house)
    flip(house, "dead")
    assert house.brevdue("dispatch").data["opened"] == 0
    assert house.states() == {"held": 1}


@pytest.mark.parametrize(("no_way", "state"), [("fail", "failed"), ("hold", "held")])
def test_the_material_may_say_what_becomes_of_it(house: HouseOnDisk, no_way: str, state: str) -> None:
    text = house.path.read_text(encoding="utf-8")
    house.path.write_text(text.replace(TWO_WAYS, f'{TWO_WAYS}\nno_way = "{no_way}"'), encoding="utf-8")
    flip(house, "exempt")
    drop(house)
    house.brevdue("dispatch")
    assert house.states() == {state: 1}


def test_with_one_way_only_it_is_on_the_error_list_at_once(house: HouseOnDisk) -> None:
    text = house.path.read_text(encoding="utf-8")
    house.path.write_text(text.replace(TWO_WAYS, ONE_WAY), encoding="utf-8")
    flip(house, "exempt")
    drop(house)
    assert house.brevdue("dispatch").code == 1
    assert house.states() == {"failed": 1}


def test_a_route_that_the_settings_forbid_since_is_not_taken(house: HouseOnDisk) -> None:
    drop(house)
    text = house.path.read_text(encoding="utf-8")
    house.path.write_text(text + '\n[policy.confidential]\nmailbox = "never"\n', encoding="utf-8")
    house.brevdue("dispatch")
    told = house.brevdue("explain", consignment(house)).data["consignments"][0]
    assert (told["state"], told["code"]) == ("held", "route.no_way_open")
    assert told["left_out"] == {"eboks": "policy.never", "anden": "policy.never"}
    assert n_at_eboks(house) == 0


def test_explain_tells_every_channel_and_what_would_be_sent_now(house: HouseOnDisk) -> None:
    waiting(house)
    flip(house, "enrolled")
    house.brevdue("pause", "eboks")
    outlook = house.brevdue("explain", consignment(house)).data["consignments"][0]["outlook"]
    assert outlook["channel"] == "anden"
    assert [(one["channel"], one["open"], one["allowed"]) for one in outlook["reasons"]] == [
        ("eboks", False, True),
        ("anden", True, True),
    ]
    assert n_at_eboks(house) == 0
    assert house.states() == {"held": 1}
