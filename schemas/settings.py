"""The shape of `brevdue.toml`: typed, closed to unknown keys, secrets only as file paths.

Relies on pydantic. Says what may stand in the file and what the defaults are; `jobs.house` reads the file
and the environment and reports all faults at once (design 8.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from schemas.eboks_settings import EboksChannel, EboksMaterial, EboksSoapChannel
from schemas.mail_settings import (
    MailChannelSettings,
    MailSettings,
    MaterialMail,
    SmimeChannel,
    TlsChannel,
    TunnelChannel,
)
from schemas.policy import DataClass, PolicySettings
from schemas.portal_settings import MaterialPortal, PortalChannel
from schemas.section import Name, Section
from schemas.setting_faults import fault, unfit

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
            raise unfit(fault("columns", "unknown_columns", names=", ".join(unknown)))
        if len({name.casefold() for name in self.columns.values()}) != len(self.columns):
            raise unfit(fault("columns", "columns_share"))
        return self


class MaterialSettings(Section):
    """`[materials.<name>]`: a kind of document, the channels it may take and how it is guarded.

    Every protection is accepted unless the material says less; what each may carry, and how much, `[policy]`
    says: forced TLS limited amounts only, and never special categories or criminal matters.

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
        "transport",
        "portal",
    )
    no_way: Literal["hold", "fail"] | None = None
    extensions: tuple[str, ...] = ("pdf",)
    max_bytes: int = Field(default=10 * 1000 * 1000, ge=1)
    guard_other_cpr: bool = True
    eboks: EboksMaterial | None = None
    mail: MaterialMail = MaterialMail()
    portal: MaterialPortal = MaterialPortal()
    document_days: int | None = Field(default=None, ge=0)


def _kind_of(table: object) -> str | None:
    """Returns the kind that a channel's table names; the one that was there first when it names none."""
    kind = table.get("kind", "eboks") if isinstance(table, Mapping) else getattr(table, "kind", None)
    return kind if isinstance(kind, str) else None


KINDS: tuple[str, ...] = ("eboks", "eboks_soap", "smime", "tunnel", "tls", "portal")
"""The kinds of channel that the settings know; pydantic puts them into the place of a fault."""

AnyChannel = Annotated[
    Annotated[EboksChannel, Tag("eboks")]
    | Annotated[EboksSoapChannel, Tag("eboks_soap")]
    | Annotated[SmimeChannel, Tag("smime")]
    | Annotated[TunnelChannel, Tag("tunnel")]
    | Annotated[TlsChannel, Tag("tls")]
    | Annotated[PortalChannel, Tag("portal")],
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
            raise unfit(fault("", "one_rhythm"))
        if self.source is not None and self.verb != "pull":
            raise unfit(fault("source", "only_pull"))
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
    mail: MailSettings | None = None
    timetable: dict[Name, TimetableEntry] = Field(default_factory=lambda: dict(DEFAULT_TIMETABLE))
    retention: RetentionSettings = RetentionSettings()
    policy: PolicySettings = PolicySettings()

    @property
    def mailboxes(self) -> dict[str, EboksChannel | EboksSoapChannel]:
        """The channels to e-Boks, in their order."""
        return {
            name: channel
            for name, channel in self.channels.items()
            if isinstance(channel, EboksChannel | EboksSoapChannel)
        }

    @model_validator(mode="after")
    def _names_meet(self) -> Self:
        faults = [
            fault(f"sources.{name}.material", "no_such_material")
            for name, source in self.sources.items()
            if source.material is not None and source.material not in self.materials
        ]
        faults += [
            fault(f"timetable.{name}.source", "no_such_source")
            for name, entry in self.timetable.items()
            if entry.source is not None and entry.source not in self.sources
        ]
        faults += [
            fault(f"channels.{name}", "needs_mail")
            for name, channel in self.channels.items()
            if isinstance(channel, MailChannelSettings) and self.mail is None
        ]
        folders = [source.folder for source in self.sources.values()]
        if len(set(folders)) != len(folders):
            faults.append(fault("sources", "shared_folder"))
        if faults:
            raise unfit(*faults)
        return self
