"""The simulator's control calls: what a test and a person see and change, and that live mode refuses them."""

from __future__ import annotations

import json

import pytest

from tests.rigs.simulator import RunningSimulator, StartSimulator, message_id

CALLS = [
    ("GET", "/_sim/messages"),
    ("DELETE", "/_sim/messages"),
    ("GET", "/_sim/counts"),
    ("GET", "/_sim/faults"),
    ("POST", "/_sim/faults"),
    ("DELETE", "/_sim/faults"),
    ("POST", "/_sim/persons"),
    ("GET", "/_sim/anything"),
]


def test_a_person_reads_a_page_that_masks_the_recipient(simulator: RunningSimulator):
    with simulator.client() as client:
        client.put(message_id(1))
        page = client.call("GET", "/_sim/messages", headers={"Accept": "text/html,*/*"})
        text = client.call("GET", "/_sim/messages", headers={"Accept": "text/plain"})
    for reply in (page, text):
        shown = reply.body.decode()
        assert message_id(1) in shown and "140868-••••" in shown and "1408683994" not in shown
    assert page.headers["content-type"].startswith("text/html")
    assert "simulator" in page.body.decode()


def test_messages_since_a_time(simulator: RunningSimulator):
    with simulator.client() as client:
        client.put(message_id(1))
        client.put(message_id(2))
        second = client.messages()[1]["received_at"]
        assert [one["id"] for one in client.messages(since=second)] == [message_id(2)]
        plain_plus = client.call("GET", f"/_sim/messages?since={second}")
        assert len(plain_plus.json()["messages"]) == 1
        assert client.call("GET", "/_sim/messages?since=2026-11-24").status == 400
        assert client.call("GET", "/_sim/messages?since=soon").status == 400


def test_messages_can_be_dropped_and_their_ids_are_free_again(simulator: RunningSimulator):
    with simulator.client() as client:
        client.put(message_id(1))
        assert client.clear_messages() == 1
        assert client.messages() == []
        assert client.put(message_id(1)).status == 200


def test_counts_tell_how_fast_and_how_much(simulator: RunningSimulator):
    with simulator.client() as client:
        for number in range(4):
            client.put(message_id(number))
        client.put(message_id(0))
        counts = client.counts()
    assert (counts["n_puts"], counts["n_stored"], counts["n_repeated"], counts["n_messages"]) == (5, 4, 1, 4)
    assert 1 <= counts["max_sends_in_one_second"] <= 5
    assert counts["max_parallel"] == 1


def test_rules_are_listed_with_their_counts_and_can_be_removed(simulator: RunningSimulator):
    with simulator.client() as client:
        first = client.add_fault("status", count=1)
        second = client.add_fault("status", after=100)
        client.put(message_id(1))
        client.put(message_id(2))
        assert [(one["id"], one["n_seen"], one["n_fired"]) for one in client.faults()] == [
            (first, 1, 1),
            (second, 1, 0),
        ]
        assert client.clear_faults(first) == 1
        assert client.clear_faults() == 1
        assert client.faults() == []


def test_several_rules_can_be_given_at_once_or_from_the_start(start_simulator: StartSimulator):
    rules = [{"kind": "status", "count": 1, "status": 500}, {"kind": "status", "count": 1, "status": 503}]
    with start_simulator(faults=rules).client() as client:
        assert [client.put(message_id(1)).status for _ in range(3)] == [500, 503, 200]
        reply = client.call("POST", "/_sim/faults", json.dumps(rules).encode())
        assert len(reply.json()["ids"]) == 2
        assert [client.put(message_id(2)).status for _ in range(3)] == [500, 503, 200]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/_sim/faults", b"not json"),
        ("/_sim/faults", b'{"kind": "status", "status": 200}'),
        ("/_sim/faults", b'{"kind": "no such"}'),
        ("/_sim/persons", b'{"person": "nobody"}'),
        ("/_sim/persons", b'{"person": "valid", "status": "asleep"}'),
        ("/_sim/persons", b'{"status": "exempt"}'),
        ("/_sim/persons", b"[]"),
    ],
)
def test_a_control_call_that_makes_no_sense_is_refused(simulator: RunningSimulator, path: str, body: bytes):
    with simulator.client() as client:
        reply = client.call("POST", path, body)
        assert (reply.status, reply.json()) == (400, {"error": "simulator.bad_control"})
        assert client.put(message_id(1)).status == 200


def test_one_who_is_not_listed_can_be_flipped_by_number(simulator: RunningSimulator):
    with simulator.client() as client:
        flip = {"kind": "P", "number": "2902003994", "status": "dead"}
        reply = client.call("POST", "/_sim/persons", json.dumps(flip).encode())
        assert reply.json() == {"person": "unlisted", "status": "dead"}
        assert b">dead<" in client.look_up(cpr="2902003994").body


@pytest.mark.parametrize("rig", ["start_simulator", "start_simulator_process"])
def test_live_mode_refuses_every_control_call(rig: str, request: pytest.FixtureRequest):
    start: StartSimulator = request.getfixturevalue(rig)
    with start(mode="live").client() as client:
        for method, path in CALLS:
            reply = client.call(method, path, b"{}")
            assert (reply.status, reply.json()) == (403, {"error": "simulator.live_mode"})
        assert client.put(message_id(1)).status == 200
