"""The WSDL and the schemas of SF1600: they load by themselves, and every row of facts/eboks b.2 holds."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import pytest
from lxml import etree
from zeep import Client, Settings
from zeep.transports import Transport

from tests.rigs.soap import (
    ADIR,
    DKAL,
    FOLDER,
    FULL_BREV,
    LINES_ADDRESS,
    PLATFORM_FAULT,
    SERVICE_UUID,
    TNS,
    brev_xml,
    schema,
    tilmelding_xml,
)

UUID = SERVICE_UUID


class PackageOnly(Transport):
    """Loads from the package's folder and refuses everything else."""

    def load(self, url: str) -> bytes:
        path = Path(urlsplit(url).path).resolve()
        if not path.is_relative_to(FOLDER):
            raise AssertionError(f"loads {url}")
        return path.read_bytes()


@pytest.fixture(scope="module")
def client() -> Client:
    settings = Settings(strict=True, forbid_dtd=True, forbid_entities=True, forbid_external=True)
    return Client(str(FOLDER / "print.wsdl"), transport=PackageOnly(), settings=settings)


def full() -> etree._Element:
    return etree.fromstring(FULL_BREV, etree.XMLParser(remove_blank_text=True))


def find(tree: etree._Element, path: str) -> etree._Element:
    """Returns the element at a path of local names, separated by slashes, anywhere in the tree."""
    steps = "/".join(f"*[local-name()='{name}']" for name in path.split("/"))
    found: list[etree._Element] = cast("list[etree._Element]", tree.xpath(f"//{steps}"))
    return found[0]


def holds(root: etree._Element | str) -> bool:
    tree = etree.fromstring(root) if isinstance(root, str) else root
    return schema("print.xsd").validate(tree)


def test_the_files_are_shipped_with_the_package():
    shipped = {one.name for one in (files("schemas") / "soap" / "sf1600").iterdir()}
    assert {"print.wsdl", "print.xsd", "fjernprint.xsd", "dkal.xsd"} <= shipped


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.xsd")), ids=lambda path: path.name)
def test_every_schema_compiles_without_leaving_its_folder(path: Path):
    parser = etree.XMLParser(no_network=True, resolve_entities=False)
    root = etree.parse(path, parser)
    assert root.getroot().get("elementFormDefault") == "qualified"
    assert etree.XMLSchema(root) is not None
    locations = root.xpath("//@schemaLocation")
    assert [one for one in locations if "/" in one or not (FOLDER / one).is_file()] == []


def test_the_wsdl_names_what_the_public_contract_names(client: Client):
    (service,) = client.wsdl.services.values()
    (port,) = service.ports.values()
    binding = port.binding
    assert client.wsdl.services.keys() == {"Print"} == service.ports.keys()
    assert (str(binding.name), str(binding.port_type.name)) == (f"{{{TNS}}}Print", f"{{{TNS}}}PrintPortType")
    assert binding._operations.keys() == {"afsendBrev", "spoergTilmelding"}
    for name, operation in binding._operations.items():
        assert (operation.soapaction, operation.style) == (TNS + name, "document")
        assert operation.faults.keys() == {"ServiceplatformFault", "SP_FejlFault"}
    assert urlsplit(port.binding_options["address"]).path == "/service/Print/Print/2"
    assert urlsplit(port.binding_options["address"]).hostname == "localhost"


@pytest.mark.parametrize(
    ("operation", "asks", "answers"),
    [
        ("afsendBrev", "PrintAfsendBrevRequest", "PrintAfsendBrevResponse"),
        ("spoergTilmelding", "PrintSpoergTilmeldingRequest", "PrintSpoergTilmeldingResponse"),
    ],
)
def test_each_operation_has_its_messages_and_its_details(
    client: Client, operation: str, asks: str, answers: str
):
    found = client.wsdl.bindings[f"{{{TNS}}}Print"].get(operation)
    assert found.input.body.qname == f"{{{TNS}}}{asks}"
    assert found.output.body.qname == f"{{{TNS}}}{answers}"
    port = client.wsdl.port_types[f"{{{TNS}}}PrintPortType"].operations[operation]
    details = {name: fault.parts for name, fault in port.fault_messages.items()}
    assert {part.element.qname.text for parts in details.values() for part in parts.values()} == {
        f"{{{DKAL}}}Fejl",
        f"{{{PLATFORM_FAULT}}}ServiceplatformFault",
    }


