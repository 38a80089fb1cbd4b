"""The shape of `brevdue.toml`: typed, closed to unknown keys, secrets only as file paths.

Relies on pydantic. Says what may stand in the file and what the defaults are; `jobs.house` reads the file
and the environment and reports all faults at once (design 8.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Discriminator, Field, StringConstraints, Tag, model_validator

from schemas.policy import DataClass, PolicySettings
from schemas.section import ChannelSettings, Name, Section

CANONICAL_COLUMNS = (
    "modtager",
    "modtagertype",
    "materiale",
    "titel",
    "fil",
    "bilag",
    "navn",
    "email",
    "mobil",
    "reference",
)
"""The index's columns (design 8.1), which a source may rename."""

Mode = Literal["simulated", "live"]


class HouseSettings(Section):
    """`[house]`: where we keep things and whether we are real."""

    data: Path = Path("data")
    database_url: str = ""
    mode: Mode = "simulated"
    tenant: Name = "house"
    keys: Path | None = None
    language: Literal["da", "en"] = "da"
    log_file: Path | None = None
    pdf_workers: int = Field(default=2, ge=1, le=64)

    @property
    def keys_folder(self) -> Path:
        return self.keys or self.data / "keys"

    @property
    def database(self) -> str:
        """The database's URL: the embedded SQLite file unless the settings name another."""
        return self.database_url or f"sqlite:///{self.data / 'brevdue.db'}"


class SourceSettings(Section):
    """`[sources.<name>]`: one drop folder and how its index reads."""

    folder: Path
    layout: Literal["L1"] = "L1"
    encoding: Literal["utf-8", "cp1252", "auto"] = "utf-8"
    separator: Literal[";", ",", "\t", "|"] = ";"
    columns: dict[str, str] = Field(default_factory=dict)
    material: Name | None = None
    recipient_type: Literal["cpr", "cvr"] | None = None
    seal: Literal["marker", "quiet"] = "marker"
    quiet_seconds: float = Field(default=30.0, ge=0.0)
    stray_seconds: float = Field(default=600.0, ge=0.0)
    all_or_nothing: bool = False
    hold_above_percent: float = Field(default=5.0, ge=0.0, le=100.0)
    repair_lost_zero: bool = False
    duplicates: Literal["refuse", "hold", "send"] = "refuse"
    max_rows: int = Field(default=500_000, ge=1)
    max_files: int = Field(default=1_000_000, ge=1)
    max_file_bytes: int = Field(default=100 * 1024 * 1024, ge=1)
    max_total_bytes: int = Field(default=50 * 1024**3, ge=1)
    max_zip_ratio: float = Field(default=100.0, ge=1.0)

    @model_validator(mode="after")
    def _columns_known(self) -> Self:
        unknown = sorted(set(self.columns) - set(CANONICAL_COLUMNS))
        if unknown:
            raise ValueError(f"columns: unknown canonical names {', '.join(unknown)}")
        if len({name.casefold() for name in self.columns.values()}) != len(self.columns):
            raise ValueError("columns: two canonical columns share one name")
        return self


class EboksMaterial(Section):
    """`[materials.<name>.eboks]`: what e-Boks calls this kind of document.

    `delivery = "mandatory"` is delivered even to one who never subscribed or never logged in (facts c);
    `"voluntary"` is checked by look-up first. `wait_in_mailbox` sends a voluntary material without the
    look-up: it waits in the mailbox until the recipient opens an account.
    """

    content_type_id: int = Field(ge=1, le=999_999_999)
    delivery: Literal["voluntary", "mandatory"] = "voluntary"
    wait_in_mailbox: bool = False


class MaterialSettings(Section):
    """`[materials.<name>]`: a kind of document, the channels it may take and how it is guarded.

    `no_way` says what becomes of a consignment that no channel may take now: `hold` waits until a fact
    changes, `fail` puts it on the error list; None holds where the route has more than one channel.
    """

    title: str | None = Field(default=None, max_length=50)
    data_class: DataClass = "confidential"
    channels: tuple[Name, ...] = ("eboks", "smime", "tunnel", "tls", "portal")
    protections: tuple[Literal["mailbox", "end_to_end", "domain", "transport", "portal"], ...] = (
        "mailbox",
        "end_to_end",
        "domain",
        "portal",
    )
    no_way: Literal["hold", "fail"] | None = None
    extensions: tuple[str, ...] = ("pdf",)
    max_bytes: int = Field(default=10 * 1000 * 1000, ge=1)
    guard_other_cpr: bool = True
    eboks: EboksMaterial | None = None
    document_days: int | None = Field(default=None, ge=0)


