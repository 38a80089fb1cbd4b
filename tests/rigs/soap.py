"""Writes SF1600 requests by hand, sends them, and reads what is answered: shares no code with our own SOAP.

`FULL_BREV` has every element of the tables in facts/eboks b.2 once; the schema tests take it apart.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from xml.sax.saxutils import escape

from lxml import etree

from tests.rigs.simulator import MANDATORY, Reply, SimulatorClient, message_id

FOLDER = Path(__file__).resolve().parents[2] / "schemas" / "soap" / "sf1600"
PATH = "/service/Print/Print/2"
TNS = "http://serviceplatformen.dk/xml/wsdl/soap11/Print/Print/2/"
FJERNPRINT = "urn:oio:fjernprint:1.0.0"
DKAL = "urn:oio:dkal:1.0.0"
ADIR = "urn:oio:adir:dagpenge:2009.07.01"
SAGDOK = "urn:oio:sagdok:3.0.0"
ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
INVOCATION = "http://serviceplatformen.dk/xml/schemas/InvocationContext/1/"
AUTHORITY = "http://serviceplatformen.dk/xml/schemas/AuthorityContext/1/"
CALL = "http://serviceplatformen.dk/xml/schemas/CallContext/1/"
PLATFORM_FAULT = "http://serviceplatformen.dk/xml/schemas/ServiceplatformFault/1/"
DKCC = "http://rep.oio.dk/ebxml/xml/schemas/dkcc"

SERVICE_UUID = "fd885b8b-4a3f-46cb-b367-6c9dda1c78f6"
AGREEMENT_UUID = "11111111-2222-4333-8444-555555555555"
SYSTEM_UUID = "22222222-3333-4444-8555-666666666666"
USER_UUID = "33333333-4444-4555-8666-777777777777"

INVOCATION_CONTEXT = (
    f'<i:InvocationContext xmlns:i="{INVOCATION}"><i:ServiceAgreementUUID>{AGREEMENT_UUID}'
    f"</i:ServiceAgreementUUID><i:UserSystemUUID>{SYSTEM_UUID}</i:UserSystemUUID>"
    f"<i:UserUUID>{USER_UUID}</i:UserUUID><i:ServiceUUID>{SERVICE_UUID}</i:ServiceUUID></i:InvocationContext>"
)

_ADDRESS = f"""
  <n:PersonName xmlns:n="http://rep.oio.dk/itst.dk/xml/schemas/2006/01/17/">Test Person</n:PersonName>
  <f:CoNavn>En Anden</f:CoNavn>
  <s:StreetName xmlns:s="{DKCC}/2005/03/15/">Prøvevej</s:StreetName>
  <p:StreetBuildingIdentifier xmlns:p="{DKCC}/2003/02/13/">12B</p:StreetBuildingIdentifier>
  <p:FloorIdentifier xmlns:p="{DKCC}/2003/02/13/">ST</p:FloorIdentifier>
  <p:SuiteIdentifier xmlns:p="{DKCC}/2003/02/13/">tv</p:SuiteIdentifier>
  <p:MailDeliverySublocationIdentifier xmlns:p="{DKCC}/2003/02/13/"
    >Gården</p:MailDeliverySublocationIdentifier>
  <s:PostCodeIdentifier xmlns:s="{DKCC}/2005/03/15/">9999</s:PostCodeIdentifier>
  <s:DistrictSubdivisionIdentifier xmlns:s="{DKCC}/2005/03/15/">Prøveby</s:DistrictSubdivisionIdentifier>
  <b:PostOfficeBoxIdentifier xmlns:b="{DKCC}/2005/05/13/">7</b:PostOfficeBoxIdentifier>
  <p:CountryIdentificationCode xmlns:p="{DKCC}/2003/02/13/" scheme="iso3166-alpha2"
    >DK</p:CountryIdentificationCode>"""

LINES_ADDRESS = f"""<f:ModtagerAdresse xmlns:f="{FJERNPRINT}">
  <n:PersonName xmlns:n="http://rep.oio.dk/itst.dk/xml/schemas/2006/01/17/">Test Person</n:PersonName>
  <l:PostalAddressFirstLineText xmlns:l="{DKCC}/2005/05/19/">Prøvevej 1</l:PostalAddressFirstLineText>
  <l:PostalAddressSecondLineText xmlns:l="{DKCC}/2005/05/19/">2</l:PostalAddressSecondLineText>
  <l:PostalAddressThirdLineText xmlns:l="{DKCC}/2005/05/19/">3</l:PostalAddressThirdLineText>
  <l:PostalAddressFourthLineText xmlns:l="{DKCC}/2005/05/19/">4</l:PostalAddressFourthLineText>
  <l:PostalAddressFifthLineText xmlns:l="{DKCC}/2005/05/19/">5</l:PostalAddressFifthLineText>
  <l:PostalAddressSixthLineText xmlns:l="{DKCC}/2005/05/19/">6</l:PostalAddressSixthLineText>
  <s:PostCodeIdentifier xmlns:s="{DKCC}/2005/03/15/">9999</s:PostCodeIdentifier>
  <p:CountryIdentificationCode xmlns:p="{DKCC}/2003/02/13/" scheme="imk">5100</p:CountryIdentificationCode>
