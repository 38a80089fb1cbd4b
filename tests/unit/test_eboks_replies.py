"""What e-Boks and a proxy answer is read without trust, and means what facts/eboks says."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eboks.proxy_replies import read_later_word, read_taken
from eboks.replies import Reply, error_number, leaves, parse_json, retry_after_seconds
from eboks.simulator import codes
from eboks.simulator.answers import fejl
from eboks.verdicts import objection, verdict_table
from schemas.consignments import ReceiptKind
from schemas.errors import ConfigurationError, InDoubt, Refused, SendError, Transient, Unreachable
from tests.rigs.channels import recipient_of

NOW = datetime(2026, 11, 24, 6, 30, tzinfo=UTC)
OURS = recipient_of().number.digits
OTHER = recipient_of("same_name_1").number.digits


def reply(status, body=b"", headers=None, **change):
    return Reply(status, headers or {}, body, **change)


def meant(status, body=b"", overrides=None, *, simulated=False, **change):
    return objection(reply(status, body, **change), verdict_table(overrides or {}, simulated=simulated), NOW)


@pytest.mark.parametrize(
    "body",
    [
        fejl(codes.ACCESS_DENIED, NOW).encode(),
        b"<?xml version='1.0'?><Fejl><FejlTekst>x</FejlTekst><FejlKode> 3000 </FejlKode></Fejl>",
        b'{"code": 3000}',
        b'{"Fejl": {"FejlKode": "3000"}}',
        b"3000 Adgang",
    ],
)
def test_an_error_number_is_read_in_every_form(body):
    assert error_number(body) == 3000


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<Fejl>",
        b"<Fejl><FejlKode>300</FejlKode></Fejl>",
        b"<Fejl><FejlKode>3000</FejlKode><FejlKode>3001</FejlKode></Fejl>",
        b'<!DOCTYPE Fejl [<!ENTITY a "3000">]><Fejl><FejlKode>&a;</FejlKode></Fejl>',
        b"<Andet><FejlKode>3000</FejlKode></Andet>",
        b'{"code": true}',
        b'{"code": 12345}',
        b"[" * 50_000,
        b"30001234 tekst",
        b"<Fejl><FejlKode>3000</FejlKode>" + b" " * 70_000 + b"</Fejl>",
        "<Fejl><FejlKode>٣٠٠٠</FejlKode></Fejl>".encode(),
    ],
)
def test_no_number_is_made_up(body):
    assert error_number(body) is None


@given(st.binary(max_size=200))
def test_no_bytes_break_the_readers(body):
    error_number(body)
    leaves(body, "Tilmelding")
    parse_json(body)
    with pytest.raises(InDoubt):
        read_taken(body, "004711", OURS)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("120", 120),
        (" 0 ", 0),
        ("-5", 0),
        ("86400", 3600),
        ("Tue, 24 Nov 2026 06:31:00 GMT", 60),
        ("Tue, 24 Nov 2026 06:00:00 GMT", 0),
        ("Wed, 25 Nov 2026 06:00:00 GMT", 3600),
        ("1.5", None),
        ("soon", None),
        ("inf", None),
        ("9" * 400, None),
        ("Tue, 99 Nov 2026 06:31:00 GMT", None),
    ],
)
def test_retry_after_is_capped_and_garbage_is_nothing(value, seconds):
    assert retry_after_seconds(value, NOW) == seconds


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (302, ConfigurationError, "eboks.redirected"),
        (401, ConfigurationError, "eboks.access_denied"),
        (403, ConfigurationError, "eboks.access_denied"),
        (404, ConfigurationError, "eboks.unknown_system_or_material"),
        (400, Refused, "eboks.refused"),
        (418, Refused, "eboks.refused"),
        (413, Unreachable, "eboks.too_large"),
        (408, Transient, "eboks.not_now"),
        (425, Transient, "eboks.not_now"),
        (429, Transient, "eboks.too_fast"),
        (503, Transient, "eboks.not_now"),
        (500, Transient, "eboks.not_now"),
        (599, Transient, "eboks.not_now"),
    ],
)
def test_a_status_means_one_thing(status, kind, code):
    error = meant(status)
    assert (type(error), error.code) == (kind, code)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 507])
def test_only_a_server_error_after_the_whole_letter_may_have_been_taken(status):
    assert meant(status).maybe_taken
    assert not meant(status, whole_request=False).maybe_taken
    assert not meant(429).maybe_taken


def test_a_400_whose_reason_was_cut_off_is_asked_again_rather_than_final():
    error = meant(400, b"<Fejl><FejlKo", fault="http.reply_cut")
    assert (type(error), error.maybe_taken) == (Transient, False)


def test_the_known_number_is_our_set_up_whatever_the_status():
    assert meant(400, fejl(codes.ACCESS_DENIED, NOW).encode()).code == "eboks.access_denied"


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("unreachable", Unreachable),
        ("refused", Refused),
        ("transient", Transient),
        ("configuration", ConfigurationError),
    ],
)
def test_the_settings_say_what_a_number_means(kind, error):
    assert type(meant(400, b"4072 tekst", {"4072": kind})) is error


@pytest.mark.parametrize("key", ["999", "10000", "x", "", "٤٠٧٢"])
def test_a_key_that_is_no_error_number_is_said(key):
    with pytest.raises(ConfigurationError) as caught:
        verdict_table({key: "refused"}, simulated=True)
    assert caught.value.code == "eboks.bad_verdict"


def test_the_invented_numbers_are_the_simulators_and_count_only_there():
    meanings = {
        codes.NOT_FOR_MATERIAL: "eboks.not_enrolled",
        codes.NOT_FOUND: "eboks.not_found",
        codes.EXEMPT: "eboks.exempt",
        codes.MINOR: "eboks.minor",
        codes.DEAD: "eboks.dead",
        codes.BAD_MESSAGE_ID: "eboks.set_up_refused",
        codes.BAD_EXTENSION: "eboks.extension_not_carried",
        codes.UNKNOWN_MATERIAL: "eboks.unknown_system_or_material",
        codes.BROKEN_BODY: "eboks.not_now",
        codes.BROKEN_SIMULATOR: "eboks.not_now",
        codes.TOO_FAST: "eboks.too_fast",
        codes.TOO_LARGE: "eboks.too_large",
        codes.TOO_MANY_ENCLOSURES: "eboks.attachments_not_supported",
        codes.NOT_SOAP_11: "eboks.set_up_refused",
        codes.NOT_UNDERSTOOD: "eboks.set_up_refused",
        codes.BAD_SOAP_ACTION: "eboks.set_up_refused",
        codes.NO_CONTEXT: "eboks.set_up_refused",
        codes.WRONG_CONTEXT: "eboks.set_up_refused",
        codes.BAD_SIGNATURE: "eboks.set_up_refused",
        codes.NOT_DIGITAL: "eboks.set_up_refused",
    }
    simulated, live = verdict_table({}, simulated=True), verdict_table({}, simulated=False)
    assert {one.number: code for one, code in meanings.items()} == {
        number: verdict.code for number, verdict in simulated.items() if number >= 9000
    }
    assert max(live) < 9000


def test_a_text_of_the_other_side_never_gets_into_an_error():
    error = meant(400, f"<Fejl><FejlKode>4072</FejlKode><FejlTekst>{OURS}</FejlTekst></Fejl>".encode())
    assert OURS not in f"{error} {error!r} {error.params}"


def taken(status="", later="", number: object = OURS, message_id="004711-other", **more):
    recipient = {"nr": number, "status": status, "post_processing_status": later, **more}
    body = {"message_id": message_id, "recipients": [recipient]}
    return read_taken(json.dumps(body).encode(), "004711", OURS)


@pytest.mark.parametrize(
    ("status", "later", "final", "code"),
    [
        ("", "", True, ""),
        ("", "pending", False, ""),
        ("exempt", "pending", False, ""),
        ("invalid", "address resolved", True, "eboks.remote_printed"),
        ("minor", "remote printed", True, "eboks.remote_printed"),
    ],
)
def test_a_proxy_that_took_it_says_whether_word_is_still_to_come(status, later, final, code):
    found = taken(status, later)
    assert (found.external_id, found.final, found.code) == ("004711-other", final, code)


@pytest.mark.parametrize(
    ("status", "later", "error", "code"),
    [
        ("dead", "", Refused, "eboks.dead"),
        ("dead", "pending", Refused, "eboks.dead"),
        ("exempt", "", Unreachable, "eboks.exempt"),
        ("invalid", "address not found", Unreachable, "eboks.not_found"),
        ("minor", "", Unreachable, "eboks.minor"),
        ("odd", "", InDoubt, "eboks.unreadable_reply"),
        ("", "odd", InDoubt, "eboks.unreadable_reply"),
        ("", "address not found", InDoubt, "eboks.unreadable_reply"),
        (None, "", InDoubt, "eboks.unreadable_reply"),
        ("", None, InDoubt, "eboks.unreadable_reply"),
    ],
)
def test_a_proxy_that_did_not_take_it_is_never_success(status, later, error, code):
    with pytest.raises(SendError) as caught:
        taken(status, later)
    assert (type(caught.value), caught.value.code) == (error, code)


@pytest.mark.parametrize("number", [OTHER, "", None, int(OTHER), True, [OURS]])
def test_an_answer_about_another_is_doubt(number):
    with pytest.raises(InDoubt) as caught:
        taken(number=number)
    assert caught.value.code == "eboks.wrong_recipient_in_reply"


def test_a_number_that_lost_its_zero_is_still_ours():
    early = recipient_of("valid_no_mod11").number.digits
    body = {"recipients": [{"nr": int(early), "status": "", "post_processing_status": ""}]}
    assert read_taken(json.dumps(body).encode(), "004711", early).external_id == "004711"


@pytest.mark.parametrize("message_id", ["a b", "../x", 17, "x" * 101, {"a": 1}])
def test_an_id_that_could_not_be_asked_for_later_is_doubt(message_id):
    with pytest.raises(InDoubt):
        taken(message_id=message_id)


def words(*entries):
    return read_later_word(json.dumps(entries).encode(), frozenset({"a", "b"}))


def entry(message_id="a", status="", later="", code: object = 200):
    recipient = {"nr": OURS, "status": status, "post_processing_status": later}
    return {"message_id": message_id, "proxy_response_code": code, "recipients": [recipient]}


@pytest.mark.parametrize(
    ("one", "kind", "code"),
    [
        (entry(), ReceiptKind.CONFIRMED, ""),
        (entry(code="200"), ReceiptKind.CONFIRMED, ""),
        (entry(code=None), ReceiptKind.CONFIRMED, ""),
        (entry(status="exempt", later="remote printed"), ReceiptKind.CONFIRMED, "eboks.remote_printed"),
        (entry(status="invalid", later="address not found"), ReceiptKind.RETURNED, "eboks.not_found"),
        (entry(status="dead"), ReceiptKind.REFUSED, "eboks.dead"),
    ],
)
def test_later_word_is_read(one, kind, code):
    assert [(word.external_id, word.kind, word.code) for word in words(one)] == [("a", kind, code)]


@pytest.mark.parametrize(
    "one",
    [
        entry(later="pending"),
        entry("unknown"),
        entry(code=500),
        entry(code="500"),
        entry(status="odd"),
        {"message_id": "a"},
        {"message_id": ["a"], "recipients": []},
        "a",
        None,
    ],
)
def test_what_is_pending_unknown_or_unreadable_is_no_word_and_stops_no_other(one):
    assert [word.external_id for word in words(one, entry("b"))] == ["b"]


@pytest.mark.parametrize("body", [b"", b"{}", b"<html>", b'[{"message_id": "a"'])
def test_an_unreadable_poll_is_asked_again(body):
    with pytest.raises(Transient):
        read_later_word(body, frozenset({"a"}))
