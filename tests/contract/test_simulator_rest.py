"""The simulator's v3 service in the direct profile: what it takes, what it turns down, and how it says so."""

from __future__ import annotations

import hashlib
import logging
import re
from pathlib import Path

import pytest
from lxml import etree

from eboks.simulator import person
from tests.rigs.simulator import (
    MANDATORY,
    VOLUNTARY,
    Reply,
    RunningSimulator,
    StartSimulator,
    dispatch_path,
    dispatch_xml,
    message_id,
)

OIO = "{urn:oio:dkal:1.0.0}"


def code_of(reply: Reply) -> int:
    return int(etree.fromstring(reply.body).findtext(f"{OIO}FejlKode") or 0)


def test_what_is_taken_is_kept_by_hash_and_never_as_text(simulator: RunningSimulator):
    with simulator.client() as client:
        client.put(message_id(1), dispatch_xml(document=b"a document", title="Hemmelig titel"))
        (kept,) = client.messages()
    assert kept["id"] == message_id(1)
    assert (kept["system_id"], kept["recipient"], kept["recipient_type"]) == (1234, "1408683994", "P")
    assert (kept["content_type_id"], kept["n_bytes"], kept["n_puts"]) == (MANDATORY, 10, 1)
    assert kept["sha256"] == hashlib.sha256(b"a document").hexdigest()
    assert kept["title_sha256"] == hashlib.sha256(b"Hemmelig titel").hexdigest()
    assert kept["received_at"].endswith("+00:00")
    assert "Hemmelig" not in str(kept)


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_success_comes_with_an_empty_body(start_simulator: StartSimulator, status: int):
    with start_simulator(success_status=status).client() as client:
        reply = client.put(message_id(1))
    assert (reply.status, reply.body) == (status, b"")


def test_an_error_body_is_a_fejl_as_the_captured_one(simulator: RunningSimulator):
    with simulator.client() as client:
        reply = client.put(message_id(1), dispatch_xml(title=""))
    root = etree.fromstring(reply.body)
    assert root.tag == f"{OIO}Fejl"
    assert root.nsmap["i"] == "http://www.w3.org/2001/XMLSchema-instance"
    assert [child.tag for child in root] == [
        f"{OIO}Fejl{name}" for name in ("Identifikator", "Kode", "Tekst")
    ]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d-\d\d\.\d\d\.\d\d\.\d{6}", root[0].text or "")
    assert len(root[0].text or "") == 26
    assert reply.headers["content-type"].startswith("application/xml")


def test_error_bodies_can_be_json_or_text(start_simulator: StartSimulator):
    with start_simulator(error_body="json").client() as client:
        assert client.put(message_id(1), b"x").json()["code"] == 9000
    with start_simulator(error_body="text").client() as client:
        assert client.put(message_id(1), b"x").body.startswith(b"9000 ")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"title": "a" * 51}, 400, 9003),
        ({"material": 999}, 404, 9006),
        ({"material": 10**17}, 404, 9006),
        ({"extension": "exe"}, 400, 9005),
        ({"data": "%%%"}, 400, 9004),
        ({"recipient": "123"}, 400, 9008),
        ({"extra": "<Content/>"}, 400, 9000),
    ],
)
def test_what_is_wrong_with_a_message_is_told_and_uses_up_no_id(
    simulator: RunningSimulator, change: dict[str, str], status: int, code: int
):
    with simulator.client() as client:
        reply = client.put(message_id(1), dispatch_xml(**change))  # type: ignore[arg-type]
        assert (reply.status, code_of(reply)) == (status, code)
        assert client.put(message_id(1)).status == 200


@pytest.mark.parametrize("wrong", ["1", "001234" + "a" * 45, "004321abc", "001234a%20b", "001234%C3%A6"])
def test_a_message_id_follows_the_rule(simulator: RunningSimulator, wrong: str):
    with simulator.client() as client:
        reply = client.call("PUT", dispatch_path(wrong), dispatch_xml())
        assert (reply.status, code_of(reply)) == (400, 9002)
        assert client.put("001234" + "-._~" + "a" * 40).status == 200


def test_the_size_limit_is_told_with_413(start_simulator: StartSimulator):
    with start_simulator(max_file_bytes=1000, max_message_bytes=1000).client() as client:
        assert client.put(message_id(1), dispatch_xml(document=b"x" * 1000)).status == 200
        over = client.put(message_id(2), dispatch_xml(document=b"x" * 1001))
        assert (over.status, code_of(over)) == (413, 9007)
    with start_simulator(max_file_bytes=1000, max_message_bytes=1000).client() as client:
        assert client.put(message_id(3), b"x" * 70_000).status == 413


@pytest.mark.parametrize(
    ("word", "material", "code"),
    [
        ("valid", VOLUNTARY, 0),
        ("never_logged_in", MANDATORY, 0),
        ("never_logged_in", VOLUNTARY, 9030),
        ("not_this_material", MANDATORY, 0),
        ("not_this_material", VOLUNTARY, 9030),
        ("not_found", MANDATORY, 9031),
        ("exempt", MANDATORY, 9032),
        ("dead", MANDATORY, 9033),
        ("minor", MANDATORY, 9034),
        ("company", VOLUNTARY, 0),
        ("company_without_material", VOLUNTARY, 9030),
    ],
)
def test_a_recipient_who_cant_receive_is_an_objection_of_its_own(
    simulator: RunningSimulator, word: str, material: int, code: int
):
    one = person(word)
    with simulator.client() as client:
        reply = client.put(message_id(1), dispatch_xml(one.number, one.kind, material))
        assert reply.status == (400 if code else 200)
        assert len(client.messages()) == (0 if code else 1)
    if code:
        assert code_of(reply) == code