def test_what_zeep_writes_holds_and_is_read_back_unchanged(client: Client):
    body = {
        "Kanalvalg": "D",
        "Prioritet": "D",
        "ForsendelseI": {
            "AfsendelseIdentifikator": "001234" + "a" * 32,
            "ForsendelseModtager": {"AfsendelseModtager": {"CPRnummerIdentifikator": "1408683994"}},
            "FilformatNavn": "pdf",
            "MeddelelseIndholdData": b"%PDF",
            "DokumentParametre": {"TitelTekst": "Lønseddel"},
        },
    }
    envelope = client.create_message(client.service, "afsendBrev", BrevSPBody=body)
    request = find(envelope, "PrintAfsendBrevRequest")
    assert holds(etree.fromstring(etree.tostring(request)))
    read = client.get_element(f"{{{TNS}}}PrintAfsendBrevRequest").parse(request, client.wsdl.types)
    letter = read.BrevSPBody.ForsendelseI
    assert letter.AfsendelseIdentifikator == "001234" + "a" * 32
    assert letter.MeddelelseIndholdData == b"%PDF"
    assert letter.ForsendelseModtager.AfsendelseModtager.CPRnummerIdentifikator == "1408683994"


def test_a_request_with_every_row_of_the_tables_holds():
    assert holds(full())
    assert holds(brev_xml()) and holds(brev_xml(material=None, kind="V", recipient="13748136"))
    assert holds(tilmelding_xml()) and holds(tilmelding_xml(material=None))


# Path of an element → its children in their order; `!` marks one that must be there.
ROWS = {
    "PrintAfsendBrevRequest": "InvocationContext AuthorityContext CallContext BrevSPBody!",
    "AuthorityContext": "MunicipalityCVR!",
    "BrevSPBody": "Kanalvalg! Prioritet! ForsendelseI!",
    "ForsendelseI": "AfsendelseIdentifikator! ForsendelseTypeIdentifikator ForsendelseModtager FilformatNavn!"
    " MeddelelseIndholdData! TransaktionsParametreI DokumentParametre! KanalUafhaengigeParametreI"
    " PrintParametre DigitalPostParametre PostParametre BilagSamling",
    "ForsendelseModtager": "AfsendelseModtager ModtagerAdresse",
    "ForsendelseModtager/AfsendelseModtager": "CPRnummerIdentifikator!",
    "TransaktionsParametreI": "TransaktionsDatoTid MasseForsendelseIdentifikator KvitteringsTypeKode"
    " KvitteringsEmail",
    "DokumentParametre": "TitelTekst UUIDIdentifikator BrevDato MeddelelsesFormatObjekt",
    "KanalUafhaengigeParametreI": "EnhedTekst BrugerNavn! KonteringsGruppeTekst ForsendelseAfsender"
    " PaatrykAfsenderAdresseIndikator PaatrykModtagerAdresseIndikator PaatrykBrevdatoIndikator KanalKode"
    " HasteBrevIndikator",
    "PrintParametre": "SimplexDuplexKode FarveSHKode KuvertTypeKode",
    "DigitalPostParametre": "AfsendelseDatoTid MeddelelseIndholdstypeIdentifikator MeddelelseSvarTypeNavn"
    " MeddelelseSvarPostkasseIdentifikator MeddelelseSvarEmneIdentifikator MeddelelseFESDmetadata"
    " MedsendDokumentRegistreringIndikator!",
    "MeddelelseFESDmetadata": "FESDdokumentIdentifikator FESDaktoerIdentifikator FESDsagIdentifikator"
    " FESDsagsklassifikationIdentifikator",
    "PostParametre": "PostKategoriKode AllokeringsIdentifikator ReturposthaandteringHosLeverandoerIndikator"
    " InformationVedAdresseAendringIndikator SideKvantitet",
    "BilagSamling": "Bilag!",
    "BilagSamling/Bilag": "BilagNavn! FilformatNavn! BilagSorteringsIndeksIdentifikator!"
    " VedhaeftningIndholdData",
    "ModtagerAdresse": "PersonName! CoNavn StreetName! StreetBuildingIdentifier! FloorIdentifier"
    " SuiteIdentifier MailDeliverySublocationIdentifier PostCodeIdentifier! DistrictSubdivisionIdentifier"
    " PostOfficeBoxIdentifier CountryIdentificationCode!",
}
CHILDREN = [(path, name) for path, names in ROWS.items() for name in names.split()]


