"""What a simulator is told at its start: profiles, switches, materials and who may send.

Relies on pydantic. Every guess about e-Boks stands behind a named switch (facts/eboks, "Where public facts
stop"). Opens no file and no socket.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from eboks.simulator.fault_rules import FaultRule

MEGABYTE = 1_000_000
SERVICE_UUID = "fd885b8b-4a3f-46cb-b367-6c9dda1c78f6"
"""SF1600's published service UUID: the one `ServiceUUID` that is taken (facts b.2)."""
EXTENSIONS = ("pdf", "html", "txt", "doc", "docx", "xls", "xlsx", "png", "jpg", "tif", "xml")


_Uuid = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Material(_Closed):
    """A content type: how it is delivered, its registration group and whom it may go to (facts c)."""

    delivery: Literal["voluntary", "mandatory"] = "mandatory"
    group: str = "loen"
    recipient_types: tuple[Literal["P", "V"], ...] = ("P", "V")


class PartnerFiles(_Closed):
    """The certificate and key (PEM files) that the SOAP service signs its answers with."""

    certificate: Path
    key: Path


class SimulatorSettings(_Closed):
    """Everything about one simulator; each field has the most plausible value of facts/eboks as default.

    `certificates` maps a client certificate's SHA-256 fingerprint (hex) to the sender system ids it may use.
    `record_path` names a JSON lines file that what is received is appended to, and read back from at a start.
    A SOAP message without a material is one of `default_material` (None: the first one listed). The three
    UUIDs of the caller's agreement are checked when given. With `soap_security = "signed"` requests must be
    signed by the caller's certificate, and answers are by `soap_partner`.
    """

    mode: Literal["simulated", "live"] = "simulated"
    certificates: dict[str, tuple[int, ...]] = Field(default_factory=dict)
    materials: dict[int, Material] = Field(
        default_factory=lambda: {179343: Material(), 179344: Material(delivery="voluntary")}
    )
    unlisted: Literal["enrolled", "not_found"] = "enrolled"

    profile: Literal["direct", "proxy"] = "direct"
    success_status: Literal[200, 201, 202, 204] = 200
    duplicate: Literal["409", "419", "idempotent-200"] = "409"
    error_body: Literal["xml", "json", "text"] = "xml"
    lookup_absent: Literal["answer", "404"] = "answer"
    forwarded_after_seconds: float = Field(default=0.0, ge=0)

    client_id: str = Field(default="01", pattern=r"^[A-Za-z0-9_-]{1,40}$")
    proxy_new_id: bool = False
    proxy_code_as_text: bool = False
    pending_polls: int = Field(default=1, ge=0)
    pending_seconds: float = Field(default=0.0, ge=0)

    soap_duplicate: Literal["fejl", "platform", "idempotent"] = "fejl"
    default_material: int | None = None
    service_agreement_uuid: _Uuid | None = None
    user_system_uuid: _Uuid | None = None
    user_uuid: _Uuid | None = None
    soap_security: Literal["context", "signed"] = "context"
    soap_partner: PartnerFiles | None = None
    max_enclosures: int = Field(default=10, ge=0)

    max_file_bytes: int = Field(default=10 * MEGABYTE, ge=1)
    max_message_bytes: int = Field(default=10 * MEGABYTE, ge=1)
    file_extensions: tuple[str, ...] = EXTENSIONS
    max_per_second: int | None = Field(default=None, ge=1)
    record_path: Path | None = None
    faults: tuple[FaultRule, ...] = ()

    @field_validator("certificates")
    @classmethod
    def _plain_fingerprints(cls, given: dict[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
        return {name.replace(":", "").lower(): systems for name, systems in given.items()}

    @model_validator(mode="after")
    def _partner_named(self) -> Self:
        if self.soap_security == "signed" and self.soap_partner is None:
            raise ValueError("soap_partner: required when soap_security is 'signed'")
        return self

    @property
    def max_body_bytes(self) -> int:
        """The longest body that can hold a message within the limit: base64 and some XML around it."""
        return self.max_message_bytes * 4 // 3 + 64 * 1024


@dataclass(frozen=True, slots=True)
class ServerTls:
    """The server's own certificate and key, and the authority whose client certificates it demands."""

    certificate: Path
    key: Path
    client_ca: Path
