"""The simulator's proxy profile: JSON replies, status polls and post-processing (facts/eboks a.1, a.2)."""

from __future__ import annotations

from typing import Any

import pytest

from eboks.simulator import person
from tests.rigs.simulator import (
    MANDATORY,
    VOLUNTARY,
    RunningSimulator,
    SimulatorClient,
    StartSimulator,
    dispatch_xml,
    message_id,
)


def send(client: SimulatorClient, word: str, number: int = 1, material: int = MANDATORY) -> dict[str, Any]:
    one = person(word)
    reply = client.put(message_id(number), dispatch_xml(one.number, one.kind, material))
    assert reply.status == 200
    return dict(reply.json())


@pytest.mark.parametrize(
    ("word", "material", "status", "processing"),
    [
        ("valid", MANDATORY, "", ""),
        ("exempt", MANDATORY, "exempt", "pending"),
        ("minor", MANDATORY, "minor", "pending"),
        ("dead", MANDATORY, "dead", ""),
        ("not_found", MANDATORY, "invalid", "pending"),
        ("not_this_material", VOLUNTARY, "invalid", "pending"),
        ("company", MANDATORY, "", ""),
    ],
)
def test_the_reply_tells_the_recipients_status(
    start_simulator: StartSimulator, word: str, material: int, status: str, processing: str
):
    with start_simulator(profile="proxy").client() as client:
        value = send(client, word, material=material)
    (recipient,) = value["recipients"]
    one = person(word)
    assert value["message_id"] == message_id(1)
    assert recipient["nr"] == one.number
    assert recipient["recipient_type"] == ("cpr" if one.kind == "P" else "cvr")
    assert (recipient["status"], recipient["post_processing_status"]) == (status, processing)
    assert bool(recipient["reject_reason"]) == bool(status)


@pytest.mark.parametrize(
    ("word", "outcome"), [("exempt", "remote printed"), ("not_found", "address not found"), ("valid", "")]
)
def test_pending_ends_after_the_polls_it_was_given(start_simulator: StartSimulator, word: str, outcome: str):
    with start_simulator(profile="proxy", pending_polls=2).client() as client:
        send(client, word)
        told = [client.poll(message_id(1)).json()[0]["recipients"][0] for _ in range(4)]
    first = "pending" if outcome else ""
    assert [one["post_processing_status"] for one in told] == [first, first, outcome, outcome]


def test_pending_lasts_its_seconds_whatever_is_asked(start_simulator: StartSimulator):
    with start_simulator(profile="proxy", pending_polls=0, pending_seconds=3600).client() as client:
        send(client, "exempt")
        told = [client.poll(message_id(1)).json()[0]["recipients"][0] for _ in range(3)]
    assert {one["post_processing_status"] for one in told} == {"pending"}


@pytest.mark.parametrize("as_text", [False, True])
def test_a_poll_lists_the_known_ones_with_the_proxys_own_fields(
    start_simulator: StartSimulator, as_text: bool
):
    with start_simulator(profile="proxy", proxy_code_as_text=as_text).client() as client:
        send(client, "valid", 1)
        send(client, "exempt", 2)
        listed = client.poll(message_id(1), message_id(2), message_id(3)).json()
    assert [one["message_id"] for one in listed] == [message_id(1), message_id(2)]
    for one in listed:
        assert one["proxy_response_code"] == ("200" if as_text else 200)
        assert one.keys() >= {"proxy_error", "modified_at", "recipients"}


def test_fifty_ids_may_be_asked_for_and_not_one_more(start_simulator: StartSimulator):
    ids = [message_id(number) for number in range(51)]
    with start_simulator(profile="proxy").client() as client:
        assert client.poll(*ids[:50]).json() == []
        over = client.poll(*ids)
        assert (over.status, b">9024<" in over.body) == (400, True)


def test_the_returned_id_may_differ_and_is_the_one_to_ask_by(start_simulator: StartSimulator):
    with start_simulator(profile="proxy", proxy_new_id=True).client() as client:
        returned = send(client, "valid")["message_id"]
        assert returned != message_id(1)
        assert [one["message_id"] for one in client.poll(returned).json()] == [returned]
        assert client.put(message_id(1)).status == 409


def test_another_systems_messages_are_not_told(start_simulator: StartSimulator):
    simulator = start_simulator(profile="proxy")
    with simulator.client() as client, simulator.client("other_system") as other:
        send(client, "valid")
        assert other.poll(message_id(1)).json() == []


def test_the_client_call_answers_the_configured_client_alone(start_simulator: StartSimulator):
    with start_simulator(profile="proxy", client_id="07").client() as client:
        assert client.call("GET", "/rest/client/07/").json() == {"client_id": "07", "system_ids": [1234]}
        assert client.call("GET", "/rest/client/01/").status == 404
        assert client.poll(message_id(1)).status == 404


def test_the_direct_profile_has_no_proxy_calls(simulator: RunningSimulator):
    with simulator.client() as client:
        assert client.poll(message_id(1)).status == 404
        assert client.call("GET", "/rest/client/01/").status == 404