@pytest.mark.parametrize("path", ROWS)
def test_the_children_of_an_element_are_those_of_the_table_in_its_order(path: str):
    children = list(find(full(), path))
    assert [etree.QName(one).localname for one in children] == ROWS[path].replace("!", "").split()
    for place in range(len(children) - 1):
        root = full()
        first, second = list(find(root, path))[place : place + 2]
        second.addnext(first)
        assert not holds(root), f"{etree.QName(first).localname} may follow {etree.QName(second).localname}"


@pytest.mark.parametrize(("path", "name"), CHILDREN, ids=lambda value: value)
def test_a_child_may_be_left_out_or_not_and_never_comes_twice(path: str, name: str):
    root = full()
    parent = find(root, path)
    child = find(parent, f"{path.split('/')[-1]}/{name.rstrip('!')}") if "/" not in path else None
    child = child if child is not None else find(root, f"{path}/{name.rstrip('!')}")
    parent.remove(child)
    assert holds(root) is not name.endswith("!")
    if name != "Bilag!":
        again = full()
        child = find(again, f"{path}/{name.rstrip('!')}")
        child.addnext(etree.fromstring(etree.tostring(child)))
        assert not holds(again)


VALUES: list[tuple[str, list[str], list[str]]] = [
    ("ServiceUUID", [UUID], [UUID.upper(), UUID[:-1], "", UUID.replace("-", "")]),
    ("ServiceAgreementUUID", [UUID], [UUID.upper()]),
    ("UserSystemUUID", [UUID], ["x"]),
    ("UserUUID", [UUID], ["x"]),
    ("InvocationContext/OnBehalfOfUser", ["", "x" * 255], ["x" * 256]),
    ("InvocationContext/CallersServiceCallIdentifier", ["x" * 255], ["x" * 256]),
    ("InvocationContext/AccountingInfo", ["x" * 255], ["x" * 256]),
    ("CallContext/OnBehalfOfUser", ["x" * 255], ["x" * 256]),
    ("CallContext/CallersServiceCallIdentifier", ["x" * 255], ["x" * 256]),
    ("CallContext/AccountingInfo", ["x" * 255], ["x" * 256]),
    ("MunicipalityCVR", ["13748136"], ["1374813", "137481361", "1374813x"]),
    ("Kanalvalg", list("ADSFP"), ["d", "X", ""]),
    ("Prioritet", ["D", "M"], ["A", "", "d"]),
    ("AfsendelseIdentifikator", ["x", "æ" * 38], ["", "x" * 39]),
    ("ForsendelseTypeIdentifikator", ["1"], ["0", "-1", "x"]),
    ("CPRnummerIdentifikator", ["1408683994", "0000000000", "2902003994", "3112990000"],
     ["140868399", "14086839941", "3002003994", "3104883981", "6108683994", "140868-3994", ""]),
    ("ForsendelseI/FilformatNavn", ["pdf", "x" * 10], ["x" * 11]),
    ("MeddelelseIndholdData", ["", "JVBERg==", "JVBE Rg==\n"], ["JVBERg=", "JVBER"]),
    ("TransaktionsDatoTid", ["2026-11-24T12:00:00"], ["2026-11-24", "yesterday"]),
    ("MasseForsendelseIdentifikator", ["x", "x" * 38], ["", "x" * 39]),
    ("KvitteringsTypeKode", ["Alle", "Ingen", "Kun fejl"], ["alle", "Kun Fejl"]),
    ("KvitteringsEmail", ["a@b"], ["ab", "a@", "a b@c", "a@b@c", "<a@b>"]),
    ("DokumentParametre/TitelTekst", ["", "x" * 5000], []),
    ("BrevDato", ["2026-11-24"], ["24-11-2026", "2026-02-30"]),
    ("EnhedTekst", ["x" * 2000], ["x" * 2001]),
    ("BrugerNavn", ["x", "x" * 2000], ["", "x" * 2001]),
    ("KonteringsGruppeTekst", ["x" * 2000], ["x" * 2001]),
    ("PaatrykAfsenderAdresseIndikator", ["true", "0"], ["ja"]),
    ("PaatrykModtagerAdresseIndikator", ["true", "0"], ["ja"]),
    ("PaatrykBrevdatoIndikator", ["true", "0"], ["ja"]),
    ("KanalKode", ["Digital Post", "Fysisk Post"], ["digital post"]),
    ("HasteBrevIndikator", ["true"], ["ja"]),
    ("SimplexDuplexKode", ["Simplex", "Duplex"], ["duplex"]),
    ("FarveSHKode", ["SH", "Farve"], ["sh"]),
    ("KuvertTypeKode", ["C4", "C5", "MA"], ["C6"]),
    ("AfsendelseDatoTid", ["2026-11-24T12:00:00Z"], ["2026-11-24"]),
    ("MeddelelseIndholdstypeIdentifikator", ["0", "179343"], ["-1", "x"]),
    ("MeddelelseSvarTypeNavn", ["angivet", "ikkeMuligt", "standard"], ["ingen"]),
    ("MeddelelseSvarPostkasseIdentifikator", ["0"], ["-1"]),
    ("MeddelelseSvarEmneIdentifikator", ["0"], ["-1"]),
    ("FESDdokumentIdentifikator", [UUID], [UUID.upper()]),
    ("FESDaktoerIdentifikator", [UUID], [UUID.upper()]),
    ("FESDsagIdentifikator", [UUID], [UUID.upper()]),
    ("FESDsagsklassifikationIdentifikator", [UUID], [UUID.upper()]),
    ("MedsendDokumentRegistreringIndikator", ["true", "false"], ["nej", ""]),
    ("PostKategoriKode",
     ["Prioritaire", "Economique", "Bulk", "Rekommanderet", "Rekommanderet med modtagerbevis", "Forkyndelse"],
     ["A", "bulk"]),
    ("AllokeringsIdentifikator", ["1"], ["0"]),
    ("ReturposthaandteringHosLeverandoerIndikator", ["true"], ["ja"]),
    ("InformationVedAdresseAendringIndikator", ["true"], ["ja"]),
    ("SideKvantitet", ["0", "9"], ["-1"]),
    ("BilagNavn", ["x" * 300], ["x" * 301]),
    ("Bilag/FilformatNavn", ["x" * 10], ["x" * 11]),
    ("BilagSorteringsIndeksIdentifikator", ["0", "99"], ["-1", "x"]),
    ("VedhaeftningIndholdData", ["JVBERg=="], ["JVBER"]),
    ("PersonName", ["x", "x" * 130], ["", "x" * 131]),
    ("CoNavn", ["x" * 130], ["", "x" * 131]),
    ("StreetName", ["x" * 40], ["", "x" * 41]),
    ("StreetBuildingIdentifier", ["1", "999", "12B", "999Z"], ["0", "1000", "12b", "B", "12BB"]),
    ("FloorIdentifier", ["1", "99", "ST", "KL", "K2", "K9"], ["0", "100", "K1", "stuen"]),
    ("SuiteIdentifier", ["1", "1234"], ["", "12345"]),
    ("MailDeliverySublocationIdentifier", ["x" * 34], ["x" * 35]),
    ("PostCodeIdentifier", ["0999"], ["999", "10000", "DK99"]),
    ("DistrictSubdivisionIdentifier", ["x" * 34], ["x" * 35]),
    ("PostOfficeBoxIdentifier", ["1", "9999"], ["0", "10000"]),
    ("CountryIdentificationCode", ["DK", "DNK", "208", "5100"], ["D", "12", "DNKK"]),
]  # fmt: skip


