"""Two hundred random letters as SOAP messages: each fits the schemas, and zeep reads back what went in."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from lxml import etree
from zeep import Client, Settings

from eboks.enclosures import latin1_html
from schemas.consignments import Consignment, Recipient
from schemas.identity import Cpr, Cvr
from tests.rigs.big_drops import cprs
from tests.rigs.channels import MATERIALS, NOW, OUR_UUIDS, Papers, letter
from tests.rigs.soap import ENVELOPE, FOLDER, SERVICE_UUID, TNS, schema
from tests.rigs.soap_desk import Desk, enrolled_answer, sent_answer, soap_desk

N = 200
BILAG = ("BilagNavn", "FilformatNavn", "BilagSorteringsIndeksIdentifikator", "VedhaeftningIndholdData")
LETTERS = "abcdefghijklmnopqrstuvwxyzæøåÆØÅé ,.-/&<>\"'0123456789€漢🎂"


def random_title(source: random.Random, longest: int = 50) -> str:
    return "x" + "".join(source.choices(LETTERS, k=source.randint(0, longest - 1)))


def random_letters(papers: Papers) -> list[Consignment]:
    source = random.Random(20261124)
    return [random_letter(source, papers, number, cpr) for number, cpr in enumerate(cprs(N, seed=7))]


def random_letter(source: random.Random, papers: Papers, number: int, cpr: str) -> Consignment:
    extensions = ["pdf", "html", "txt", "png", "PDF"]
    documents = [
        papers.keep(source.randbytes(source.randint(1, 3000)), source.choice(extensions), ordinal)
        for ordinal in range(source.choice([1, 1, 1, 2, 5, 101]))
    ]
    named = [
        replace(one, name=random_title(source, 254) if ordinal else one.name)
        for ordinal, one in enumerate(documents)
    ]
    person = Cpr.parse(cpr, NOW.date())
    return letter(
        papers,
        number,
        recipient=Recipient(Cvr("13748136") if source.random() < 0.2 else person),
        material=source.choice(["loenseddel", "brev", "venter"]),
        title=random_title(source),
        documents=tuple(named),
        seed=f"{source.getrandbits(128):032x}",
    )


@pytest.fixture(scope="module", params=["", "Løn & Personale <hr>"])
def exchanged(request, certificates) -> tuple[Desk, list[Consignment], list[Any]]:
    """Letters that were sent, and the request elements that came in for them."""
    with soap_desk(certificates, sent_answer(), bruger_navn=request.param) as desk:
        letters = random_letters(desk.bench.papers)

        async def send_all(channel: Any) -> None:
            for one in letters:
                await channel.send(one, channel.message_id(one.seed))

        desk.bench.run(send_all)
    bodies = [etree.fromstring(body).find(f"{{{ENVELOPE}}}Body") for body in desk.service.bodies]
    return desk, letters, [body[0] for body in bodies if body is not None]


def test_every_message_fits_the_schemas(exchanged):
    _, letters, requests = exchanged
    rules = schema("print.xsd")
    assert len(requests) == len(letters) == N
    assert sum(not rules.validate(request) for request in requests) == 0


def test_zeep_reads_every_message_back_unchanged(exchanged):
    desk, letters, requests = exchanged
    # zeep's own loader: what reads here shares nothing with what wrote.
    client = Client(str(FOLDER / "print.wsdl"), settings=Settings(forbid_dtd=True, forbid_external=True))
    element = client.get_element(f"{{{TNS}}}PrintAfsendBrevRequest")
    for one, request in zip(letters, requests, strict=True):
        read = element.parse(request, client.wsdl.types)
        assert told(read) == expected(one, desk.bench.papers, desk.bench.settings.bruger_navn)


def told(read: Any) -> dict[str, Any]:
    """Returns what a message says, in our words."""
    who, body, way = read.InvocationContext, read.BrevSPBody, read.BrevSPBody.ForsendelseI
    recipient, post = way.ForsendelseModtager.AfsendelseModtager, way.DigitalPostParametre
    user = way.KanalUafhaengigeParametreI
    attachments = way.BilagSamling.Bilag if way.BilagSamling else []
    return {
        "uuids": [who.ServiceAgreementUUID, who.UserSystemUUID, who.UserUUID, who.ServiceUUID],
        "ways": (body.Kanalvalg, body.Prioritet),
        "id": way.AfsendelseIdentifikator,
        "recipient": (recipient.CPRnummerIdentifikator, recipient.CVRnummerIdentifikator),
        "title": way.DokumentParametre.TitelTekst,
        "material": post.MeddelelseIndholdstypeIdentifikator,
        "copies": post.MedsendDokumentRegistreringIndikator,
        "user": user.BrugerNavn if user else "",
        "main": (way.FilformatNavn, way.MeddelelseIndholdData),
        "attachments": [tuple(getattr(one, name) for name in BILAG) for one in attachments],
    }


def expected(one: Consignment, papers: Papers, user: str) -> dict[str, Any]:
    """Returns what the message of a letter must say."""

    def content(document: Any) -> bytes:
        data = papers.read(one, document)
        return latin1_html(data) if document.extension == "html" else data

    main, *attachments = one.documents
    digits = one.recipient.number.digits
    material = MATERIALS[one.material].eboks
    assert material is not None
    return {
        "uuids": [*OUR_UUIDS.values(), SERVICE_UUID],
        "ways": ("D", "D"),
        "id": f"001234{one.seed}",
        "recipient": (digits, None) if len(digits) == 10 else (None, digits),
        "title": one.title,
        "material": material.content_type_id,
        "copies": False,
        "user": user,
        "main": (main.extension.lower(), content(main)),
        "attachments": [
            (file.name, file.extension.lower(), nth, content(file)) for nth, file in enumerate(attachments, 1)
        ],
    }


def test_the_same_letter_gives_the_same_bytes_from_every_channel(certificates):
    """The marks that stand for documents while an envelope is written are drawn anew, and leave no trace."""
    with soap_desk(certificates, sent_answer()) as desk:
        one = letter(desk.bench.papers, 5, data=b"%PDF-1.7 " + bytes(range(256)) * 40)
        for _ in range(3):
            desk.bench.send(one)  # a channel, and so a contract, of its own each time
    assert len(set(desk.service.bodies)) == 1


def ask(desk: Desk, one: Consignment) -> None:
    desk.bench.run(lambda channel: channel.reaches(one))


def test_a_look_up_fits_the_schemas(certificates):
    with soap_desk(certificates, enrolled_answer("false")) as desk:
        for word in ("valid", "company"):
            ask(desk, letter(desk.bench.papers, 1, word, "brev"))
    requests = [etree.fromstring(body)[0][0] for body in desk.service.bodies]
    assert len(requests) == 4
    assert all(schema("print.xsd").validate(request) for request in requests)
