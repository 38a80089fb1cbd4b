"""The objections e-Boks raises, as the simulator knows them: number, HTTP status and text of each `Fejl`.

Relies on the standard library. Only 3000 (access denied, HTTP 403 since 6.1) is a number e-Boks is known to
use (facts/eboks a.5, e.1); every other number here is invented and therefore lies in 9000–9999 (row 7), so
that nobody takes it for a real one. The texts are wire data of another system, hence Danish, and never
carry a value from the message. Does no rendering: see `answers` and
`soap_answers`; a SOAP fault's HTTP status is always 500, so the statuses here speak of REST.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a call is turned down: the `FejlKode`, the HTTP status it travels with and the `FejlTekst`."""

    number: int
    status: int
    text: str


class ObjectionRaised(Exception):
    """Ends the handling of a call with an objection; knows nothing of the message's content."""

    def __init__(self, objection: Objection) -> None:
        super().__init__(objection.number)
        self.objection = objection


ACCESS_DENIED = Objection(3000, 403, "Adgang nægtet.\nKlientcertifikatet er ikke gyldigt til dette system.")

NOT_THE_SCHEMA = Objection(9000, 400, "Meddelelsen følger ikke skemaet.")
DOCTYPE_REFUSED = Objection(9001, 400, "Meddelelsen må ikke indeholde en DOCTYPE.")
BAD_MESSAGE_ID = Objection(9002, 400, "Meddelelsens id er ikke dannet efter reglen.")
BAD_TITLE = Objection(9003, 400, "Titlen skal være på 1 til 50 tegn.")
BAD_BASE64 = Objection(9004, 400, "Indholdet er tomt eller ikke gyldig base64.")
BAD_EXTENSION = Objection(9005, 400, "Filtypen modtages ikke.")
UNKNOWN_MATERIAL = Objection(9006, 404, "Materialet findes ikke.")
TOO_LARGE = Objection(9007, 413, "Meddelelsen eller filen er for stor.")
BAD_RECIPIENT = Objection(9008, 400, "Modtagerens nummer eller type er ikke gyldig.")
BROKEN_BODY = Objection(9009, 400, "Meddelelsen kunne ikke læses færdig.")

ID_IN_USE = Objection(9020, 409, "Meddelelsens id er allerede brugt.")
ID_IN_USE_419 = Objection(9020, 419, "Meddelelsens id er allerede brugt.")
UNKNOWN_MESSAGE = Objection(9021, 404, "Meddelelsen findes ikke.")
UNKNOWN_ADDRESS = Objection(9022, 404, "Adressen findes ikke.")
METHOD_REFUSED = Objection(9023, 405, "Metoden kan ikke bruges her.")
TOO_MANY_IDS = Objection(9024, 400, "Der kan højst spørges om 50 meddelelser ad gangen.")
NEITHER_CPR_NOR_CVR = Objection(9025, 400, "Angiv enten cpr eller cvr.")

NOT_FOR_MATERIAL = Objection(9030, 400, "Modtageren er ikke tilmeldt dette materiale.")
NOT_FOUND = Objection(9031, 400, "Modtageren findes ikke.")
EXEMPT = Objection(9032, 400, "Modtageren er fritaget.")
DEAD = Objection(9033, 400, "Modtageren er død.")
MINOR = Objection(9034, 400, "Modtageren er under 15 år.")
NOT_ENROLLED = Objection(9035, 404, "Modtageren er ikke tilmeldt.")

NOT_SOAP_11 = Objection(9060, 400, "Meddelelsen er ikke SOAP 1.1.")
NOT_UNDERSTOOD = Objection(9061, 400, "En obligatorisk header er ikke forstået.")
BAD_SOAP_ACTION = Objection(9062, 400, "SOAPAction passer ikke til meddelelsen.")
NO_CONTEXT = Objection(9063, 400, "InvocationContext mangler.")
WRONG_CONTEXT = Objection(9064, 400, "InvocationContext passer ikke til servicen eller aftalen.")
BAD_SIGNATURE = Objection(9065, 400, "Meddelelsens signatur mangler eller er ikke gyldig.")
NOT_DIGITAL = Objection(9066, 400, "Kanalvalget er ikke digital post.")
NO_ENCLOSED_DATA = Objection(9067, 400, "Et bilag skal sendes med sit indhold.")
TOO_MANY_ENCLOSURES = Objection(9068, 400, "Der er for mange bilag.")

TOO_FAST = Objection(9040, 429, "Der sendes for hurtigt.")
INJECTED = Objection(9050, 503, "Bestilt fejl i simulatoren.")
BROKEN_SIMULATOR = Objection(9051, 500, "Simulatoren fejlede.")
