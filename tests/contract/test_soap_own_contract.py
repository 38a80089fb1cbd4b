"""A sender's own WSDL with other names and shapes: mapped in settings alone, and sent as it asks for."""

from __future__ import annotations

import base64
import shutil
import tomllib
from pathlib import Path

import pytest
from lxml import etree

from schemas.errors import Coded, ConfigurationError, InDoubt, Refused, Transient, Unreachable
from tests.rigs.channels import OUR_UUIDS, EboksBench, letter, soap_settings
from tests.rigs.soap import envelope
from tests.rigs.soap_desk import fault_answer, http, soap_desk

FOLDER = Path(__file__).resolve().parents[1] / "rigs" / "own_contract"
OWN = tomllib.loads("""
path = "/post/kontor"
duplicate_fault_texts = ["findes i forvejen"]

[send]
operation = "Indlever"
result = "kvittering.modtaget"
yes = ["JA"]
no = ["NEJ"]

[send.fields]
"kuvert.noegle" = "message_id"
"kuvert.til.person" = "cpr"
"kuvert.til.firma" = "cvr"
"kuvert.emne" = "title"
"kuvert.bilag[].navn" = "attachment_name"
"kuvert.bilag[].indhold" = "attachment"
"kuvert.papir" = "document"
"kuvert.slags" = "material_id"
"haster" = "=nej"

[lookup]
operation = "Kender"
result = "svar"

[lookup.fields]
"nummer" = "number"
""")
SETTINGS = {**OWN, "wsdl": FOLDER / "post.wsdl", **dict.fromkeys(OUR_UUIDS, "")}
P, T = "{urn:aftale:post}", "{urn:aftale:typer}"


def taken(word: str = "JA", name: str = "indleveret") -> bytes:
    inner = f"<kvittering><tekst>tak</tekst><modtaget>{word}</modtaget></kvittering>"
    return http(envelope(f'<p:{name} xmlns:p="urn:aftale:post">{inner}</p:{name}>'))


def known(word: str) -> bytes:
    return http(envelope(f'<p:kendt xmlns:p="urn:aftale:post"><svar>{word}</svar></p:kendt>'))


def request_of(desk, nth: int = 0) -> etree._Element:
    return etree.fromstring(desk.service.bodies[nth])[0][0]


def texts(element: etree._Element, place: str) -> list[str | None]:
    return [one.text for one in element.findall(place)]


@pytest.mark.parametrize("word", ["valid", "company"])
def test_a_letter_is_sent_as_the_contract_wants_it(certificates, word):
    with soap_desk(certificates, taken(), **SETTINGS) as desk:
        papers = desk.bench.papers
        files = tuple(papers.keep(b"%PDF-1.7 " + bytes([n] * n), ordinal=n) for n in range(3))
        one = letter(papers, 4, word, documents=files, title="Løn & <tillæg>")
        receipt = desk.bench.send(one)
    assert (receipt.final, receipt.external_id) == (True, f"001234{4:032x}")
    assert desk.service.heads[0].startswith(b"POST /post/kontor HTTP/1.1")
    assert b'SOAPAction: "urn:aftale:indlever"' in desk.service.heads[0]
    request = request_of(desk)
    assert request.tag == P + "indlever"
    kuvert = f"kuvert/{T}"
    assert texts(request, kuvert + "noegle") == [receipt.external_id]
    assert texts(request, kuvert + "emne") == [one.title]
    assert texts(request, kuvert + "slags") == ["179343"]
    assert texts(request, "haster") == ["nej"]
    named = {"valid": "person", "company": "firma"}[word]
    assert [(e.tag, e.text) for e in request.find(kuvert + "til")] == [
        (T + named, one.recipient.number.digits)
    ]
    main, *others = [base64.b64encode(papers.read(one, file)).decode() for file in files]
    assert texts(request, kuvert + "papir") == [main]
    assert texts(request, f"{kuvert}bilag/{T}indhold") == others
    assert texts(request, f"{kuvert}bilag/{T}navn") == ["bilag-1.pdf", "bilag-2.pdf"]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (taken("NEJ"), Refused),
        (taken("true"), InDoubt),
        (taken("JA", "kendt"), InDoubt),
        (fault_answer(), Transient),
    ],
)
def test_only_the_contracts_own_yes_is_a_yes(certificates, answer, error):
    with soap_desk(certificates, answer, **SETTINGS) as desk, pytest.raises(error):
        desk.bench.send(letter(desk.bench.papers))


