"""The simulator's SOAP service: what it takes, answers and turns down, and that REST sees the same."""

from __future__ import annotations

import hashlib
import logging
from itertools import count
from pathlib import Path

import pytest
from lxml import etree

from eboks.simulator import person
from tests.rigs.simulator import (
    MANDATORY,
    VOLUNTARY,
    Reply,
    RunningSimulator,
    SimulatorClient,
    StartSimulator,
    message_id,
)
from tests.rigs.soap import (
    AGREEMENT_UUID,
    CALL,
    DKAL,
    FJERNPRINT,
    INVOCATION_CONTEXT,
    PATH,
    PLATFORM_FAULT,
    SERVICE_UUID,
    SYSTEM_UUID,
    TNS,
    USER_UUID,
    Answer,
    answer_in,
    ask,
    bilag_xml,
    brev_xml,
    envelope,
    post,
    schema,
    tilmelding_xml,
)

TAKEN = Answer(200, "true")


def fejl(code: int) -> Answer:
    return Answer(500, code=code, detail="Fejl", fault_code="Client")


def platform(code: int) -> Answer:
    return Answer(500, code=code, detail="ServiceplatformFault", fault_code="Client")


def test_what_is_taken_is_kept_by_hash_and_never_as_text(simulator: RunningSimulator):
    with simulator.client() as client:
        reply = post(client, brev_xml(document=b"a document", title="Hemmelig titel"))
        (kept,) = client.messages()
    assert answer_in(reply) == TAKEN
    assert reply.headers["content-type"] == "text/xml; charset=utf-8"
    assert reply.headers["x-brevdue-simulator"] == "1"
    assert schema("print.xsd").validate(etree.fromstring(reply.body)[-1][0])
    assert (kept["id"], kept["service"], kept["system_id"]) == (message_id(1), "soap", 1234)
    assert (kept["recipient"], kept["recipient_type"]) == ("1408683994", "P")
    assert (kept["content_type_id"], kept["n_bytes"], kept["extension"]) == (MANDATORY, 10, "pdf")
    assert kept["sha256"] == hashlib.sha256(b"a document").hexdigest()
    assert kept["title_sha256"] == hashlib.sha256(b"Hemmelig titel").hexdigest()
    assert "Hemmelig" not in str(kept)


@pytest.mark.parametrize("first", ["rest", "soap"])
def test_a_document_sent_by_both_ways_under_one_id_is_one_document(simulator: RunningSimulator, first: str):
    with simulator.client() as client:
        if first == "rest":
            assert client.put(message_id(1)).status == 200
            assert ask(client, brev_xml()) == fejl(9020)
        else:
            assert ask(client, brev_xml()) == TAKEN
            assert client.put(message_id(1)).status == 409
        (kept,) = client.messages()
        counts = client.counts()
    assert (kept["service"], kept["n_puts"], len(kept["id"])) == (first, 2, 38)
    assert (counts["n_puts"], counts["n_stored"], counts["n_repeated"]) == (2, 1, 1)
    assert (counts["n_soap_calls"], counts["n_objections"]) == (1, 1)


@pytest.mark.parametrize(
    ("switch", "same", "other"),
    [
        ("fejl", fejl(9020), fejl(9020)),
        ("platform", platform(9020), platform(9020)),
        ("idempotent", TAKEN, fejl(9020)),
    ],
)
def test_a_reused_id_is_answered_as_the_switch_says(
    start_simulator: StartSimulator, switch: str, same: Answer, other: Answer
):
    with start_simulator(soap_duplicate=switch).client() as client:
        assert ask(client, brev_xml(bilag=bilag_xml("A", b"a"))) == TAKEN
        assert ask(client, brev_xml(bilag=bilag_xml("A", b"a"))) == same
        assert ask(client, brev_xml(bilag=bilag_xml("A", b"b"))) == other
        assert ask(client, brev_xml(document=b"another", bilag=bilag_xml("A", b"a"))) == other
        (kept,) = client.messages()
    assert kept["n_puts"] == 4


