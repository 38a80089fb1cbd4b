"""The tables of the portal: the channel `kind = "portal"`, its brands and rates, and a material's own rules.

Relies on pydantic. Says what may stand in the file and what the defaults are; keys, files and addresses are
looked at by `routing.portal`. Sources: facts/secure-mail 5, facts/trust (portal lines).
"""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from schemas.mail_settings import Address, TlsLevel
from schemas.policy import DataClass
from schemas.portal_proof_settings import PortalMitId, PortalSms
from schemas.section import ChannelSettings, Name, Section
from schemas.setting_faults import fault, unfit

IdentityName = Literal["mitid", "sms", "shared_secret", "mail_code"]
PROVE_A_COMPANY: frozenset[str] = frozenset({"mitid", "shared_secret"})
"""The company's CVR number, or what it was told: a telephone or a mailbox is somebody's in a company."""
Colour = Annotated[str, StringConstraints(pattern=r"^#[0-9A-Fa-f]{6}$")]
Rate = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,6}/([0-9]{1,3} ?)?(second|minute|hour|day)$")]

MIN_CONTRAST = 4.5
"""What WCAG 2.2 AA (1.4.3) demands of text; the brand's colour carries white text."""


class PortalBrand(Section):
    """`[channels.<name>.brands.<source>]`: how a source looks on the pages; `default` serves all others.

    `contact` is how a recipient checks by another way that the notice is real: a telephone number or so.
    """

    name: str = Field(min_length=1, max_length=64)
    colour: Colour = "#1d4f6e"
    logo: Path | None = None
    contact: str = Field(default="", max_length=120)

    @model_validator(mode="after")
    def _readable(self) -> Self:
        if contrast_with_white(self.colour) < MIN_CONTRAST:
            raise unfit(fault("colour", "contrast", least=MIN_CONTRAST))
        if self.logo is not None and self.logo.suffix.lower() not in (".png", ".jpg", ".jpeg"):
            raise unfit(fault("logo", "png_or_jpeg"))
        return self


class PortalRates(Section):
    """`[channels.<name>.rates]`: how much is answered, in the words of the library `limits`.

    They stand in the order in which they are counted: a link or an address before all of them together.
    `misses` counts links that lead nowhere, per address; `everything_missed` the same for all addresses
    together. An address may be a whole company behind one gateway, hence the width.
    """

    pages_per_address: Rate = "600/minute"
    pages_per_link: Rate = "120/minute"
    misses: Rate = "60/minute"
    everything_missed: Rate = "3000/minute"
    codes_per_link: Rate = "5/hour"
    codes_per_address: Rate = "60/hour"
    codes_in_all: Rate = "6000/hour"
    tries_per_address: Rate = "60/10 minute"
    replies_per_link: Rate = "10/hour"


