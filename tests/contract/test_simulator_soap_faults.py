"""The SOAP service's injected faults as a client meets them, and what the simulator holds after each."""

from __future__ import annotations

import gzip
import http.client
import ssl

import pytest
from lxml import etree

from eboks.simulator.fault_rules import VARIANTS
from tests.rigs.simulator import RunningSimulator, SimulatorClient, StartSimulator, message_id
from tests.rigs.soap import (
    DKAL,
    PATH,
    PLATFORM_FAULT,
    TNS,
    Answer,
    answer_in,
    ask,
    brev_xml,
    envelope,
    post,
    schema,
    tilmelding_xml,
)
from tests.rigs.waiting import wait_for

CUT = (ConnectionError, http.client.HTTPException, ssl.SSLEOFError)
"""What a cut connection looks like: on reading, or already while the rest of the letter is written."""
TAKEN = Answer(200, "true")
REPEATED = Answer(500, code=9020, detail="Fejl", fault_code="Client")


def begin(client: SimulatorClient, text: str) -> http.client.HTTPConnection:
    """Sends a letter and returns the connection, its answer unread."""
    headers = {"Content-Type": "text/xml", "SOAPAction": f"{TNS}afsendBrev"}
    try:
        client._connection.request("POST", PATH, envelope(text), headers)
    except OSError:
        client._connection.close()  # the next call opens it anew
        raise
    return client._connection


@pytest.mark.parametrize(
    ("kind", "n_kept"), [("accept_then_drop", 1), ("drop_before", 0), ("drop_mid_body", 0)]
)
def test_a_drop_cuts_the_connection_with_or_without_taking_the_letter(
    simulator: RunningSimulator, kind: str, n_kept: int
):
    letter = brev_xml(document=b"x" * 500_000)
    with simulator.client() as client:
        client.add_fault(kind, on="soap_send", count=1)
        with pytest.raises(CUT):
            post(client, letter)
        assert len(client.messages()) == n_kept
        assert ask(client, letter) == (REPEATED if n_kept else TAKEN)
        assert client.counts()["n_faults"] == 1


def test_a_fault_falls_on_the_call_it_names_and_on_no_other(simulator: RunningSimulator):
    with simulator.client() as client:
        client.add_fault("drop_before", on="soap_lookup", count=1)
        assert client.put(message_id(1)).status == 200
        assert ask(client, brev_xml(message_id(2))) == TAKEN
        with pytest.raises(CUT):
            post(client, tilmelding_xml())
        client.add_fault("drop_before", count=1)
        assert ask(client, brev_xml(message_id(3))) == TAKEN
        with pytest.raises(CUT):
            client.put(message_id(4))


def test_a_fault_can_fall_on_one_letter_by_its_id(simulator: RunningSimulator):
    with simulator.client() as client:
        client.add_fault("status", on="soap_send", message_ids=[message_id(2)], status=503)
        statuses = [post(client, brev_xml(message_id(number))).status for number in (1, 2, 3, 2)]
        prefixed = brev_xml(message_id(2)).replace("f:", "fjernprint:").replace(":f=", ":fjernprint=")
        statuses.append(post(client, prefixed).status)
        assert [one["id"] for one in client.messages()] == [message_id(1), message_id(3)]
    assert statuses == [200, 503, 200, 503, 503]


@pytest.mark.parametrize(("variant", "kept_meanwhile", "seconds"), [("after", 1, 0.2), ("before", 0, 4.0)])
def test_a_delay_holds_the_answer_before_or_after_the_letter_is_taken(
    simulator: RunningSimulator, variant: str, kept_meanwhile: int, seconds: float
):
    with simulator.client() as client, simulator.client() as watcher:
        client.add_fault("delay", on="soap_send", count=1, delay_seconds=seconds, variant=variant)
        connection = begin(client, brev_xml())
        wait_for(lambda: watcher.counts()["n_faults"])
        wait_for(lambda: len(watcher.messages()) == kept_meanwhile)
        assert connection.getresponse().status == 200
        assert len(watcher.messages()) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 409, 429, 500, 503])