def test_its_duplicate_fault_is_known_by_its_words(certificates):
    answer = fault_answer("", "s:Client", "Noeglen FINDES i forvejen.")
    with soap_desk(certificates, answer, **SETTINGS) as desk:
        receipt = desk.bench.send(letter(desk.bench.papers, earlier_unknown=True))
    assert receipt.code == "eboks.already_accepted"


@pytest.mark.parametrize(("word", "code"), [("true", ""), ("false", "eboks.not_found")])
def test_its_look_up_knows_no_material_and_is_asked_once(certificates, word, code):
    with soap_desk(certificates, known(word), **SETTINGS) as desk:
        one = letter(desk.bench.papers, 1, "valid", "brev")
        assert desk.bench.run(lambda channel: channel.reaches(one)).code == code
    assert texts(request_of(desk), "nummer") == [one.recipient.number.digits]
    assert len(desk.service.bodies) == 1


def test_a_look_up_that_wants_the_material_says_no_more_than_that(certificates, tmp_path):
    shutil.copytree(FOLDER, tmp_path / "aftale")
    wsdl = tmp_path / "aftale" / "post.wsdl"
    number = '<x:element name="nummer" type="x:string"/>'
    wanted = f'{number}<x:element name="slags" type="x:string"/>'
    wsdl.write_text(wsdl.read_text(encoding="utf-8").replace(number, wanted), encoding="utf-8")
    fields = {"nummer": "number", "slags": "material_id"}
    settings = {**SETTINGS, "wsdl": wsdl, "lookup": {**OWN["lookup"], "fields": fields}}
    with soap_desk(certificates, known("false"), **settings) as desk:
        one = letter(desk.bench.papers, 1, "valid", "brev")
        assert desk.bench.run(lambda channel: channel.reaches(one)).code == "eboks.not_enrolled"
    assert len(desk.service.bodies) == 1


def without(place: str) -> dict[str, object]:
    send = OWN["send"]
    fields = {name: word for name, word in send["fields"].items() if name != place}
    return {**SETTINGS, "send": {**send, "fields": fields}}


def test_without_a_look_up_nobody_can_say_and_the_letter_waits(certificates):
    with soap_desk(certificates, known("true"), **{**SETTINGS, "lookup": None}) as desk:
        one = letter(desk.bench.papers, 1, "valid", "brev")
        with pytest.raises(Transient) as caught:
            desk.bench.run(lambda channel: channel.reaches(one))
    assert caught.value.code == "eboks.enrolment_unknown"
    assert desk.service.bodies == []


def refused(certificates, settings, word: str = "valid", n_files: int = 1) -> Coded:
    """Sends a letter that must not leave, and returns why it did not."""
    with soap_desk(certificates, taken(), **settings) as desk:
        papers = desk.bench.papers
        files = tuple(papers.keep(b"%d" % n, ordinal=n) for n in range(n_files))
        one = letter(papers, 1, word, documents=files)
        with pytest.raises((Unreachable, ConfigurationError)) as caught:
            desk.bench.send(one)
    assert desk.service.bodies == []
    return caught.value


def test_a_recipient_the_contract_has_no_place_for_goes_another_way(certificates):
    error = refused(certificates, without("kuvert.til.firma"), "company")
    assert error.code == "eboks.recipient_kind_not_carried"