class PortalServer(Section):
    """`[channels.<name>.server]`: where the pages are served; with `certificate` and `key` by TLS of its own.

    Without them a proxy ends TLS, and only the proxies named here are believed about the visitor's address.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=8443, ge=0, le=65_535)
    certificate: Path | None = None
    key: Path | None = None
    trusted_proxies: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _pair(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise unfit(fault("certificate, key", "both_or_none"))
        return self

    @field_validator("trusted_proxies")
    @classmethod
    def _addresses(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        """Refuses `*` and names: whoever is believed can be anybody, and counts as whom they like."""
        for one in proxies:
            try:
                network = ip_network(one)
            except ValueError:
                raise unfit(fault("", "proxy_addresses")) from None
            if network.prefixlen == 0:
                raise unfit(fault("", "proxy_everybody"))
        return proxies


class PortalChannel(ChannelSettings):
    """`[channels.<name>]` with `kind = "portal"`: a web page for recipients whom nothing else reaches.

    `url` is the address that stands in the notices. `key` is read by the portal and by the dispatching side,
    `link_key` by the dispatching side alone. `level` is what a recipient's mail servers must pass before a
    notice goes there. `reply_keys` are the sources' public keys (PEM, X25519).
    """

    kind: Literal["portal"]
    url: str = Field(pattern=r"^https://[A-Za-z0-9.-]+(:[0-9]{1,5})?$")
    database_url: str = ""
    key: Path = Path("data/portal/portal.key")
    former_keys: tuple[Path, ...] = ()
    link_key: Path = Path("data/portal/link.key")
    from_address: Address | None = None
    level: TlsLevel = "encrypt"
    identity: dict[DataClass, tuple[IdentityName, ...]] = Field(default_factory=dict)
    """What may open a class of data at all; a class that is left out is opened by what its material names."""
    expiry_days: int = Field(default=30, ge=1, le=730)
    reminder_days: int | None = Field(default=7, ge=1, le=365)
    expired_unread: Literal["return", "refuse"] = "return"
    evidence_days: int = Field(default=400, ge=1, le=3660)
    session_minutes: int = Field(default=20, ge=2, le=60)
    max_session_minutes: int = Field(default=120, ge=5, le=720)
    reply_keys: dict[Name, Path] = Field(default_factory=dict)
    reply_addresses: dict[Name, Address] = Field(default_factory=dict)
    """Who is told by mail that a reply has come, by source; the reply itself lies in the folder."""
    max_reply_files: int = Field(default=5, ge=0, le=5)
    max_reply_bytes: int = Field(default=20 * 1000 * 1000, ge=1000, le=50 * 1000 * 1000)
    reply_extensions: tuple[str, ...] = ("pdf", "png", "jpg", "txt", "docx", "xlsx", "odt", "ods")
    scanner: str = Field(default="", pattern=r"^$|^tcp://[A-Za-z0-9.\[\]:-]+:[0-9]{1,5}$|^unix:/.+$")
    scanner_seconds: float = Field(default=30.0, gt=0, le=300)
    brands: dict[Name, PortalBrand] = Field(default_factory=lambda: {"default": PortalBrand(name="Brevdue")})
    rates: PortalRates = PortalRates()
    server: PortalServer = PortalServer()
    mitid: PortalMitId | None = None
    sms: PortalSms | None = None

    @model_validator(mode="after")
    def _has_default_brand(self) -> Self:
        if "default" not in self.brands:
            raise unfit(fault("brands", "brand_default"))
        return self

    @model_validator(mode="after")
    def _mail_proves_little(self) -> Self:
        if any("mail_code" in names for one, names in self.identity.items() if one != "ordinary"):
            raise unfit(fault("identity", "mail_code_class"))
        return self

    def narrowed(self, material: MaterialPortal, data_class: DataClass) -> MaterialPortal:
        """Returns a material's part with the identity methods that its class of data may be opened by."""
        allowed = self.identity.get(data_class)
        if allowed is None:
            return material
        return material.model_copy(
            update={"identity": tuple(one for one in material.identity if one in allowed)}
        )

    def brand(self, source: str) -> PortalBrand:
        """Returns how a source looks."""
        return self.brands.get(source, self.brands["default"])

    def database(self, data: Path) -> str:
        """Returns the URL of the portal's own database; a file in the data folder unless one is named."""
        return self.database_url or f"sqlite:///{data / 'portal.db'}"


class MaterialPortal(Section):
    """`[materials.<name>.portal]`: how a recipient proves who they are, and whether they may answer.

    `secret_column` is the index's own column with something the sender told the recipient before. A code by
    mail proves a mailbox and not a person, so it is for materials of class `ordinary` alone.
    """

    identity: tuple[IdentityName, ...] = Field(default=("mitid", "sms"), min_length=1)
    secret_column: str = Field(default="", max_length=64)
    secret_hint_da: str = Field(default="", max_length=200)
    secret_hint_en: str = Field(default="", max_length=200)
    replies: bool = True
    expiry_days: int | None = Field(default=None, ge=1, le=730)

    @model_validator(mode="after")
    def _secret_has_column(self) -> Self:
        if "shared_secret" in self.identity and not self.secret_column:
            raise unfit(fault("secret_column", "required_with", other="identity = ['shared_secret']"))
        return self


def contrast_with_white(colour: str) -> float:
    """Returns the contrast ratio of `#rrggbb` with white (WCAG 2.2, relative luminance), from 1 to 21."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)
