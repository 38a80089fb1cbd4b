"""Reads a SOAP request: the envelope, what it asks for, and a letter or a question out of it.

Relies on `request_xml` for a parser that expands nothing and on `soap_contract` for the schema. The body is
parsed once; the documents' base64 is taken out of the tree before the schema is asked, because validating it
costs many times what decoding it does (facts/speed). Judges form only: who calls is `soap_caller`'s, and what
the material allows is `acceptance`'s.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from lxml import etree

from eboks.simulator import codes
from eboks.simulator.codes import Objection, ObjectionRaised
from eboks.simulator.dispatch_body import Dispatch, Enclosure, well_formed
from eboks.simulator.persons import Kind
from eboks.simulator.request_xml import decode_base64, parse
from eboks.simulator.settings import SimulatorSettings
from eboks.simulator.soap_contract import (
    ADIR,
    DKAL,
    FJERNPRINT,
    PRINT,
    REQUESTS,
    SAGDOK,
    SECURITY,
    SOAP,
    contract,
    named,
)

_LETTER = named(PRINT, "BrevSPBody", "ForsendelseI")
_DIGITAL_CHANNELS = ("A", "D", "P")
_NEEDS = named(SOAP, "mustUnderstand")
_ID = named(FJERNPRINT, "AfsendelseIdentifikator")
_DATA = named(DKAL, "MeddelelseIndholdData")
_ENCLOSED_DATA = named(DKAL, "VedhaeftningIndholdData")
_MATERIAL = named(DKAL, "MeddelelseIndholdstypeIdentifikator")
_DIGITAL = named(FJERNPRINT, "DigitalPostParametre")
_FORMAT = named(DKAL, "FilformatNavn")

Texts = dict[etree._Element, str]
"""What stood in each element that carries a document."""


@dataclass(frozen=True, slots=True)
class Letter:
    """What `afsendBrev` asks for."""

    message_id: str
    dispatch: Dispatch


@dataclass(frozen=True, slots=True)
class Question:
    """What `spoergTilmelding` asks; `material_id` None asks about the recipient alone."""

    recipient_type: Kind
    recipient: str = field(repr=False)
    material_id: int | None


def read_envelope(body: bytes) -> etree._Element:
    """Returns the root of a SOAP 1.1 envelope; raises ObjectionRaised for anything else."""
    root = parse(body)
    if etree.QName(root).localname != "Envelope" or etree.QName(root).namespace != SOAP:
        raise ObjectionRaised(codes.NOT_SOAP_11)
    parts = [child.tag for child in root]
    if parts not in ([named(SOAP, "Body")], [named(SOAP, "Header"), named(SOAP, "Body")]):
        raise ObjectionRaised(codes.NOT_THE_SCHEMA)
    return root


def demand_understood(root: etree._Element, *, signed: bool) -> None:
    """Raises ObjectionRaised when a header that must be understood is not; security is when it is used."""
    for header in root.iterfind(named(SOAP, "Header") + "/*"):
        known = signed and etree.QName(header).namespace == SECURITY
        if header.get(_NEEDS) in ("1", "true") and not known:
            raise ObjectionRaised(codes.NOT_UNDERSTOOD)


def request_in(root: etree._Element) -> tuple[etree._Element, Texts]:
    """Returns the request in an envelope, its documents taken out, once it follows the schema."""
    children = list(root[-1])
    if len(children) != 1 or children[0].tag not in REQUESTS:
        raise ObjectionRaised(codes.NOT_THE_SCHEMA)
    (request,) = children
    texts = {one: one.text or "" for one in request.iter(_DATA, _ENCLOSED_DATA)}
    for one in texts:
        one.text = None
    if not contract().validate(request):
        raise ObjectionRaised(codes.NOT_THE_SCHEMA)
    return request, texts


def message_id_of(request: etree._Element) -> str:
    """Returns the id of a letter."""
    return request.findtext(f"{_LETTER}/{_ID}") or ""


def read_letter(request: etree._Element, texts: Texts, settings: SimulatorSettings) -> Letter:
    """Returns the letter of a request that follows the schema; raises ObjectionRaised as REST would."""
    if request.findtext(named(PRINT, "BrevSPBody", "Kanalvalg")) not in _DIGITAL_CHANNELS:
        raise ObjectionRaised(codes.NOT_DIGITAL)
    letter = request.find(_LETTER)
    assert letter is not None  # the schema says so
    identity = letter.find(f"{named(FJERNPRINT, 'ForsendelseModtager')}/{named(DKAL, 'AfsendelseModtager')}")
    if identity is None:
        raise ObjectionRaised(codes.BAD_RECIPIENT)
    kind, number = _recipient(identity)
    title = letter.findtext(f"{named(FJERNPRINT, 'DokumentParametre')}/{named(SAGDOK, 'TitelTekst')}") or ""
    if not 1 <= len(title) <= 50 or not title.strip():
        raise ObjectionRaised(codes.BAD_TITLE)
    dispatch = Dispatch(
        recipient=number,
        recipient_type=kind,
        content_type_id=_material_id(letter, settings),
        title=title,
        extension=_extension(letter, settings),
        document=_document(letter.find(_DATA), texts, settings),
        enclosures=_enclosures(letter, texts, settings),
    )
    _demand_size(dispatch, settings)
    return Letter(message_id_of(request), dispatch)


def read_question(request: etree._Element) -> Question:
    """Returns the question of a request that follows the schema."""
    asked = named(PRINT, "TilmeldingRequest")
    identity = request.find(f"{asked}/{named(DKAL, 'SlutbrugerIdentitet')}")
    assert identity is not None  # the schema says so
    kind, number = _recipient(identity)
    material = request.findtext(f"{asked}/{_MATERIAL}")
    return Question(kind, number, None if material is None else _number(material, codes.UNKNOWN_MATERIAL))


def _recipient(identity: etree._Element) -> tuple[Kind, str]:
    """Returns type and number of the one choice; the schema takes any eight characters for a CVR number."""
    (choice,) = identity
    kind: Kind = "P" if choice.tag == named(ADIR, "CPRnummerIdentifikator") else "V"
    number = choice.text or ""
    if not well_formed(kind, number):
        raise ObjectionRaised(codes.BAD_RECIPIENT)
    return kind, number


def _material_id(letter: etree._Element, settings: SimulatorSettings) -> int:
    """Returns the material named; without one, the sender system's default (facts a.3 row 6)."""
    written = letter.findtext(f"{_DIGITAL}/{_MATERIAL}")
    if written is not None:
        return _number(written, codes.UNKNOWN_MATERIAL)
    if settings.default_material is not None:
        return settings.default_material
    return next(iter(settings.materials), 0)


