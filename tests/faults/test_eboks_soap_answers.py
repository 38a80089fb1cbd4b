"""What a SOAP service may answer, and what we make of it: a fault is an answer, unknown is never success."""

from __future__ import annotations

import logging

import pytest

from schemas.errors import ConfigurationError, InDoubt, Refused, SendError, Transient, Unreachable
from tests.rigs.channels import letter
from tests.rigs.soap import TNS, envelope
from tests.rigs.soap_desk import (
    LET_GO,
    fault_answer,
    fejl_xml,
    http,
    platform_xml,
    response_xml,
    sent_answer,
    soap_desk,
)

BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "aaaaaaaaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
    b'<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>'
)
FILE = b'<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a SYSTEM "file:///etc/hostname">]>'
YES = envelope(response_xml("PrintAfsendBrevResponse", "resultat", "true"))


def ends_as(certificates, answer: bytes, earlier_unknown: bool = False, **change):
    """Returns what sending a letter to this answer comes to: a receipt, or the error."""
    with soap_desk(certificates, answer, **change) as desk:
        try:
            return desk.bench.send(letter(desk.bench.papers, earlier_unknown=earlier_unknown))
        except (SendError, ConfigurationError) as error:
            return error


@pytest.mark.parametrize("word", ["true", "1", " true "])
def test_a_yes_is_final(certificates, word):
    receipt = ends_as(certificates, sent_answer(word))
    assert (receipt.final, receipt.external_id, receipt.code) == (True, f"001234{1:032x}", "")
    assert receipt.proof["status"] == "200"
    assert receipt.proof["tls_version"].startswith("TLS")


@pytest.mark.parametrize("word", ["false", "0"])
def test_a_no_is_never_success_and_says_so(certificates, word):
    error = ends_as(certificates, sent_answer(word))
    assert (type(error), error.code) == (Refused, "eboks.result_false")


def test_a_no_after_a_try_that_may_have_arrived_is_for_a_person(certificates):
    error = ends_as(certificates, sent_answer("false"), earlier_unknown=True)
    assert (type(error), error.needs_person) == (InDoubt, True)


OTHER = response_xml("PrintSpoergTilmeldingResponse", "tilmeldt", "true")
TWICE = response_xml("PrintAfsendBrevResponse", "resultat", "true</t:resultat><t:resultat>true")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>OK true</body></html>",
        b"true",
        YES[:-40],
        envelope(""),
        envelope(OTHER),
        envelope(response_xml("PrintAfsendBrevResponse", "resultat", "true") + OTHER),
        envelope(response_xml("PrintAfsendBrevResponse", "resultat", "")),
        envelope(response_xml("PrintAfsendBrevResponse", "resultat", "TRUE")),
        envelope(response_xml("PrintAfsendBrevResponse", "resultat", "<x>true</x>")),
        envelope(response_xml("PrintAfsendBrevResponse", "andet", "true")),
        envelope(TWICE),
        YES.replace(TNS.encode(), b"urn:another"),
        YES.replace(b"http://schemas.xmlsoap.org/soap/envelope/", b"http://www.w3.org/2003/05/soap-envelope"),
        BOMB + YES.partition(b"?>")[2].replace(b">true<", b">&c;<"),
        FILE + YES.partition(b"?>")[2].replace(b">true<", b">&a;<"),
        YES.decode().replace("UTF-8", "UTF-16").encode("utf-16"),
    ],
)
def test_a_200_that_is_not_this_answer_is_doubt(certificates, body):
    assert type(ends_as(certificates, http(body))) is InDoubt


@pytest.mark.parametrize("status", [201, 202, 204])
def test_a_2xx_without_an_answer_is_doubt(certificates, status):
    assert type(ends_as(certificates, http(b"", status))) is InDoubt


def test_a_reply_that_breaks_off_or_never_ends_is_doubt(certificates):
    assert type(ends_as(certificates, http(YES, length=len(YES) + 10) + b"", deadline_seconds=2.0)) is InDoubt
    assert type(ends_as(certificates, http(YES + b" " * 1024 * 1024))) is InDoubt
    assert type(ends_as(certificates, LET_GO)) is InDoubt
    assert type(ends_as(certificates, http(YES, 200, "Content-Encoding: gzip"))) is InDoubt


