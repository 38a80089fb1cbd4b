"""The simulator's injected faults as a client meets them, and what the simulator holds after each."""

from __future__ import annotations

import gzip
import http.client
import json
from email.utils import parsedate_to_datetime

import pytest

from tests.rigs.simulator import RunningSimulator, StartSimulator, dispatch_path, dispatch_xml, message_id
from tests.rigs.waiting import wait_for

CUT = (ConnectionError, http.client.HTTPException)


@pytest.mark.parametrize(
    ("kind", "n_kept"), [("accept_then_drop", 1), ("drop_before", 0), ("drop_mid_body", 0)]
)
def test_a_drop_cuts_the_connection_with_or_without_taking_the_message(
    simulator: RunningSimulator, kind: str, n_kept: int
):
    with simulator.client() as client:
        client.add_fault(kind, count=1)
        with pytest.raises(CUT):
            client.put(message_id(1))
        assert len(client.messages()) == n_kept
        assert client.put(message_id(1)).status == (409 if n_kept else 200)
        assert client.counts()["n_faults"] == 1


@pytest.mark.parametrize(("variant", "kept_meanwhile", "seconds"), [("after", 1, 0.2), ("before", 0, 4.0)])
def test_a_delay_holds_the_answer_before_or_after_the_message_is_taken(
    simulator: RunningSimulator, variant: str, kept_meanwhile: int, seconds: float
):
    with simulator.client() as client, simulator.client() as watcher:
        client.add_fault("delay", count=1, delay_seconds=seconds, variant=variant)
        connection = client._connection
        connection.request("PUT", dispatch_path(message_id(1)), _body())
        wait_for(lambda: watcher.counts()["n_faults"])
        wait_for(lambda: len(watcher.messages()) == kept_meanwhile)
        assert connection.getresponse().status == 200
        assert len(watcher.messages()) == 1


@pytest.mark.parametrize("status", [400, 409, 419, 429, 500, 503])
def test_a_status_is_given_without_taking_the_message(simulator: RunningSimulator, status: int):
    with simulator.client() as client:
        client.add_fault("status", count=1, status=status, code=9123)
        reply = client.put(message_id(1))
        assert (reply.status, b">9123<" in reply.body) == (status, True)
        assert client.messages() == []


def test_a_500_may_come_after_the_message_was_taken(simulator: RunningSimulator):
    with simulator.client() as client:
        client.add_fault("status", count=1, status=500, stores=True)
        assert client.put(message_id(1)).status == 500
        assert client.put(message_id(1)).status == 409


def test_retry_after_is_sent_as_asked_for(simulator: RunningSimulator):
    with simulator.client() as client:
        for wish in (7, "in a while", "date:90"):
            client.add_fault("status", count=1, retry_after=wish)
        sent = [client.put(message_id(1)).headers["retry-after"] for _ in range(3)]
        client.add_fault("status", count=1)
        assert "retry-after" not in client.put(message_id(1)).headers
    assert sent[:2] == ["7", "in a while"]
    assert parsedate_to_datetime(sent[2]).tzinfo is not None


def test_a_drip_comes_byte_by_byte_and_whole(start_simulator: StartSimulator):
    with start_simulator(profile="proxy").client() as client:
        client.add_fault("drip", count=1, delay_seconds=0.0)
        reply = client.put(message_id(1))
        assert reply.json()["message_id"] == message_id(1)
        assert reply.headers["x-brevdue-simulator"] == "1"


def test_a_drip_stops_when_the_client_hangs_up(simulator: RunningSimulator):
    with simulator.client() as client:
        client.add_fault("drip", count=1, delay_seconds=0.05)
        client._connection.request("PUT", dispatch_path(message_id(1)), _body())
        client.close()
        assert client.put(message_id(2)).status == 200


@pytest.mark.parametrize("profile", ["direct", "proxy"])
@pytest.mark.parametrize(
    ("variant", "seen"),
    [
        ("html", b"<!DOCTYPE html>"),
        ("empty", b""),
        ("truncated", b'{"message_id": "0012'),
        ("other_id", b"-other"),
        ("other_recipient", b'"nr": "0101929999"'),
    ],
)
def test_a_wrong_answer_is_given_for_a_message_that_was_taken(
    start_simulator: StartSimulator, profile: str, variant: str, seen: bytes
):
    with start_simulator(profile=profile).client() as client:
        client.add_fault("wrong_json", count=1, variant=variant)
        reply = client.put(message_id(1))
        assert (reply.status, seen in reply.body) == (200, True)
        assert len(client.messages()) == 1
    if variant == "truncated":
        with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
            json.loads(reply.body)


def test_a_short_body_breaks_off(simulator: RunningSimulator):
    with simulator.client() as client:
        client.add_fault("wrong_json", count=1, variant="short_body")
        with pytest.raises(http.client.IncompleteRead):
            client.put(message_id(1))
        assert len(client.messages()) == 1


def test_a_huge_answer_and_a_gzip_bomb_are_larger_than_any_client_may_read(simulator: RunningSimulator):
    with simulator.client() as client:
        client.add_fault("wrong_json", count=1, variant="huge")
        assert len(client.put(message_id(1)).body) > 4 * 1024 * 1024
        client.add_fault("wrong_json", count=1, variant="gzip_bomb")
        bomb = client.put(message_id(2))
    assert bomb.headers["content-encoding"] == "gzip"
    assert len(bomb.body) < 1024 * 1024 < 32 * 1024 * 1024 < len(gzip.decompress(bomb.body))


def test_a_huge_answer_ends_when_the_client_hangs_up(simulator: RunningSimulator):
    with simulator.client() as client:
        client.add_fault("wrong_json", count=1, variant="huge")
        client._connection.request("PUT", dispatch_path(message_id(1)), _body())
        client._connection.getresponse().read(1000)
        client.close()
        assert client.put(message_id(2)).status == 200


def test_an_objection_is_not_hidden_by_a_wrong_answer(simulator: RunningSimulator):
    with simulator.client() as client:
        client.add_fault("wrong_json", variant="empty")
        assert client.put(message_id(1), b"not xml").status == 400


@pytest.mark.parametrize(
    ("call", "path"),
    [
        ("lookup", "/oio/rest/srv.svc/1/afsendersystem/1234/tilmeldinger/179343?cpr=1408683994"),
        ("messages", "/rest/messages/01/?message_id=" + message_id(1)),
        ("client", "/rest/client/01/"),
        ("read_back", dispatch_path(message_id(1))),
    ],
)
def test_every_call_can_be_made_to_fail(start_simulator: StartSimulator, call: str, path: str):
    with start_simulator(profile="proxy").client() as client:
        client.put(message_id(1))
        client.add_fault("status", on=call, count=1, status=500)
        assert [client.call("GET", path).status for _ in range(2)] == [500, 200]
        client.add_fault("drop_before", on=call, count=1)
        with pytest.raises(CUT):
            client.call("GET", path)
        assert client.put(message_id(2)).status == 200


def test_half_of_the_messages_can_be_made_to_fail_and_all_arrive_once_in_the_end(simulator: RunningSimulator):
    with simulator.client() as client:
        client.add_fault("accept_then_drop", share=0.5, seed=3)
        n_cut = 0
        for number in range(30):
            try:
                client.put(message_id(number))
            except CUT:
                n_cut += 1
        client.clear_faults()
        for number in range(30):
            client.put(message_id(number))
        assert 5 < n_cut < 25
        assert len(client.messages()) == 30


def _body() -> bytes:
    return dispatch_xml()