@pytest.mark.parametrize(("path", "good", "bad"), VALUES, ids=[row[0] for row in VALUES])
def test_a_value_keeps_the_limits_of_its_row(path: str, good: list[str], bad: list[str]):
    root = full()
    element = find(root, path)
    for value, expected in [(one, True) for one in good] + [(one, False) for one in bad]:
        element.text = value
        assert holds(root) is expected, repr(value[:50])


def test_the_contexts_children_come_in_any_order_and_the_four_ids_must_be_there():
    root = full()
    context = find(root, "InvocationContext")
    context.append(context[0])
    assert holds(root)
    for name in ("ServiceAgreementUUID", "UserSystemUUID", "UserUUID", "ServiceUUID"):
        lacking = full()
        child = find(lacking, name)
        child.getparent().remove(child)
        assert not holds(lacking)


def test_a_recipient_is_one_number_and_no_more():
    two = brev_xml().replace(
        "</a:CPRnummerIdentifikator>",
        f'</a:CPRnummerIdentifikator><a:CVRnummerIdentifikator xmlns:a="{ADIR}">13748136'
        "</a:CVRnummerIdentifikator>",
    )
    assert not holds(two)
    assert [holds(brev_xml(kind="V", recipient=one)) for one in ("1374813", "137481361")] == [False, False]


