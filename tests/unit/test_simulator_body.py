"""The simulator's reading of a v3 dispatch: strict on the nine known elements, and the same by either way."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eboks.simulator import SimulatorSettings, codes
from eboks.simulator.codes import Objection, ObjectionRaised
from eboks.simulator.dispatch_body import read_dispatch
from tests.rigs.simulator import dispatch_xml

SETTINGS = SimulatorSettings()
SMALL = SimulatorSettings(max_file_bytes=100, max_message_bytes=100)


def objection_to(body: bytes, settings: SimulatorSettings = SETTINGS) -> Objection:
    with pytest.raises(ObjectionRaised) as raised:
        read_dispatch(body, settings)
    return raised.value.objection


def test_a_plain_dispatch_is_read_whole():
    dispatch = read_dispatch(dispatch_xml(title="Lønseddel & tillæg", document=b"abc"), SETTINGS)
    assert (dispatch.recipient, dispatch.recipient_type) == ("1408683994", "P")
    assert (dispatch.content_type_id, dispatch.title) == (179343, "Lønseddel & tillæg")
    assert (dispatch.document, dispatch.extension, dispatch.warnings) == (b"abc", "pdf", ())


@given(st.binary(min_size=1, max_size=3000))
def test_the_spliced_and_the_whole_parse_agree(document: bytes):
    plain = dispatch_xml(document=document)
    prefixed = plain.replace(b"<Data>", b"<Data >")  # no longer of the plain shape
    assert read_dispatch(plain, SETTINGS) == read_dispatch(prefixed, SETTINGS)


def test_prefixed_names_are_the_same_elements():
    body = dispatch_xml(document=b"abc").replace(b"xmlns=", b"xmlns:e=")
    for name in (b"Dispatch", b"DispatchRecipient", b"Id", b"Type", b"Nationality", b"ContentTypeId"):
        body = body.replace(b"<" + name + b">", b"<e:" + name + b">")
        body = body.replace(b"<" + name + b" ", b"<e:" + name + b" ")
        body = body.replace(b"</" + name + b">", b"</e:" + name + b">")
    for name in (b"Title", b"Content", b"Data", b"FileExtension"):
        body = body.replace(b"<" + name + b">", b"<e:" + name + b">")
        body = body.replace(b"</" + name + b">", b"</e:" + name + b">")
    assert read_dispatch(body, SETTINGS).document == b"abc"


def test_base64_may_be_broken_into_lines():
    data = base64.encodebytes(b"x" * 200).decode()
    assert read_dispatch(dispatch_xml(data=data), SETTINGS).document == b"x" * 200


def test_unknown_elements_after_the_content_are_let_pass_with_a_warning():
    dispatch = read_dispatch(dispatch_xml(extra="<SendDate>2026-12-01</SendDate><New/>"), SETTINGS)
    assert dispatch.warnings == ("unknown_element_1", "unknown_element_2")


def test_a_document_in_an_unknown_element_is_never_taken_for_the_content():
    extra = "<Attachments><Attachment><Data>QUJD</Data></Attachment></Attachments>"
    assert read_dispatch(dispatch_xml(document=b"main", extra=extra), SETTINGS).document == b"main"
    odd = dispatch_xml(document=b"main", extra=extra).replace(b"<Data>", b"<Data >", 1)
    assert read_dispatch(odd, SETTINGS).document == b"main"
    empty = dispatch_xml(data="", extra=extra).replace(b"<Data></Data>", b"<Data/>")
    assert objection_to(empty) == codes.BAD_BASE64


def test_a_document_in_a_comment_is_no_document():
    body = dispatch_xml(document=b"main")
    hidden = body.replace(b"<Data>", b"<!--<Data>").replace(b"</Data>", b"</Data>-->")
    assert objection_to(hidden) == codes.NOT_THE_SCHEMA
    beside = body.replace(b"<Content>", b"<!--<Data>QUJD</Data>--><Content>")
    assert read_dispatch(beside, SETTINGS).document == b"main"


@pytest.mark.parametrize(
    "swap",
    [
        (b"<Type>P</Type><Nationality>DK</Nationality>", b"<Nationality>DK</Nationality><Type>P</Type>"),
        (b"<Nationality>DK</Nationality>", b""),
        (b"<ContentTypeId>179343</ContentTypeId>", b""),
        (b"<ContentTypeId>", b"<Early/><ContentTypeId>"),
        (b"<FileExtension>pdf</FileExtension>", b""),
        (b"<FileExtension>", b"<Odd/><FileExtension>"),
        (b"</Dispatch>", b"<Title>again</Title></Dispatch>"),
        (b"urn:eboks:en:3.0.0", b"urn:eboks:en:2.0.0"),
        (b"</Dispatch>", b""),
        (b">179343<", b">a<"),
        (b">179343<", b"><b/><"),
    ],
)
def test_known_elements_out_of_order_missing_or_twice_are_refused(swap: tuple[bytes, bytes]):
    body = dispatch_xml()
    assert swap[0] in body
    assert objection_to(body.replace(*swap)) == codes.NOT_THE_SCHEMA


def test_a_body_that_is_not_xml_is_refused():
    for body in (b"", b"{}", b"\xff\xfe<\x00", b"<Dispatch"):
        assert objection_to(body) == codes.NOT_THE_SCHEMA


def test_any_doctype_is_refused_before_an_entity_is_met():
    bomb = b'<!DOCTYPE d [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    body = dispatch_xml().replace(b"<Dispatch ", bomb + b"<Dispatch ")
    assert objection_to(body) == codes.DOCTYPE_REFUSED


@pytest.mark.parametrize("encoding", ["UTF-16", "UTF-7", "IBM037"])
def test_a_doctype_does_not_hide_in_another_encoding(encoding: str):
    text = dispatch_xml(title="Plain").decode().replace('"UTF-8"', f'"{encoding}"')
    body = text.replace("<Dispatch ", "<!DOCTYPE d><Dispatch ").encode(encoding)
    assert objection_to(body) in (codes.NOT_THE_SCHEMA, codes.DOCTYPE_REFUSED)


def test_a_doctype_behind_the_document_is_refused_by_either_way():
    for mark in (b"<Data>", b"<Data >"):
        body = dispatch_xml().replace(b"<Data>", mark) + b"<!DOCTYPE d>"
        assert objection_to(body) == codes.DOCTYPE_REFUSED


def test_a_title_has_1_to_50_characters():
    assert read_dispatch(dispatch_xml(title="æ" * 50), SETTINGS).title == "æ" * 50
    for title in ("", "   ", "a" * 51):
        assert objection_to(dispatch_xml(title=title)) == codes.BAD_TITLE


@pytest.mark.parametrize("data", ["", "   ", "AAA", "AA=A", "A-_A", "Ø==="])
def test_a_document_that_is_empty_or_not_base64_is_refused(data: str):
    assert objection_to(dispatch_xml(data=data)) == codes.BAD_BASE64


@pytest.mark.parametrize("extension", ["exe", "PDF", "", ".pdf"])
def test_an_extension_not_on_the_list_is_refused(extension: str):
    assert objection_to(dispatch_xml(extension=extension)) == codes.BAD_EXTENSION


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        ("140868-3994", "P"),
        ("14086839", "P"),
        ("3104883981", "P"),  # 31 April, facts/identity 1.6 C1
        ("6704803999", "P"),  # a replacement number, 1.6 E1: the date pattern of a.3 row 4 refuses it
        ("1408683994", "V"),
        ("01374813", "V"),
        ("13748136", "P"),
        ("13748136", "KP"),
        ("13748136", ""),
    ],
)
def test_a_recipient_of_the_wrong_shape_is_refused(number: str, kind: str):
    assert objection_to(dispatch_xml(recipient=number, kind=kind)) == codes.BAD_RECIPIENT


@pytest.mark.parametrize(("number", "kind"), [("0000000000", "P"), ("2902003994", "P"), ("13748136", "V")])
def test_a_recipient_of_the_right_shape_is_read(number: str, kind: str):
    assert read_dispatch(dispatch_xml(recipient=number, kind=kind), SETTINGS).recipient == number


def test_the_size_limit_counts_decoded_bytes():
    assert len(read_dispatch(dispatch_xml(document=b"x" * 100), SMALL).document) == 100
    assert objection_to(dispatch_xml(document=b"x" * 101), SMALL) == codes.TOO_LARGE
    assert objection_to(b" " * 200_000, SMALL) == codes.TOO_LARGE


def test_a_large_document_that_is_not_of_the_plain_shape_is_read():
    body = dispatch_xml(document=b"x" * 9_000_000).replace(b"<Data>", b"<Data >")
    assert len(read_dispatch(body, SETTINGS).document) == 9_000_000


def test_a_dispatch_never_shows_its_content():
    shown = repr(read_dispatch(dispatch_xml(title="Hemmelig", document=b"secret"), SETTINGS))
    assert "Hemmelig" not in shown and "1408683994" not in shown and "secret" not in shown