</f:ModtagerAdresse>"""

FULL_BREV = f"""<t:PrintAfsendBrevRequest xmlns:t="{TNS}" xmlns:f="{FJERNPRINT}" xmlns:d="{DKAL}"
    xmlns:a="{ADIR}" xmlns:g="{SAGDOK}">
  {
    INVOCATION_CONTEXT.replace(
        "</i:InvocationContext>",
        "<i:OnBehalfOfUser>x</i:OnBehalfOfUser><i:CallersServiceCallIdentifier>y"
        "</i:CallersServiceCallIdentifier><i:AccountingInfo>z</i:AccountingInfo></i:InvocationContext>",
    )
}
  <h:AuthorityContext xmlns:h="{
    AUTHORITY
}"><h:MunicipalityCVR>13748136</h:MunicipalityCVR></h:AuthorityContext>
  <c:CallContext xmlns:c="{CALL}"><c:OnBehalfOfUser>x</c:OnBehalfOfUser><c:CallersServiceCallIdentifier
    >y</c:CallersServiceCallIdentifier><c:AccountingInfo>z</c:AccountingInfo></c:CallContext>
  <t:BrevSPBody><t:Kanalvalg>D</t:Kanalvalg><t:Prioritet>D</t:Prioritet><t:ForsendelseI>
    <f:AfsendelseIdentifikator>001234{1:032x}</f:AfsendelseIdentifikator>
    <f:ForsendelseTypeIdentifikator>1</f:ForsendelseTypeIdentifikator>
    <f:ForsendelseModtager>
      <d:AfsendelseModtager><a:CPRnummerIdentifikator>1408683994</a:CPRnummerIdentifikator></d:AfsendelseModtager>
      <f:ModtagerAdresse>{_ADDRESS}</f:ModtagerAdresse>
    </f:ForsendelseModtager>
    <d:FilformatNavn>pdf</d:FilformatNavn>
    <d:MeddelelseIndholdData>JVBERg==</d:MeddelelseIndholdData>
    <f:TransaktionsParametreI>
      <f:TransaktionsDatoTid>2026-11-24T12:00:00Z</f:TransaktionsDatoTid>
      <f:MasseForsendelseIdentifikator>batch</f:MasseForsendelseIdentifikator>
      <f:KvitteringsTypeKode>Kun fejl</f:KvitteringsTypeKode>
      <f:KvitteringsEmail>a@example.invalid</f:KvitteringsEmail>
    </f:TransaktionsParametreI>
    <f:DokumentParametre>
      <g:TitelTekst>Lønseddel</g:TitelTekst><g:UUIDIdentifikator>u</g:UUIDIdentifikator>
      <g:BrevDato>2026-11-24</g:BrevDato>
      <f:MeddelelsesFormatObjekt><g:TitelTekst>any</g:TitelTekst></f:MeddelelsesFormatObjekt>
    </f:DokumentParametre>
    <f:KanalUafhaengigeParametreI>
      <f:EnhedTekst>e</f:EnhedTekst><f:BrugerNavn>b</f:BrugerNavn>
      <f:KonteringsGruppeTekst>k</f:KonteringsGruppeTekst>
      <f:ForsendelseAfsender><f:AfsenderAdresse>{_ADDRESS}</f:AfsenderAdresse></f:ForsendelseAfsender>
      <f:PaatrykAfsenderAdresseIndikator>true</f:PaatrykAfsenderAdresseIndikator>
      <f:PaatrykModtagerAdresseIndikator>false</f:PaatrykModtagerAdresseIndikator>
      <f:PaatrykBrevdatoIndikator>1</f:PaatrykBrevdatoIndikator>
      <f:KanalKode>Digital Post</f:KanalKode>
      <f:HasteBrevIndikator>0</f:HasteBrevIndikator>
    </f:KanalUafhaengigeParametreI>
    <f:PrintParametre>
      <f:SimplexDuplexKode>Duplex</f:SimplexDuplexKode><f:FarveSHKode>SH</f:FarveSHKode>
      <f:KuvertTypeKode>C5</f:KuvertTypeKode>
    </f:PrintParametre>
    <f:DigitalPostParametre>
      <d:AfsendelseDatoTid>2026-11-24T12:00:00+01:00</d:AfsendelseDatoTid>
      <d:MeddelelseIndholdstypeIdentifikator>179343</d:MeddelelseIndholdstypeIdentifikator>
      <d:MeddelelseSvarTypeNavn>ikkeMuligt</d:MeddelelseSvarTypeNavn>
      <d:MeddelelseSvarPostkasseIdentifikator>1</d:MeddelelseSvarPostkasseIdentifikator>
      <d:MeddelelseSvarEmneIdentifikator>2</d:MeddelelseSvarEmneIdentifikator>
      <d:MeddelelseFESDmetadata>
        <d:FESDdokumentIdentifikator>{USER_UUID}</d:FESDdokumentIdentifikator>
        <d:FESDaktoerIdentifikator>{USER_UUID}</d:FESDaktoerIdentifikator>
        <d:FESDsagIdentifikator>{USER_UUID}</d:FESDsagIdentifikator>
        <d:FESDsagsklassifikationIdentifikator>{USER_UUID}</d:FESDsagsklassifikationIdentifikator>
      </d:MeddelelseFESDmetadata>
      <f:MedsendDokumentRegistreringIndikator>false</f:MedsendDokumentRegistreringIndikator>
    </f:DigitalPostParametre>
    <f:PostParametre>
      <f:PostKategoriKode>Bulk</f:PostKategoriKode><f:AllokeringsIdentifikator>1</f:AllokeringsIdentifikator>
      <f:ReturposthaandteringHosLeverandoerIndikator>true</f:ReturposthaandteringHosLeverandoerIndikator>
      <f:InformationVedAdresseAendringIndikator>true</f:InformationVedAdresseAendringIndikator>
      <f:SideKvantitet>0</f:SideKvantitet>
    </f:PostParametre>
    <f:BilagSamling><f:Bilag>
      <f:BilagNavn>Bilag 1</f:BilagNavn><d:FilformatNavn>pdf</d:FilformatNavn>
      <f:BilagSorteringsIndeksIdentifikator>0</f:BilagSorteringsIndeksIdentifikator>
      <d:VedhaeftningIndholdData>JVBERg==</d:VedhaeftningIndholdData>
    </f:Bilag></f:BilagSamling>
  </t:ForsendelseI></t:BrevSPBody>