@pytest.mark.parametrize(
    ("detail", "error", "code"),
    [
        (fejl_xml(4007), Transient, "eboks.not_now"),
        (fejl_xml(4015), Refused, "eboks.refused"),
        (fejl_xml(4015, alphabetical=True), Refused, "eboks.refused"),
        (fejl_xml(3000, alphabetical=True), ConfigurationError, "eboks.access_denied"),
        (fejl_xml(9032), Unreachable, "eboks.exempt"),
        (fejl_xml(9033), Refused, "eboks.dead"),
        (f"<pakket>{fejl_xml(9030)}</pakket>", Unreachable, "eboks.not_enrolled"),
        (fejl_xml(4099), Transient, "eboks.not_now"),
        (platform_xml(("9034", "for ung")), Unreachable, "eboks.minor"),
        (platform_xml(("SP-17", "ukendt aftale")), ConfigurationError, "eboks.set_up_refused"),
        (platform_xml(("4099", ""), ("9030", ""), ("9033", "")), Refused, "eboks.dead"),
        (platform_xml(("4099", ""), ("9030", "")), Unreachable, "eboks.not_enrolled"),
        (platform_xml(("INTERNAL", "prøv igen")), Transient, "eboks.not_now"),
        (platform_xml(), Transient, "eboks.not_now"),
        ("", Transient, "eboks.not_now"),
    ],
)
@pytest.mark.parametrize("status", [500, 200, 400])
def test_a_fault_is_an_answer_whatever_its_form_and_status(certificates, detail, error, code, status):
    verdicts = {"4099": "transient", "4015": "refused", "SP-17": "configuration"}
    found = ends_as(certificates, fault_answer(detail, status=status), verdicts=verdicts)
    assert (type(found), found.code) == (error, code)
    assert not getattr(found, "maybe_taken", False)


@pytest.mark.parametrize(
    ("blame", "error"),
    [
        ("s:Server", Transient),
        ("s:Server.Busy", Transient),
        ("soap-env:Client", Refused),
        ("s:Client.Authentication", ConfigurationError),
        ("s:MustUnderstand", ConfigurationError),
        ("VersionMismatch", ConfigurationError),
        ("wsse:FailedCheck", ConfigurationError),
        ("wsu:MessageExpired", ConfigurationError),
        ("", Refused),
    ],
)
def test_a_fault_without_a_known_code_goes_by_whom_it_blames(certificates, blame, error):
    assert type(ends_as(certificates, fault_answer("", blame))) is error


def test_a_fault_that_asks_for_patience_is_given_it(certificates):
    found = ends_as(certificates, fault_answer("", "s:Server", "optaget", 500, "Retry-After: 7"))
    assert (found.retry_after_seconds, found.maybe_taken) == (7, False)


NO_FAULT = [http(body, 500) for body in (b"", b"<html>bad gateway</html>", fault_answer()[-60:])]


@pytest.mark.parametrize("answer", [*NO_FAULT, http(b"", 503), *(fault_answer(status=n) for n in (502, 504))])
def test_a_server_error_that_is_not_the_services_own_fault_may_have_been_taken(certificates, answer):
    found = ends_as(certificates, answer)
    assert (type(found), found.maybe_taken) == (Transient, True)


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        (301, ConfigurationError, "eboks.redirected"),
        (401, ConfigurationError, "eboks.access_denied"),
        (403, ConfigurationError, "eboks.access_denied"),
        (404, ConfigurationError, "eboks.unknown_system_or_material"),
        (413, Unreachable, "eboks.too_large"),
        (429, Transient, "eboks.too_fast"),
    ],
)
def test_other_statuses_mean_what_they_mean_over_rest(certificates, status, error, code):
    for answer in (http(b"<html/>", status), fault_answer(status=status)):
        found = ends_as(certificates, answer)
        assert (type(found), found.code) == (error, code)
        assert not getattr(found, "maybe_taken", False)


DUPLICATES = [
    {"duplicate_fault_codes": ["4007"]},
    {"duplicate_fault_texts": ["Allerede Modtaget"]},
]
DUPLICATE = fault_answer(fejl_xml(4007, "Meddelelsen er allerede modtaget"), "s:Client")


@pytest.mark.parametrize("change", DUPLICATES)
def test_a_duplicate_fault_is_acceptance_after_a_try_that_may_have_arrived(certificates, change):
    receipt = ends_as(certificates, DUPLICATE, earlier_unknown=True, **change)
    assert receipt.code == "eboks.already_accepted"


@pytest.mark.parametrize("change", DUPLICATES)
def test_a_duplicate_fault_on_a_first_try_is_a_conflict_for_a_person(certificates, change):
    error = ends_as(certificates, DUPLICATE, **change)
    assert (type(error), error.code, error.needs_person) == (InDoubt, "eboks.id_conflict", True)


def test_without_the_setting_a_duplicate_fault_is_a_refusal_like_any_other(certificates):
    assert type(ends_as(certificates, DUPLICATE, earlier_unknown=True)) is Refused


def test_nothing_of_a_fault_is_shown_but_a_number(certificates):
    text = "140868-3994 Jens Jensen"
    for detail in (fejl_xml(4007, text), platform_xml(("1408683994", text))):
        error = ends_as(certificates, fault_answer(detail, "s:Client", text))
        assert "3994" not in f"{error!r} {error} {error.params}"
        assert "Jensen" not in f"{error!r} {error} {error.params}"


def test_no_envelope_is_ever_logged(certificates, caplog):
    with caplog.at_level(logging.DEBUG):
        ends_as(certificates, fault_answer(fejl_xml()))
        ends_as(certificates, sent_answer())
    assert "Envelope" not in caplog.text
    assert "1408683994" not in caplog.text
