"""The tables of secure mail: `[mail]`, the channels `smime`, `tunnel` and `tls`, and a material's mail texts.

Relies on pydantic. Says what may stand in the file and what the defaults are; addresses and files are looked
at by `routing`. Sources: facts/secure-mail 1.7, 2, 3.4 and 4.3.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from schemas.section import ChannelSettings, Name, Section

Domain = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9æøåÆØÅ.-]{1,253}$")]
Address = Annotated[str, StringConstraints(pattern=r"^[^\s@<>]{1,64}@[^\s@<>]{1,253}$")]
HostPort = Annotated[str, StringConstraints(pattern=r"^(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?$")]
TlsLevel = Literal["encrypt", "verify", "sts", "dane"]
WhenInDoubt = Literal["hold", "resend_once"]


class LdapDirectory(Section):
    """`[mail.ldap.<name>]`: a directory of certificates; `{address}` in the filter is the recipient's."""

    host: HostPort
    tls: bool = True
    ca: Path | None = None
    base: str = ""
    filter: str = "(mail={address})"
    attributes: tuple[str, ...] = ("userCertificate;binary", "userSMIMECertificate;binary")
    timeout_seconds: float = Field(default=5.0, gt=0, le=60)
    domains: tuple[Domain, ...] = ()
    """Only recipients of these domains are looked up here; empty: everybody."""


class Smarthost(Section):
    """`[mail.smarthost]`: a relay of ours; only with forced, verified TLS, and marked so in the evidence."""

    host: HostPort
    ca: Path | None = None


class MailSettings(Section):
    """`[mail]`: what all mail channels share: who we are, whom we trust, and how we look things up."""

    from_address: Address
    from_name: str = Field(default="", max_length=64)
    return_path: Address | None = None
    helo: Domain | None = None
    certificate: Path | None = None
    key: Path | None = None
    former_keys: Path | None = None
    roots: Path | None = None
    certificates: Path = Path("data/certificates")
    pins: dict[str, Path] = Field(default_factory=dict)
    ldap: dict[Name, LdapDirectory] = Field(default_factory=dict)
    smimea: bool = False
    revocation: Literal["required", "if_stated", "off_insecure"] = "if_stated"
    revocation_grace_hours: float = Field(default=48.0, ge=0, le=24 * 14)
    dns: tuple[HostPort, ...] = ()
    dns_validates: bool = False
    dns_seconds: float = Field(default=5.0, gt=0, le=60)
    port: int = Field(default=25, ge=1, le=65_535)
    policy_port: int = Field(default=443, ge=1, le=65_535)
    server_roots: Path | None = None
    verdict_minutes: float = Field(default=10.0, ge=0, le=120)
    per_domain: int = Field(default=2, ge=1, le=64)
    smarthost: Smarthost | None = None
    reports: Path | None = None
    """A maildir, or a mailbox file, where non-delivery reports arrive (`collect` reads them)."""


class MailChannelSettings(ChannelSettings):
    """What every mail channel has; `max_bytes` counts documents before encoding."""

    deadline_seconds: float = Field(default=120.0, gt=0, le=600)
    when_in_doubt: WhenInDoubt = "hold"


class SmimeChannel(MailChannelSettings):
    """`[channels.<name>]` with `kind = "smime"`: signed and encrypted to the recipient's own certificate.

    `modern` names addresses or domains known to read OAEP, ECDH and AES-256-GCM; everybody else gets the safe
    profile (RSA v1.5, AES-256-CBC). `level` is the least the connection must offer; None takes TLS where it
    is offered, since the content is encrypted already.
    """

    kind: Literal["smime"]
    modern: tuple[str, ...] = ()
    level: TlsLevel | None = None
    min_rsa_bits: int = Field(default=2048, ge=2048, le=16_384)


class TunnelPartner(Section):
    """`[channels.<name>.partners."domain"]`: how one partner wants its tunnel mail."""

    wrap: Literal["rfc822", "bare"] = "rfc822"
    sign: Literal["opaque", "detached", "none"] = "opaque"
    cipher: Literal["aes256-cbc", "aes256-gcm"] = "aes256-cbc"
    padding: Literal["rsa-v15", "rsa-oaep"] = "rsa-v15"
    recipient: Address | None = None
    """The gateway's address in the outer To; None: the real recipient."""
    subject: str | None = Field(default=None, max_length=200)


class TunnelChannel(MailChannelSettings):
    """`[channels.<name>]` with `kind = "tunnel"`: the whole mail, encrypted from domain to domain."""

    kind: Literal["tunnel"]
    list: Path = Path("data/tunnel/list.toml")
    list_certificate: Path | None = None
    level: TlsLevel | None = None
    partners: dict[Domain, TunnelPartner] = Field(default_factory=dict)


class TlsChannel(MailChannelSettings):
    """`[channels.<name>]` with `kind = "tls"`: an ordinary mail over forced, checked TLS.

    `level` is what every mail exchanger must pass: `encrypt` (TLS 1.2 or newer, any certificate), `verify`
    (certificate of the exchanger's name), `sts` (an enforced MTA-STS policy), `dane` (TLSA under DNSSEC).
    """

    kind: Literal["tls"]
    level: TlsLevel = "encrypt"


class MaterialMail(Section):
    """`[materials.<name>.mail]`: what a mail of this material says; the subject is neutral by default."""

    from_name: str | None = Field(default=None, max_length=64)
    reply_to: Address | None = None
    subject: str = Field(default="Sikker post", min_length=1, max_length=100)
    language: Literal["da", "en", "both"] = "both"
    text_da: Path | None = None
    text_en: Path | None = None