def test_an_address_may_be_lines_instead():
    for n_lines in range(7):
        root = full()
        old = find(root, "ModtagerAdresse")
        new = etree.fromstring(LINES_ADDRESS)
        for line in list(new)[1 + n_lines : 7]:
            new.remove(line)
        old.getparent().replace(old, new)
        assert holds(root) is (n_lines > 0)
        new[-2].text = "9999"
        if n_lines:
            for line in list(new)[1 : 1 + n_lines]:
                line.text = "x" * 34
                assert holds(root)
                line.text = "x" * 35
                assert not holds(root)
                line.text = "x"
    country = find(root, "CountryIdentificationCode")
    del country.attrib["scheme"]
    assert not holds(root)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("<d:BilagIdentifikator>0123456789</d:BilagIdentifikator>", True),
        ("<d:BilagIdentifikator>0123456789x</d:BilagIdentifikator>", False),
        (
            "<d:VedhaeftningIndholdURLreference>https://a/</d:VedhaeftningIndholdURLreference>"
            "<f:VedhaeftSomIndholdDataIndikator>true</f:VedhaeftSomIndholdDataIndikator>",
            True,
        ),
        ("<d:VedhaeftningIndholdURLreference>https://a/</d:VedhaeftningIndholdURLreference>", False),
        ("", True),
    ],
)
def test_an_attachment_is_an_id_or_data_or_an_address_or_nothing(content: str, expected: bool):
    bilag = (
        "<f:Bilag><f:BilagNavn>n</f:BilagNavn><d:FilformatNavn>pdf</d:FilformatNavn>"
        "<f:BilagSorteringsIndeksIdentifikator>0</f:BilagSorteringsIndeksIdentifikator>"
    )
    assert holds(brev_xml(bilag=f"{bilag}{content}</f:Bilag>")) is expected


@pytest.mark.parametrize(("n_attached", "expected"), [(1, True), (100, True), (101, False)])
def test_there_are_one_to_a_hundred_attachments(n_attached: int, expected: bool):
    root = full()
    samling, bilag = find(root, "BilagSamling"), etree.tostring(find(root, "Bilag"))
    for _ in range(n_attached - 1):
        samling.append(etree.fromstring(bilag))
    assert holds(root) is expected


@pytest.mark.parametrize(
    ("root", "leaf"),
    [("PrintAfsendBrevResponse", "resultat"), ("PrintSpoergTilmeldingResponse", "tilmeldt")],
)
def test_an_answer_is_one_boolean(root: str, leaf: str):
    def answer(content: str) -> str:
        return f'<{root} xmlns="{TNS}">{content}</{root}>'

    for value in ("true", "false", "1", "0"):
        assert holds(answer(f"<{leaf}>{value}</{leaf}>"))
    for content in ("", f"<{leaf}/>", f"<{leaf}>ja</{leaf}>", f"<{leaf}>true</{leaf}>" * 2):
        assert not holds(answer(content))