def test_an_idempotent_service_takes_what_rest_brought_for_the_same(start_simulator: StartSimulator):
    with start_simulator(soap_duplicate="idempotent").client() as client:
        client.put(message_id(1))
        assert ask(client, brev_xml()) == TAKEN
        assert ask(client, brev_xml(title="Anden titel")) == fejl(9020)


def test_attachments_are_kept_by_hash_in_the_order_of_their_index(simulator: RunningSimulator):
    with simulator.client() as client:
        attached = bilag_xml("To", b"second", 2, "txt") + bilag_xml("En", b"first", 1)
        assert ask(client, brev_xml(bilag=attached)) == TAKEN
        (kept,) = client.messages()
    assert kept["enclosures"] == [
        {
            "name_sha256": hashlib.sha256(name).hexdigest(),
            "sha256": hashlib.sha256(content).hexdigest(),
            "n_bytes": len(content),
            "extension": extension,
        }
        for name, content, extension in ((b"En", b"first", "pdf"), (b"To", b"second", "txt"))
    ]


def sent_in_chunks(client: SimulatorClient, text: str) -> Reply:
    """Sends a request without saying how long it is."""
    headers = {"Content-Type": "text/xml", "SOAPAction": f"{TNS}afsendBrev"}
    client._connection.request("POST", PATH, iter([envelope(text)]), headers, encode_chunked=True)
    answer = client._connection.getresponse()
    return Reply(answer.status, {}, answer.read())


def test_the_size_limit_counts_attachments_too(start_simulator: StartSimulator):
    with start_simulator(max_file_bytes=800, max_message_bytes=1000).client() as client:
        assert ask(client, brev_xml(document=b"x" * 800, bilag=bilag_xml("n", b"y" * 200))) == TAKEN
        assert ask(client, brev_xml(message_id(2), document=b"x" * 801)) == fejl(9007)
        over = brev_xml(message_id(2), document=b"x" * 800, bilag=bilag_xml("n", b"y" * 201))
        assert ask(client, over) == fejl(9007)
        assert ask(client, envelope(brev_xml() + " " * 80_000)) == fejl(9007)
        assert answer_in(sent_in_chunks(client, brev_xml() + " " * 80_000)) == fejl(9007)


def test_a_document_of_megabytes_is_read_whole(simulator: RunningSimulator):
    document = bytes(range(256)) * 4096 * 9
    with simulator.client() as client:
        assert ask(client, brev_xml(document=document)) == TAKEN
        assert client.messages()[0]["sha256"] == hashlib.sha256(document).hexdigest()


def test_there_may_be_ten_attachments_or_nine_with_metadata(simulator: RunningSimulator):
    flag = "<f:MedsendDokumentRegistreringIndikator>"
    filed = (
        f"<d:MeddelelseFESDmetadata><d:FESDsagIdentifikator>{SERVICE_UUID}</d:FESDsagIdentifikator>"
        "</d:MeddelelseFESDmetadata>"
    )

    def letter(number: int, n_attached: int, metadata: str = "") -> str:
        attached = "".join(bilag_xml(f"n{place}", b"x", place) for place in range(n_attached))
        return brev_xml(message_id(number), bilag=attached).replace(flag, metadata + flag)

    with simulator.client() as client:
        assert ask(client, letter(1, 10)) == TAKEN
        assert ask(client, letter(2, 11)) == fejl(9068)
        assert ask(client, letter(3, 9, filed)) == TAKEN
        assert ask(client, letter(4, 10, filed)) == fejl(9068)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"title": ""}, 9003),
        ({"title": "a" * 51}, 9003),
        ({"title": "  "}, 9003),
        ({"data": ""}, 9004),
        ({"data": "%%%"}, 9004),
        ({"data": "JVBERg="}, 9004),
        ({"extension": "exe"}, 9005),
        ({"material": 999}, 9006),
        ({"material": "9" * 5000}, 9006),
        ({"bilag": bilag_xml("n", b"x", int("9" * 30))}, 9000),
        ({"recipient": "1374813x", "kind": "V"}, 9008),
        ({"recipient": "3104883981"}, 9000),
        ({"channel": "F"}, 9066),
        ({"channel": "X"}, 9000),
        ({"bilag": bilag_xml("n" * 301, b"x")}, 9000),
        ({"bilag": bilag_xml("n", b"")}, 9004),
        ({"bilag": bilag_xml("n", b"x", extension="exe")}, 9005),
        ({"message": "x" * 39}, 9000),
        ({"message": "001234" + "æ" * 32}, 9002),
        ({"message": "abc"}, 9002),
        ({"message": "004321" + "a" * 32}, 3000),
    ],
)
def test_what_is_wrong_with_a_letter_is_told_and_uses_up_no_id(
    simulator: RunningSimulator, change: dict[str, object], code: int
):
    with simulator.client() as client:
        assert ask(client, brev_xml(**change)) == fejl(code)  # type: ignore[arg-type]
        assert client.messages() == []
        assert ask(client, brev_xml()) == TAKEN