def test_a_status_is_given_without_taking_the_letter(simulator: RunningSimulator, status: int):
    with simulator.client() as client:
        client.add_fault("status", on="soap_send", count=1, status=status, code=9123, retry_after=7)
        reply = post(client, brev_xml())
        assert (reply.status, answer_in(reply).code, reply.headers["retry-after"]) == (status, 9123, "7")
        assert client.messages() == []


def test_a_drip_comes_byte_by_byte_and_whole(simulator: RunningSimulator):
    with simulator.client() as client:
        client.add_fault("drip", on="soap_send", count=1, delay_seconds=0.0)
        reply = post(client, brev_xml())
    assert answer_in(reply) == TAKEN
    assert reply.headers["x-brevdue-simulator"] == "1"


@pytest.mark.parametrize("stores", [False, True])
@pytest.mark.parametrize(
    ("variant", "root", "parts"),
    [
        ("fejl", f"{{{DKAL}}}Fejl", ["FejlKode", "FejlTekst", "FejlIdentifikator"]),
        ("fejl_by_alphabet", f"{{{DKAL}}}Fejl", ["FejlIdentifikator", "FejlKode", "FejlTekst"]),
        ("platform", f"{{{PLATFORM_FAULT}}}ServiceplatformFault", ["ErrorCode", "ErrorText"]),
        ("platform_turned", f"{{{PLATFORM_FAULT}}}ServiceplatformFault", ["ErrorText", "ErrorCode"]),
    ],
)
def test_a_fault_of_either_kind_and_order_is_given(
    simulator: RunningSimulator, variant: str, root: str, parts: list[str], stores: bool
):
    with simulator.client() as client:
        client.add_fault("soap_fault", on="soap_send", variant=variant, count=1, code=9123, stores=stores)
        reply = post(client, brev_xml())
        assert len(client.messages()) == stores
    detail = next(etree.fromstring(reply.body).iterfind(".//detail/*"))
    holder = detail if variant.startswith("fejl") else detail[0][0]
    assert (reply.status, answer_in(reply).code, detail.tag) == (500, 9123, root)
    assert [etree.QName(one).localname for one in holder] == parts
    name = "dkal.xsd" if variant.startswith("fejl") else "serviceplatform_fault.xsd"
    assert schema(name).validate(detail) is (variant in ("fejl", "platform"))


def test_a_fault_may_have_no_detail_and_falls_on_questions_too(simulator: RunningSimulator):
    with simulator.client() as client:
        client.add_fault("soap_fault", on="soap_send", variant="bare", count=1)
        client.add_fault("soap_fault", on="soap_lookup", count=1, status=400)
        assert ask(client, brev_xml()) == Answer(500, fault_code="Server")
        assert ask(client, tilmelding_xml()) == Answer(500, code=9050, detail="Fejl", fault_code="Client")
        assert ask(client, tilmelding_xml()) == TAKEN


@pytest.mark.parametrize(
    ("variant", "seen"),
    [
        ("html", b"<!DOCTYPE html>"),
        ("empty", b""),
        ("truncated", b"<resultat>true</resultat>"),
        ("result_false", b"<resultat>false</resultat>"),
        ("other_operation", b"PrintSpoergTilmeldingResponse"),
        ("fault_as_200", b"<s:Fault>"),
        ("entity", b'<!ENTITY e9 "true">'),
        ("entity_bomb", b"&e8;&e8;"),
        ("external_entity", b'SYSTEM "file:///'),
    ],
)
def test_a_wrong_answer_is_given_for_a_letter_that_was_taken(
    simulator: RunningSimulator, variant: str, seen: bytes
):
    with simulator.client() as client:
        client.add_fault("wrong_soap", on="soap_send", count=1, variant=variant)
        reply = post(client, brev_xml())
        assert (reply.status, seen in reply.body) == (200, True)
        assert reply.headers["x-brevdue-simulator"] == "1"
        assert len(client.messages()) == 1
    if variant in ("entity", "entity_bomb", "external_entity"):
        assert b"<resultat>&e9;</resultat>" in reply.body
    if variant in ("entity", "external_entity"):
        tree = etree.fromstring(reply.body, etree.XMLParser(resolve_entities=False, load_dtd=False))
        assert tree.getroottree().docinfo.internalDTD is not None
    if variant == "truncated":
        with pytest.raises(etree.XMLSyntaxError):
            etree.fromstring(reply.body)