class EboksSettings(ChannelSettings):
    """What both channels to e-Boks have: where it is, who we are there, and what its error codes mean.

    `verdicts` maps an e-Boks error code (`Fejl`) to what we do about it.
    """

    url: str = Field(pattern=r"^https://[^/\s]+$")
    system_id: int = Field(ge=1, le=999_999)
    certificate: Path
    key: Path
    ca: Path | None = None
    max_reply_bytes: int = Field(default=1024 * 1024, ge=1024, le=1024 * 1024)
    enrolment_cache_hours: float = Field(default=24.0, ge=0, le=24)
    verdicts: dict[str, Literal["unreachable", "refused", "transient", "configuration"]] = Field(
        default_factory=dict
    )


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
            raise ValueError("client_id: required when profile is 'proxy'")
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
            raise ValueError(f"fields: no such value: {', '.join(unknown)}")
        if set(self.yes) & set(self.no):
            raise ValueError("yes, no: one word can't be both")
        return self


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
            faults.append("partner_certificate: required when security is 'signed'")
        if (self.send or self.lookup) and self.wsdl is None:
            faults.append("wsdl: required when send or lookup is given")
        faults += [f"{name}: required by this contract" for name in self._missing_uuids()]
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def _missing_uuids(self) -> list[str]:
        asked = [frozenset(_OUR_UUIDS) if one is None else one.used for one in (self.send, self.lookup)]
        return [name for name in _OUR_UUIDS if name in asked[0] | asked[1] and not getattr(self, name)]


def _kind_of(table: object) -> str | None:
    """Returns the kind that a channel's table names; the one that was there first when it names none."""
    kind = table.get("kind", "eboks") if isinstance(table, Mapping) else getattr(table, "kind", None)
    return kind if isinstance(kind, str) else None


KINDS: tuple[str, ...] = ("eboks", "eboks_soap")
"""The kinds of channel that the settings know; pydantic puts them into the place of a fault."""

AnyChannel = Annotated[
    Annotated[EboksChannel, Tag("eboks")] | Annotated[EboksSoapChannel, Tag("eboks_soap")],
    Discriminator(
        _kind_of,
        custom_error_type="channel_kind",
        custom_error_message=f"kind: must be one of {', '.join(KINDS)}",
    ),
]
"""The table of one channel; which of these shapes it has, its `kind` says."""


class TimetableEntry(Section):
    """`[timetable.<name>]`: one verb, on a cron line in Danish local time or at an interval."""

    verb: Literal["pull", "dispatch", "collect", "close", "purge"]
    source: Name | None = None
    cron: str | None = None
    every_seconds: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _one_rhythm(self) -> Self:
        if (self.cron is None) == (self.every_seconds is None):
            raise ValueError("give either cron or every_seconds")
        if self.source is not None and self.verb != "pull":
            raise ValueError("source: only pull works on one source")
        return self


DEFAULT_TIMETABLE = {
    "pull": TimetableEntry(verb="pull", every_seconds=60.0),
    "dispatch": TimetableEntry(verb="dispatch", every_seconds=30.0),
    "collect": TimetableEntry(verb="collect", every_seconds=60.0),
    "close": TimetableEntry(verb="close", every_seconds=60.0),
    "purge": TimetableEntry(verb="purge", cron="30 2 * * *"),
}


class RetentionSettings(Section):
    """`[retention]`: how long what is kept, counted from a batch's closing, in days."""

    document_days: int = Field(default=30, ge=0)
    quarantine_days: int = Field(default=30, ge=0)
    evidence_days: int = Field(default=5 * 366, ge=0)


class Settings(Section):
    """The whole file. `base` is the folder that relative paths count from."""

    house: HouseSettings = HouseSettings()
    sources: dict[Name, SourceSettings] = Field(default_factory=dict)
    materials: dict[Name, MaterialSettings] = Field(default_factory=dict)
    channels: dict[Name, AnyChannel] = Field(default_factory=dict)
    timetable: dict[Name, TimetableEntry] = Field(default_factory=lambda: dict(DEFAULT_TIMETABLE))
    retention: RetentionSettings = RetentionSettings()
    policy: PolicySettings = PolicySettings()

    @model_validator(mode="after")
    def _names_meet(self) -> Self:
        faults = [
            f"sources.{name}.material: no such material"
            for name, source in self.sources.items()
            if source.material is not None and source.material not in self.materials
        ]
        faults += [
            f"timetable.{name}.source: no such source"
            for name, entry in self.timetable.items()
            if entry.source is not None and entry.source not in self.sources
        ]
        folders = [source.folder for source in self.sources.values()]
        if len(set(folders)) != len(folders):
            faults.append("sources: two sources share one folder")
        if faults:
            raise ValueError("; ".join(faults))
        return self
