"""The one real document of an onboarding: only after its host was confirmed, and never twice."""

from __future__ import annotations

import json

import pytest

from tests.rigs.senders import Desk, OpenDesk, bad_codes

SET_UP = ("--step=sender", "--step=certificate", "--step=settings")
LIVE = ("--step=sender", "--live-test")
CONFIRMED = (*LIVE, "--confirm=127.0.0.1")


@pytest.fixture
def desk(open_desk: OpenDesk) -> Desk:
    opened = open_desk()
    assert opened.onboard(*SET_UP, *opened.flags()).code == 3
    return opened


def add_fault(desk: Desk, **rule) -> None:
    from eboks.simulator import FaultRule

    desk.simulator.running.simulation.faults.add(FaultRule(**rule))


@pytest.mark.parametrize("confirm", [(), ("--confirm=e-boks.invalid",), ("--confirm=ja",)])
def test_without_the_right_confirmation_nothing_leaves(desk: Desk, confirm):
    ran = desk.onboard(*LIVE, *confirm)
    assert (ran.code, bad_codes(ran.data, "live_test")) == (1, ["onboarding.live_test_not_confirmed"])
    assert desk.simulator.running.simulation.counts.n_puts == 0
    assert not (desk.sender_folder / "live-test").exists()


def test_it_is_marked_received_once_and_says_that_it_was_simulated(desk: Desk):
    ran = desk.onboard(*CONFIRMED)
    (check,) = ran.data["steps"]["live_test"]["checks"]
    assert (check["level"], check["facts"]["simulated"]) == ("good", True)
    (message,) = desk.simulator.running.simulation.messages
    assert (message.recipient_type, message.recipient) == ("V", "13748136")
    assert message.id == check["facts"]["receipt"]
    # Another test is another document, and each comes once.
    desk.onboard(*CONFIRMED)
    assert len(set(desk.simulator.held)) == 2
    assert {one.n_puts for one in desk.simulator.running.simulation.messages} == {1}


def test_an_answer_that_never_came_is_cleared_under_the_same_id(desk: Desk):
    add_fault(desk, kind="accept_then_drop", count=1)
    ran = desk.onboard(*CONFIRMED)
    assert bad_codes(ran.data, "live_test") == []
    (message,) = desk.simulator.running.simulation.messages
    assert message.n_puts == 2


def test_one_that_could_not_be_sent_is_gone_on_with_and_not_begun_anew(desk: Desk):
    add_fault(desk, kind="status", status=403)
    ran = desk.onboard(*CONFIRMED)
    assert bad_codes(ran.data, "live_test") == ["eboks.access_denied"]
    assert "live_test" in ran.data["open_steps"]
    desk.simulator.running.simulation.faults.remove(None)
    ran = desk.onboard(*CONFIRMED)
    assert bad_codes(ran.data, "live_test") == []
    assert len(desk.simulator.held) == 1
    assert len(list((desk.sender_folder / "live-test" / "eboks" / "kilde" / "kvittering").iterdir())) == 1


def test_a_live_house_sends_none_to_this_machine(desk: Desk):
    """The rule of the house holds here too: no test can pass for one at the real e-Boks."""
    text = desk.path.read_text(encoding="utf-8")
    desk.path.write_text(text.replace('tenant = "testhus"', 'tenant = "testhus"\nmode = "live"'), "utf-8")
    ran = desk.onboard(*CONFIRMED)
    assert bad_codes(ran.data, "live_test") == ["eboks.live_on_loopback"]
    assert desk.simulator.running.simulation.counts.n_puts == 0


@pytest.mark.parametrize("number", ["1234567890", "hej"])
def test_a_recipient_that_is_no_number(desk: Desk, number: str):
    ran = desk.onboard(*CONFIRMED, f"--recipient={number}")
    (code,) = bad_codes(ran.data, "live_test")
    assert code.startswith("identity.")
    assert number not in ran.out + json.dumps(desk.state())


def test_a_person_as_recipient_is_kept_nowhere_in_the_clear(desk: Desk):
    ran = desk.onboard(*CONFIRMED, "--recipient=1408683994")
    assert bad_codes(ran.data, "live_test") == []
    kept = [path for path in desk.sender_folder.rglob("*") if path.is_file()]
    assert [path.name for path in kept if b"1408683994" in path.read_bytes()] == []
