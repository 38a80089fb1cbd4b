"""Where things stand in the messages of SF1600 Print 2 (facts/eboks b.2), in the words of a settings file.

Relies on nothing but the settings' types. A sender's own contract is described in the same way, so there is
but one way to build a message.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from schemas.eboks_settings import SoapOperation

WSDL = Path(str(files("schemas"))) / "soap" / "sf1600" / "print.wsdl"
"""The contract that travels with the code."""

_CALLER = {
    "InvocationContext.ServiceAgreementUUID": "service_agreement_uuid",
    "InvocationContext.UserSystemUUID": "user_system_uuid",
    "InvocationContext.UserUUID": "user_uuid",
    "InvocationContext.ServiceUUID": "service_uuid",
}
_LETTER = "BrevSPBody.ForsendelseI"
_ATTACHMENT = f"{_LETTER}.BilagSamling.Bilag[]"

SEND = SoapOperation(
    operation="afsendBrev",
    fields={
        **_CALLER,
        "BrevSPBody.Kanalvalg": "kanalvalg",
        "BrevSPBody.Prioritet": "prioritet",
        f"{_LETTER}.AfsendelseIdentifikator": "message_id",
        f"{_LETTER}.ForsendelseModtager.AfsendelseModtager.CPRnummerIdentifikator": "cpr",
        f"{_LETTER}.ForsendelseModtager.AfsendelseModtager.CVRnummerIdentifikator": "cvr",
        f"{_LETTER}.FilformatNavn": "extension",
        f"{_LETTER}.MeddelelseIndholdData": "document",
        f"{_LETTER}.DokumentParametre.TitelTekst": "title",
        # The group is left out with its one field: there BrugerNavn is a must.
        f"{_LETTER}.KanalUafhaengigeParametreI.BrugerNavn": "bruger_navn",
        f"{_LETTER}.DigitalPostParametre.MeddelelseIndholdstypeIdentifikator": "material_id",
        f"{_LETTER}.DigitalPostParametre.MedsendDokumentRegistreringIndikator": "=false",
        f"{_ATTACHMENT}.BilagNavn": "attachment_name",
        f"{_ATTACHMENT}.FilformatNavn": "attachment_extension",
        f"{_ATTACHMENT}.BilagSorteringsIndeksIdentifikator": "attachment_ordinal",
        f"{_ATTACHMENT}.VedhaeftningIndholdData": "attachment",
    },
    result="resultat",
)
MAX_ATTACHMENTS = 100

LOOKUP = SoapOperation(
    operation="spoergTilmelding",
    fields={
        **_CALLER,
        "TilmeldingRequest.MeddelelseIndholdstypeIdentifikator": "material_id",
        "TilmeldingRequest.SlutbrugerIdentitet.CPRnummerIdentifikator": "cpr",
        "TilmeldingRequest.SlutbrugerIdentitet.CVRnummerIdentifikator": "cvr",
    },
    result="tilmeldt",
)
