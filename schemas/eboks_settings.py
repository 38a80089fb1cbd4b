"""The tables of e-Boks: a material's name there, and the channels over REST and over SOAP.

Relies on pydantic. Says what may stand in the file and what the defaults are. Sources: facts/eboks a.1, b.2.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from schemas.section import ChannelSettings, Section
from schemas.setting_faults import SettingFault, fault, unfit


class EboksMaterial(Section):
    """`[materials.<name>.eboks]`: what e-Boks calls this kind of document.

    `delivery = "mandatory"` is delivered even to one who never subscribed or never logged in (facts c);
    `"voluntary"` is checked by look-up first. `wait_in_mailbox` sends a voluntary material without the
    look-up: it waits in the mailbox until the recipient opens an account. `enrolment_group` is the material's
    registration group, by which an enrolment list may name it.
    """

    content_type_id: int = Field(ge=1, le=999_999_999)
    enrolment_group: str = Field(default="", pattern=r"^[A-Za-z0-9._-]{0,40}$")
    delivery: Literal["voluntary", "mandatory"] = "voluntary"
    wait_in_mailbox: bool = False


class EboksSettings(ChannelSettings):
    """What both channels to e-Boks have: where it is, who we are there, and what its error codes mean.

    `verdicts` maps an e-Boks error code (`Fejl`) to what we do about it. `enrolment` names who is asked
    whether a recipient gets a voluntary material, in order: e-Boks itself, or the daily list.
    """

    url: str = Field(pattern=r"^https://[^/\s]+$")
    system_id: int = Field(ge=1, le=999_999)
    certificate: Path
    key: Path
    ca: Path | None = None
    max_reply_bytes: int = Field(default=1024 * 1024, ge=1024, le=1024 * 1024)
    enrolment: tuple[Literal["lookup", "list"], ...] = Field(default=("lookup",), min_length=1, max_length=2)
    enrolment_cache_hours: float = Field(default=24.0, ge=0, le=24)
    enrolment_list_hours: float = Field(default=24.0, gt=0, le=72)
    enrolment_list_max_shrink_percent: float = Field(default=10.0, ge=0, le=100)
    enrolment_list_max_rejected_percent: float = Field(default=1.0, ge=0, le=100)
    verdicts: dict[str, Literal["unreachable", "refused", "transient", "configuration"]] = Field(
        default_factory=dict
    )

    @model_validator(mode="after")
    def _each_source_once(self) -> Self:
        if len(set(self.enrolment)) != len(self.enrolment):
            raise unfit(fault("enrolment", "named_twice"))
        return self


class EboksChannel(EboksSettings):
    """`[channels.<name>]` with `kind = "eboks"`: e-Boks over REST v3.

    `profile` is what a 2xx means: `direct` (final, perhaps without a body) or `proxy` (JSON with statuses,
    polled later).
    """

    kind: Literal["eboks"] = "eboks"
    profile: Literal["direct", "proxy"] = "direct"
    client_id: str = Field(default="", pattern=r"^[A-Za-z0-9_-]{0,40}$")
    duplicate_statuses: tuple[int, ...] = (409,)
    enrolment_absent: Literal["answer", "404"] = "answer"
    attachments: bool = False

    @model_validator(mode="after")
    def _proxy_has_client(self) -> Self:
        if self.profile == "proxy" and not self.client_id:
            raise unfit(fault("client_id", "required_with", other="profile = 'proxy'"))
        return self


SOAP_VALUES = frozenset(
    {
        "message_id",
        "system_id",
        "number",
        "cpr",
        "cvr",
        "material_id",
        "title",
        "extension",
        "document",
        "attachment",
        "attachment_name",
        "attachment_extension",
        "attachment_ordinal",
        "kanalvalg",
        "prioritet",
        "bruger_navn",
        "service_agreement_uuid",
        "user_system_uuid",
        "user_uuid",
        "service_uuid",
    }
)
"""What a field of a SOAP message may be filled with (`SoapOperation.fields`)."""

_RECIPIENT = frozenset({"number", "cpr", "cvr"})
_OUR_UUIDS = ("service_agreement_uuid", "user_system_uuid", "user_uuid")
_FaultText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=8)]
_FaultCode = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
_Uuid = Annotated[str, StringConstraints(pattern=r"^$|^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]


class SoapOperation(Section):
    """`[channels.<name>.send]`, `[channels.<name>.lookup]`: one operation of a WSDL of the sender's own.

    `fields` maps an element's place in the request, its names joined by dots, to one of `SOAP_VALUES`, or to
    a text of its own after an equals sign. A name ending in `[]` comes once per attachment. A value we do not
    have leaves its element out. `result` is the place of the word in the answer, `yes` and `no` what it may
    say: any other word is no answer.
    """

    operation: str = Field(pattern=r"^[\w.-]+$")
    fields: dict[Annotated[str, StringConstraints(pattern=r"^[^\s.]+(\.[^\s.]+)*$")], str]
    result: str = Field(pattern=r"^[\w-]+(\.[\w-]+)*$")
    yes: tuple[str, ...] = Field(default=("true", "1"), min_length=1)
    no: tuple[str, ...] = ("false", "0")

    @property
    def used(self) -> frozenset[str]:
        """The values that the fields ask for."""
        return frozenset(self.fields.values())

    @model_validator(mode="after")
    def _values_known(self) -> Self:
        unknown = sorted(value for value in self.used - SOAP_VALUES if not value.startswith("="))
        if unknown:
            raise unfit(fault("fields", "unknown_values", names=", ".join(unknown)))
        if set(self.yes) & set(self.no):
            raise unfit(fault("yes, no", "yes_and_no"))
        return self


def _letter_faults(send: SoapOperation) -> list[SettingFault]:
    """Returns what an operation lacks for handing over a letter."""
    faults = [
        fault("send.fields", "used_nowhere", name=word)
        for word in ("message_id", "document")
        if word not in send.used
    ]
    if not send.used & _RECIPIENT:
        faults.append(fault("send.fields", "nobody_named"))
    if any(word.startswith("attachment") and "[]" not in place for place, word in send.fields.items()):
        faults.append(fault("send.fields", "attachment_places"))
    return faults


class EboksSoapChannel(EboksSettings):
    """`[channels.<name>]` with `kind = "eboks_soap"`: e-Boks over SOAP 1.1, the contract SF1600 Print 2.

    `wsdl` is the sender's own contract, `send` and `lookup` say which of its operations and fields are which;
    left out, they are those of SF1600. A fault that means "this id was used already" is one with a code or
    with words given here; without any, doubt follows `when_in_doubt`.
    """

    kind: Literal["eboks_soap"]
    path: str = Field(default="/service/Print/Print/2", pattern=r"^/[!-~]*$")
    service_agreement_uuid: _Uuid = ""
    user_system_uuid: _Uuid = ""
    user_uuid: _Uuid = ""
    service_uuid: _Uuid = "fd885b8b-4a3f-46cb-b367-6c9dda1c78f6"
    kanalvalg: Literal["A", "D", "S", "F", "P"] = "D"
    prioritet: Literal["D", "M"] = "D"
    bruger_navn: str = Field(default="", max_length=2000)
    attachments: bool = True
    security: Literal["context", "signed"] = "context"
    partner_certificate: Path | None = None
    duplicate_fault_codes: tuple[_FaultCode, ...] = ()
    duplicate_fault_texts: tuple[_FaultText, ...] = ()
    when_in_doubt: Literal["hold", "resend_once"] = "hold"
    wsdl: Path | None = None
    send: SoapOperation | None = None
    lookup: SoapOperation | None = None

    @property
    def knows_duplicates(self) -> bool:
        """True when the settings say what "this id was used already" looks like."""
        return bool(self.duplicate_fault_codes or self.duplicate_fault_texts)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        faults = []
        if self.security == "signed" and self.partner_certificate is None:
            faults.append(fault("partner_certificate", "required_with", other="security = 'signed'"))
        if self.send and self.wsdl is None:
            faults.append(fault("wsdl", "required_with", other="send"))
        if self.lookup and not self.send:
            faults.append(fault("send", "required_with", other="lookup"))
        faults += [fault(name, "required_by_contract") for name in self._missing_uuids()]
        if self.send:
            faults += _letter_faults(self.send)
        if self.lookup and not self.lookup.used & _RECIPIENT:
            faults.append(fault("lookup.fields", "nobody_named"))
        if faults:
            raise unfit(*faults)
        return self

    def _missing_uuids(self) -> list[str]:
        """Returns which of our UUIDs the contract asks for in vain; SF1600 asks for all."""
        used = self.send.used | (self.lookup.used if self.lookup else set()) if self.send else _OUR_UUIDS
        return [name for name in _OUR_UUIDS if name in used and not getattr(self, name)]