</t:PrintAfsendBrevRequest>"""


@cache
def schema(name: str) -> etree.XMLSchema:
    """Returns one of the schema files, compiled."""
    return etree.XMLSchema(etree.parse(FOLDER / name))


def envelope(body: str, header: str = "") -> bytes:
    """Returns a SOAP 1.1 envelope around a body's content."""
    head = f"<e:Header>{header}</e:Header>" if header else ""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><e:Envelope xmlns:e="{ENVELOPE}">{head}'
        f"<e:Body>{body}</e:Body></e:Envelope>"
    ).encode()


def recipient_xml(number: str = "1408683994", kind: str = "P") -> str:
    """Returns the choice of CPR and CVR number."""
    name = "CPRnummerIdentifikator" if kind == "P" else "CVRnummerIdentifikator"
    return f'<a:{name} xmlns:a="{ADIR}">{number}</a:{name}>'


def bilag_xml(name: str, document: bytes, index: int = 0, extension: str = "pdf") -> str:
    """Returns one attachment with its content."""
    data = base64.b64encode(document).decode()
    return (
        f"<f:Bilag><f:BilagNavn>{escape(name)}</f:BilagNavn><d:FilformatNavn>{extension}</d:FilformatNavn>"
        f"<f:BilagSorteringsIndeksIdentifikator>{index}</f:BilagSorteringsIndeksIdentifikator>"
        f"<d:VedhaeftningIndholdData>{data}</d:VedhaeftningIndholdData></f:Bilag>"
    )