def _number(written: str, otherwise: Objection) -> int:
    """Returns a number of the schema's, which has no end of digits; raises ObjectionRaised past eighteen."""
    if len(written) > 18:
        raise ObjectionRaised(otherwise)
    return int(written)


def _extension(parent: etree._Element, settings: SimulatorSettings) -> str:
    extension = parent.findtext(_FORMAT) or ""
    if extension not in settings.file_extensions:
        raise ObjectionRaised(codes.BAD_EXTENSION)
    return extension


def _document(element: etree._Element | None, texts: Texts, settings: SimulatorSettings) -> bytes:
    """Returns a decoded document; libxml2's own idea of base64 lets strange signs pass, ours does not."""
    document = None if element is None else decode_base64(texts[element].encode())
    if not document:
        raise ObjectionRaised(codes.BAD_BASE64)
    if len(document) > settings.max_file_bytes:
        raise ObjectionRaised(codes.TOO_LARGE)
    return document


def _enclosures(letter: etree._Element, texts: Texts, settings: SimulatorSettings) -> tuple[Enclosure, ...]:
    """Returns the attachments by their sort index; metadata takes one of their places (facts a.3)."""
    listed = letter.findall(named(FJERNPRINT, "BilagSamling", "Bilag"))
    filed = letter.find(f"{_DIGITAL}/{named(DKAL, 'MeddelelseFESDmetadata')}") is not None
    if len(listed) > settings.max_enclosures - filed:
        raise ObjectionRaised(codes.TOO_MANY_ENCLOSURES)
    index = named(FJERNPRINT, "BilagSorteringsIndeksIdentifikator")
    return tuple(
        _enclosure(one, texts, settings)
        for one in sorted(listed, key=lambda one: _number(one.findtext(index) or "", codes.NOT_THE_SCHEMA))
    )


def _enclosure(bilag: etree._Element, texts: Texts, settings: SimulatorSettings) -> Enclosure:
    data = bilag.find(_ENCLOSED_DATA)
    if data is None:  # an id of one sent before, or an address: the simulator has neither
        raise ObjectionRaised(codes.NO_ENCLOSED_DATA)
    name = bilag.findtext(named(FJERNPRINT, "BilagNavn")) or ""
    return Enclosure(name, _extension(bilag, settings), _document(data, texts, settings))


def _demand_size(dispatch: Dispatch, settings: SimulatorSettings) -> None:
    n_bytes = len(dispatch.document) + sum(len(one.document) for one in dispatch.enclosures)
    if n_bytes > settings.max_message_bytes:
        raise ObjectionRaised(codes.TOO_LARGE)