def test_a_question_gets_wrong_answers_of_its_own(simulator: RunningSimulator):
    with simulator.client() as client:
        for variant in ("result_false", "other_operation", "entity"):
            client.add_fault("wrong_soap", on="soap_lookup", count=1, variant=variant)
        bodies = [post(client, tilmelding_xml()).body for _ in range(3)]
    assert b"<tilmeldt>false<" in bodies[0] and b"<resultat>true<" in bodies[1]
    assert b"<tilmeldt>&e9;<" in bodies[2]


def test_an_entity_bomb_would_be_one(simulator: RunningSimulator):
    with simulator.client() as client:
        client.add_fault("wrong_soap", on="soap_send", count=1, variant="entity_bomb")
        body = post(client, brev_xml()).body
    assert len(body) < 2000
    with pytest.raises(etree.XMLSyntaxError, match=r"(?i)entity|amplification"):
        etree.fromstring(body, etree.XMLParser(resolve_entities=True))


def test_a_short_body_a_huge_answer_and_a_gzip_bomb(simulator: RunningSimulator):
    with simulator.client() as client:
        client.add_fault("wrong_soap", on="soap_send", count=1, variant="short_body")
        with pytest.raises(http.client.IncompleteRead):
            post(client, brev_xml())
        client.add_fault("wrong_soap", on="soap_send", count=1, variant="huge")
        assert len(post(client, brev_xml(message_id(2))).body) > 4 * 1024 * 1024
        client.add_fault("wrong_soap", on="soap_send", count=1, variant="gzip_bomb")
        bomb = post(client, brev_xml(message_id(3)))
        assert len(client.messages()) == 3
    assert bomb.headers["content-encoding"] == "gzip"
    assert len(bomb.body) < 1024 * 1024 < 32 * 1024 * 1024 < len(gzip.decompress(bomb.body))


def test_an_objection_is_not_hidden_by_a_wrong_answer(simulator: RunningSimulator):
    with simulator.client() as client:
        client.add_fault("wrong_soap", on="soap_send", variant="result_false")
        assert ask(client, brev_xml(title="")).code == 9003


def test_every_variant_can_be_asked_for(start_simulator: StartSimulator):
    with start_simulator().client() as client:
        asked = [("soap_fault", one) for one in VARIANTS["soap_fault"]]
        asked += [("wrong_soap", one) for one in VARIANTS["wrong_soap"] if one != "short_body"]
        for number, (kind, variant) in enumerate(asked):
            client.add_fault(kind, on="soap_send", count=1, variant=variant)
            reply = post(client, brev_xml(message_id(number)))
            assert reply.status == (500 if kind == "soap_fault" else 200), variant
        assert client.counts()["n_faults"] == len(asked)


def test_half_of_the_letters_can_be_made_to_fail_and_all_arrive_once_in_the_end(simulator: RunningSimulator):
    with simulator.client() as client:
        client.add_fault("accept_then_drop", on="soap_send", share=0.5, seed=3)
        n_cut = 0
        for number in range(30):
            try:
                post(client, brev_xml(message_id(number)))
            except CUT:
                n_cut += 1
        client.clear_faults()
        for number in range(30):
            client.put(message_id(number))
        assert 5 < n_cut < 25
        assert len(client.messages()) == 30