@pytest.mark.parametrize(
    "reference",
    [
        "<d:BilagIdentifikator>1</d:BilagIdentifikator>",
        "<d:VedhaeftningIndholdURLreference>https://a/</d:VedhaeftningIndholdURLreference>"
        "<f:VedhaeftSomIndholdDataIndikator>true</f:VedhaeftSomIndholdDataIndikator>",
        "",
    ],
)
def test_an_attachment_without_its_content_is_turned_down(simulator: RunningSimulator, reference: str):
    data = bilag_xml("n", b"x")
    start, end = data.index("<d:Vedh"), data.index("</f:Bilag>")
    with simulator.client() as client:
        assert ask(client, brev_xml(bilag=data[:start] + reference + data[end:])) == fejl(9067)


def test_a_letter_needs_a_number_for_its_recipient(simulator: RunningSimulator):
    letter = brev_xml()
    start, end = letter.index("<d:AfsendelseModtager>"), letter.index("</f:ForsendelseModtager>")
    with simulator.client() as client:
        assert ask(client, letter[:start] + letter[end:]) == fejl(9008)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"not xml", fejl(9000)),
        (b"<a/>", Answer(500, fault_code="VersionMismatch")),
        (envelope("").replace(b"schemas.xmlsoap.org/soap/envelope", b"www.w3.org/2003/05/soap-envelope"),
         Answer(500, fault_code="VersionMismatch")),
        (envelope(""), fejl(9000)),
        (envelope(brev_xml() * 2), fejl(9000)),
        (envelope(brev_xml().replace("PrintAfsendBrevRequest", "Another")), fejl(9000)),
        (envelope(brev_xml()).replace(b"<e:Body>", b"<e:Body/><e:Body>"), fejl(9000)),
        (envelope(brev_xml()).replace(b"?>", b'?><!DOCTYPE x [<!ENTITY a "b">]>'), fejl(9001)),
        (envelope(brev_xml(), '<q:a xmlns:q="urn:q" e:mustUnderstand="1"/>'),
         Answer(500, fault_code="MustUnderstand")),
        (envelope(brev_xml(), '<q:a xmlns:q="urn:q"/>'), TAKEN),
    ],
)  # fmt: skip
def test_an_envelope_follows_soap_and_the_schema(simulator: RunningSimulator, text: bytes, code: Answer):
    with simulator.client() as client:
        assert ask(client, text) == code


def test_elements_in_another_order_are_turned_down(simulator: RunningSimulator):
    letter = brev_xml()
    wanted = "<d:FilformatNavn>pdf</d:FilformatNavn>"
    with simulator.client() as client:
        assert ask(
            client, letter.replace(wanted, "", 1).replace("<f:DokumentP", wanted + "<f:DokumentP")
        ) == fejl(9000)