@pytest.mark.parametrize("rule", ["enrolled", "not_found"])
def test_the_unlisted_follow_their_rule(start_simulator: StartSimulator, rule: str):
    with start_simulator(unlisted=rule).client() as client:
        reply = client.put(message_id(1), dispatch_xml("2902003994"))
    assert reply.status == (200 if rule == "enrolled" else 400)


@pytest.mark.parametrize(
    ("switch", "same", "other"), [("409", 409, 409), ("419", 419, 419), ("idempotent-200", 200, 409)]
)
def test_a_reused_id_is_answered_as_the_switch_says(
    start_simulator: StartSimulator, switch: str, same: int, other: int
):
    with start_simulator(duplicate=switch).client() as client:
        assert client.put(message_id(1)).status == 200
        assert client.put(message_id(1)).status == same
        reply = client.put(message_id(1), dispatch_xml(document=b"another"))
        assert (reply.status, code_of(reply)) == (other, 9020)
        (kept,) = client.messages()
    assert kept["n_puts"] == 3
    assert kept["sha256"] == hashlib.sha256(b"%PDF-1.7 a document").hexdigest()


def test_a_reused_id_is_told_even_when_the_recipient_has_left_since(simulator: RunningSimulator):
    with simulator.client() as client:
        client.put(message_id(1))
        client.flip_person("valid", status="exempt")
        assert client.put(message_id(1)).status == 409
        assert client.put(message_id(2)).status == 400


def test_a_message_can_be_read_back_with_its_state(start_simulator: StartSimulator):
    with start_simulator(forwarded_after_seconds=3600).client() as client:
        client.put(message_id(1))
        reply = client.call("GET", dispatch_path(message_id(1)))
        unknown = client.call("GET", dispatch_path(message_id(2)))
    root = etree.fromstring(reply.body)
    leaves = {str(child.tag).removeprefix("{urn:eboks:en:3.0.0}"): child.text for child in root}
    assert root.tag == "{urn:eboks:en:3.0.0}Dispatch"
    assert (leaves["MessageId"], leaves["DispatchState"]) == (message_id(1), "afventer")
    assert (unknown.status, code_of(unknown)) == (404, 9021)


def test_a_message_has_been_forwarded_when_its_time_is_up(simulator: RunningSimulator):
    with simulator.client() as client:
        client.put(message_id(1))
        assert b">fremsendt<" in client.call("GET", dispatch_path(message_id(1))).body


def test_another_systems_message_cant_be_read_back(start_simulator: StartSimulator):
    simulator = start_simulator()
    with simulator.client() as client, simulator.client("other_system") as other:
        client.put(message_id(1))
        assert other.call("GET", dispatch_path(message_id(1))).status == 403
        assert other.call("GET", dispatch_path(message_id(1), 4321)).status == 404


def test_unknown_addresses_and_methods_are_objections_too(simulator: RunningSimulator):
    with simulator.client() as client:
        lost = client.call("GET", "/nowhere?cpr=1408683994")
        wrong = client.call("POST", dispatch_path(message_id(1)), b"x")
    assert (lost.status, code_of(lost), wrong.status, code_of(wrong)) == (404, 9022, 405, 9023)
    assert b"1408683994" not in lost.body


def test_a_rate_over_the_limit_is_429_with_retry_after(start_simulator: StartSimulator):
    with start_simulator(max_per_second=1).client() as client:
        replies = [client.put(message_id(number)) for number in range(10)]
        counts = client.counts()
    refused = [reply for reply in replies if reply.status == 429]
    assert {reply.status for reply in replies} == {200, 429}
    assert {reply.headers["retry-after"] for reply in refused} == {"1"}
    assert (counts["n_rate_limited"], counts["n_stored"]) == (len(refused), 10 - len(refused))


def test_the_file_is_there_while_it_runs_and_outlives_it(start_simulator: StartSimulator, tmp_path: Path):
    path = tmp_path / "received.jsonl"
    first = start_simulator(record_path=str(path))
    with first.client() as client:
        client.put(message_id(1))
        assert message_id(1) in path.read_text("utf-8")
    with start_simulator(record_path=str(path)).client() as client:
        assert client.put(message_id(1)).status == 409


def test_nothing_personal_is_logged(simulator: RunningSimulator, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    with simulator.client() as client:
        client.put(message_id(1), dispatch_xml(title="Hemmelig"))
        client.put(message_id(2), dispatch_xml("3104883981", title="Hemmelig"))
        client.look_up(cpr="1408683994")
        client.call("GET", "/nowhere?cpr=1408683994")
        client.call("PUT", dispatch_path(message_id(3)), b"<1408683994")
    assert "1408683994" not in caplog.text and "Hemmelig" not in caplog.text
    assert "3104883981" not in caplog.text