def test_attachments_go_another_way_where_the_contract_has_no_place_for_them(certificates):
    error = refused(certificates, without("kuvert.bilag[].indhold"), n_files=2)
    assert error.code == "eboks.attachments_not_supported"


def test_a_field_that_nobody_fills_stops_the_channel(certificates):
    error = refused(certificates, without("kuvert.emne"))
    assert (error.code, error.params["field"]) == ("soap.field_missing", "indlever.kuvert.emne")


def test_a_document_that_would_stand_twice_stops_the_channel(certificates):
    send = {**OWN["send"], "fields": {**OWN["send"]["fields"], "haster": "document"}}
    assert refused(certificates, {**SETTINGS, "send": send}).code == "soap.document_not_placed"


def check(settings) -> str:
    try:
        EboksBench(settings).build().check()
    except ConfigurationError as error:
        return error.code
    return ""


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"operation": "Indleverer"}, "soap.no_such_operation"),
        ({"place": "kuvert.nøgle"}, "soap.no_such_field"),
        ({"place": "kuvert.emne.mere"}, "soap.no_such_field"),
        ({"result": "modtaget"}, "soap.no_such_field"),
        ({"left_out": "kuvert.emne"}, "soap.field_missing"),
    ],
)
def test_check_finds_what_the_contract_does_not_have(certificates, change, code):
    send = dict(OWN["send"])
    if "left_out" in change:
        send["fields"] = {name: word for name, word in send["fields"].items() if name != change["left_out"]}
    elif "place" in change:
        send["fields"] = {**send["fields"], change["place"]: "title"}
    else:
        send |= change
    settings = soap_settings("https://127.0.0.1:1", certificates, **{**SETTINGS, "send": send})
    assert check(settings) == code


BOMB = '<!DOCTYPE w [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("typer/brev.xsd", "http://127.0.0.1:1/brev.xsd", "soap.contract_reaches_out"),
        ("typer/brev.xsd", "ftp://127.0.0.1:1/brev.xsd", "soap.contract_unreadable"),
        ("typer/brev.xsd", "file:///etc/hostname", "soap.contract_reaches_out"),
        ("typer/brev.xsd", "../udenfor.xsd", "soap.contract_reaches_out"),
        ("typer/brev.xsd", "/etc/hostname", "soap.contract_reaches_out"),
        ("typer/brev.xsd", "typer/genvej.xsd", "soap.contract_reaches_out"),
        ("typer/brev.xsd", "typer/mangler.xsd", "soap.contract_unreadable"),
        ("<!-- A", BOMB + "<!-- A", "soap.contract_reaches_out"),
        ("<!-- A", '<!DOCTYPE w SYSTEM "http://127.0.0.1:1/x.dtd"><!-- A', "soap.contract_reaches_out"),
        ("</w:definitions>", "", "soap.contract_unreadable"),
        ('<s:binding style="document"', '<s:binding style="rpc"', "soap.no_soap11"),
        ('binding="p:Post11"', 'binding="p:Post12"', "soap.no_soap11"),
        ('type="t:Kuvert"', 'type="t:Mangler"', "soap.contract_unreadable"),
    ],
)
def test_a_contract_comes_whole_from_its_own_folder_or_not_at_all(certificates, tmp_path, old, new, code):
    shutil.copytree(FOLDER, tmp_path / "aftale")
    (tmp_path / "udenfor.xsd").write_text("<x/>")
    (tmp_path / "aftale" / "typer" / "genvej.xsd").symlink_to(tmp_path / "udenfor.xsd")
    wsdl = tmp_path / "aftale" / "post.wsdl"
    text = wsdl.read_text(encoding="utf-8")
    assert old in text
    wsdl.write_text(text.replace(old, new, 1), encoding="utf-8")
    assert check(soap_settings("https://127.0.0.1:1", certificates, **{**SETTINGS, "wsdl": wsdl})) == code