def test_the_action_and_the_content_type_must_be_soaps(simulator: RunningSimulator):
    with simulator.client() as client:
        assert ask(client, brev_xml(), "spoergTilmelding") == fejl(9062)
        assert ask(client, tilmelding_xml(), "afsendBrev") == fejl(9062)
        wrong = post(client, brev_xml(), content_type="application/soap+xml")
        assert answer_in(wrong).fault_code == "VersionMismatch"
        bare = {"Content-Type": "text/xml", "SOAPAction": f"{TNS}afsendBrev"}
        assert client.call("POST", PATH, envelope(brev_xml()), bare).status == 200
        assert client.call("GET", PATH).status == 405


CONTEXTS = [
    ("", platform(9063)),
    (INVOCATION_CONTEXT.replace(SERVICE_UUID, AGREEMENT_UUID), platform(9064)),
    (INVOCATION_CONTEXT.replace(AGREEMENT_UUID, SERVICE_UUID), platform(9064)),
    (INVOCATION_CONTEXT.replace(SYSTEM_UUID, SERVICE_UUID), platform(9064)),
    (INVOCATION_CONTEXT.replace(USER_UUID, SERVICE_UUID), platform(9064)),
    (INVOCATION_CONTEXT.replace(USER_UUID, "x"), fejl(9000)),
    (INVOCATION_CONTEXT, TAKEN),
]


@pytest.mark.parametrize(("context", "expected"), CONTEXTS)
@pytest.mark.parametrize("write", [brev_xml, tilmelding_xml])
def test_a_caller_is_named_by_the_context(
    start_simulator: StartSimulator, write: object, context: str, expected: Answer
):
    ours = {"service_agreement_uuid": AGREEMENT_UUID, "user_system_uuid": SYSTEM_UUID, "user_uuid": USER_UUID}
    with start_simulator(**ours).client() as client:
        assert ask(client, write(context=context)) == expected


def test_the_callers_own_ids_are_anybodys_where_the_settings_name_none(simulator: RunningSimulator):
    other = INVOCATION_CONTEXT.replace(AGREEMENT_UUID, USER_UUID).replace(SYSTEM_UUID, USER_UUID)
    call = f'<c:CallContext xmlns:c="{CALL}"><c:AccountingInfo>x</c:AccountingInfo></c:CallContext>'
    with simulator.client() as client:
        assert ask(client, brev_xml(context=other + call)) == TAKEN
        assert ask(client, brev_xml(context=other.replace(SERVICE_UUID, USER_UUID))) == platform(9064)


def test_a_certificate_sends_for_its_own_systems_alone(start_simulator: StartSimulator):
    simulator = start_simulator()
    with simulator.client("other_system") as other, simulator.client("unlisted") as unlisted:
        assert ask(other, brev_xml()) == fejl(3000)
        assert ask(other, brev_xml(message_id(1, 4321))) == TAKEN
        assert ask(unlisted, brev_xml()) == fejl(3000)
        assert ask(unlisted, tilmelding_xml()) == fejl(3000)


RECIPIENTS = [
    ("valid", VOLUNTARY, 0),
    ("never_logged_in", MANDATORY, 0),
    ("never_logged_in", VOLUNTARY, 9030),
    ("not_this_material", VOLUNTARY, 9030),
    ("not_found", MANDATORY, 9031),
    ("exempt", MANDATORY, 9032),
    ("dead", MANDATORY, 9033),
    ("minor", MANDATORY, 9034),
    ("company", VOLUNTARY, 0),
    ("company_without_material", VOLUNTARY, 9030),
]