def brev_xml(
    message: str = message_id(1),
    recipient: str = "1408683994",
    kind: str = "P",
    material: int | None = MANDATORY,
    title: str = "Lønseddel",
    document: bytes = b"%PDF-1.7 a document",
    extension: str = "pdf",
    *,
    bilag: str = "",
    channel: str = "D",
    context: str = INVOCATION_CONTEXT,
    data: str | None = None,
) -> str:
    """Returns an `afsendBrev` request as a payslip needs it; `bilag` are attachments of `bilag_xml`."""
    content = base64.b64encode(document).decode() if data is None else data
    type_id = "MeddelelseIndholdstypeIdentifikator"
    named = "" if material is None else f"<d:{type_id}>{material}</d:{type_id}>"
    attached = f"<f:BilagSamling>{bilag}</f:BilagSamling>" if bilag else ""
    return (
        f'<t:PrintAfsendBrevRequest xmlns:t="{TNS}" xmlns:f="{FJERNPRINT}" xmlns:d="{DKAL}">{context}'
        f"<t:BrevSPBody><t:Kanalvalg>{channel}</t:Kanalvalg><t:Prioritet>D</t:Prioritet><t:ForsendelseI>"
        f"<f:AfsendelseIdentifikator>{message}</f:AfsendelseIdentifikator><f:ForsendelseModtager>"
        f"<d:AfsendelseModtager>{recipient_xml(recipient, kind)}</d:AfsendelseModtager>"
        f"</f:ForsendelseModtager><d:FilformatNavn>{extension}</d:FilformatNavn>"
        f"<d:MeddelelseIndholdData>{content}</d:MeddelelseIndholdData><f:DokumentParametre>"
        f'<g:TitelTekst xmlns:g="{SAGDOK}">{escape(title)}</g:TitelTekst></f:DokumentParametre>'
        f"<f:DigitalPostParametre>{named}<f:MedsendDokumentRegistreringIndikator>false"
        f"</f:MedsendDokumentRegistreringIndikator></f:DigitalPostParametre>{attached}"
        "</t:ForsendelseI></t:BrevSPBody></t:PrintAfsendBrevRequest>"
    )


def tilmelding_xml(
    recipient: str = "1408683994",
    kind: str = "P",
    material: int | None = MANDATORY,
    *,
    context: str = INVOCATION_CONTEXT,
) -> str:
    """Returns a `spoergTilmelding` request."""
    type_id = "MeddelelseIndholdstypeIdentifikator"
    named = "" if material is None else f"<d:{type_id}>{material}</d:{type_id}>"
    return (
        f'<t:PrintSpoergTilmeldingRequest xmlns:t="{TNS}" xmlns:d="{DKAL}">{context}<t:TilmeldingRequest>'
        f"{named}<d:SlutbrugerIdentitet>{recipient_xml(recipient, kind)}</d:SlutbrugerIdentitet>"
        "</t:TilmeldingRequest></t:PrintSpoergTilmeldingRequest>"
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """What a SOAP answer says: its one word, or a fault's code and the kind of its detail."""

    status: int
    word: str = ""
    code: int = 0
    detail: str = ""
    fault_code: str = ""


def post(
    client: SimulatorClient, text: str | bytes, operation: str = "", *, content_type: str = "text/xml"
) -> Reply:
    """Sends a request, or a whole envelope as bytes; its operation is guessed from the text."""
    guessed = "spoergTilmelding" if "SpoergTilmelding" in str(text) else "afsendBrev"
    headers = {
        "Content-Type": f"{content_type}; charset=utf-8",
        "SOAPAction": f'"{TNS}{operation or guessed}"',
    }
    body = envelope(text) if isinstance(text, str) else text
    return client.call("POST", PATH, body, headers)


def answer_in(reply: Reply) -> Answer:
    """Returns what an answer says, by local names, so that the order of a fault's parts is nothing to it."""
    root = etree.fromstring(reply.body)
    texts = {etree.QName(one).localname: one.text or "" for one in root.iter(etree.Element)}
    detail = next(iter(root.iterfind(".//detail/*")), None)
    return Answer(
        status=reply.status,
        word=texts.get("resultat", texts.get("tilmeldt", "")),
        code=int(texts.get("FejlKode") or texts.get("ErrorCode") or 0),
        detail="" if detail is None else etree.QName(detail).localname,
        fault_code=texts.get("faultcode", "").partition(":")[2],
    )


def ask(client: SimulatorClient, text: str | bytes, operation: str = "") -> Answer:
    """Sends a request and reads its answer."""
    return answer_in(post(client, text, operation))