@pytest.mark.parametrize("profile", ["direct", "proxy"])
@pytest.mark.parametrize(("word", "material", "code"), RECIPIENTS)
def test_a_recipient_who_cant_receive_is_a_fault_with_rests_code(
    start_simulator: StartSimulator, profile: str, word: str, material: int, code: int
):
    one = person(word)
    with start_simulator(profile=profile).client() as client:
        sent = ask(client, brev_xml(recipient=one.number, kind=one.kind, material=material))
        asked = ask(client, tilmelding_xml(one.number, one.kind, material))
        assert len(client.messages()) == (0 if code else 1)
    assert sent == (fejl(code) if code else TAKEN)
    assert asked == Answer(200, "false" if code else "true")


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("valid", "true"),
        ("not_this_material", "true"),
        ("company", "true"),
        ("never_logged_in", "false"),
        ("exempt", "false"),
        ("dead", "false"),
        ("minor", "false"),
        ("not_found", "false"),
    ],
)
def test_a_question_without_a_material_is_about_the_person(
    simulator: RunningSimulator, word: str, expected: str
):
    one = person(word)
    with simulator.client() as client:
        assert ask(client, tilmelding_xml(one.number, one.kind, None)).word == expected
        assert client.counts()["n_lookups"] == 1
        client.flip_person(word, groups=[], status="enrolled")
        assert ask(client, tilmelding_xml(one.number, one.kind, None)).word == "false"
        assert ask(client, tilmelding_xml(one.number, one.kind, 999)) == fejl(9006)


def test_a_letter_without_a_material_is_one_of_the_default(start_simulator: StartSimulator):
    with start_simulator().client() as client:
        assert ask(client, brev_xml(material=None)) == TAKEN
        assert client.messages()[0]["content_type_id"] == MANDATORY
    with start_simulator(default_material=VOLUNTARY).client() as client:
        ask(client, brev_xml(material=None))
        assert client.messages()[0]["content_type_id"] == VOLUNTARY


def test_a_fault_follows_its_schema(start_simulator: StartSimulator):
    with start_simulator().client() as client:
        refused = etree.fromstring(post(client, brev_xml(title="")).body)
        nobody = etree.fromstring(post(client, brev_xml(context="")).body)
    (detail,) = refused.iterfind(".//detail")
    assert schema("dkal.xsd").validate(detail[0])
    assert [child.tag for child in detail[0]] == [
        f"{{{DKAL}}}Fejl{one}" for one in ("Kode", "Tekst", "Identifikator")
    ]
    (detail,) = nobody.iterfind(".//detail")
    assert detail[0].tag == f"{{{PLATFORM_FAULT}}}ServiceplatformFault"
    assert schema("serviceplatform_fault.xsd").validate(detail[0])


def test_a_rate_over_the_limit_is_429_for_both_ways_together(start_simulator: StartSimulator):
    def by_rest(number: int) -> Reply:
        return client.put(message_id(number))

    def by_soap(number: int) -> Reply:
        return post(client, brev_xml(message_id(number)))

    with start_simulator(max_per_second=1).client() as client:
        numbers = count(step=2)
        for first, second in ((by_soap, by_rest), (by_rest, by_soap)):
            # Two within one second, which any machine manages now and then.
            pairs = ((first(number), second(number + 1)) for number in numbers)
            refused = next(two for one, two in pairs if (one.status, two.status) == (200, 429))
            assert refused.headers["retry-after"] == "1"
    assert answer_in(refused) == Answer(429, code=9040, detail="Fejl", fault_code="Client")


def test_what_came_by_soap_outlives_the_simulator(start_simulator: StartSimulator, tmp_path: Path):
    path = tmp_path / "received.jsonl"
    first = start_simulator(record_path=str(path), soap_duplicate="idempotent")
    with first.client() as client:
        ask(client, brev_xml(bilag=bilag_xml("n", b"x")))
        kept = client.messages()
    with start_simulator(record_path=str(path), soap_duplicate="idempotent").client() as client:
        assert client.messages() == kept
        assert ask(client, brev_xml(bilag=bilag_xml("n", b"x"))) == TAKEN
        assert client.put(message_id(1)).status == 409


def test_nothing_personal_is_logged_or_answered(
    simulator: RunningSimulator, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    with simulator.client() as client:
        told = [
            post(client, brev_xml(title="Hemmelig")),
            post(client, brev_xml(recipient=person("exempt").number, title="Hemmelig")),
            post(client, brev_xml(recipient="3104883981")),
            post(client, tilmelding_xml()),
            post(client, b"<1408683994"),
        ]
    for text in (caplog.text, *(reply.body.decode() for reply in told)):
        assert "1408683994" not in text and "Hemmelig" not in text and "3104883981" not in text
    assert FJERNPRINT not in caplog.text
