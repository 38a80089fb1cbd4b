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


class LdapServer(Section):
    """What every directory has. It is asked without a name or a password, and only reads.

    Without a port it is 636 for `ldaps` and 389 else. Each attribute is asked for with and without `;binary`:
    servers differ. With `tls = "off"` whoever is on the way sees which
    addresses are looked up; what comes back is judged all the same.
    """

    host: HostPort
    tls: Literal["ldaps", "starttls", "off"] = "ldaps"
    ca: Path | None = None
    base: str = ""
    attributes: tuple[str, ...] = ("userCertificate", "userSMIMECertificate")
    timeout_seconds: int = Field(default=5, ge=1, le=60)


class LdapDirectory(LdapServer):
    """`[mail.ldap.<name>]`: a directory of certificates; `{address}` in the filter is the recipient's.

    Only recipients of the `domains` are looked up there; left empty, everybody.
    """

    filter: str = Field(default="(mail={address})", pattern=r"^\(.*\{address\}.*\)$")
    domains: tuple[Domain, ...] = ()


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
    workers: int = Field(default=2, ge=1, le=64)
    dns: tuple[HostPort, ...] = ()
    dns_validates: bool = False
    dns_seconds: float = Field(default=5.0, gt=0, le=60)
    port: int = Field(default=25, ge=1, le=65_535)
    policy_port: int = Field(default=443, ge=1, le=65_535)
    server_roots: Path | None = None
    probe_seconds: float = Field(default=20.0, gt=0, le=120)
    verdict_minutes: float = Field(default=10.0, ge=0, le=120)
    per_domain: int = Field(default=2, ge=1, le=64)
    smarthost: Smarthost | None = None
    reports: Path | None = None
    """A maildir, or a mailbox file, where non-delivery reports arrive (`collect` reads them)."""
    report_hours: float = Field(default=48.0, gt=0, le=24 * 30)
    """With `reports`: after so long without one a mail that a server took counts as delivered."""


class MailChannelSettings(ChannelSettings):
    """What every mail channel has.

    `max_bytes` counts the documents before encoding, `max_mail_bytes` the whole mail as it is sent.
    """

    max_mail_bytes: int = Field(default=25 * 1024 * 1024, ge=100_000)
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


class TunnelPartner(Section):
    """`[channels.<name>.partners."domain"]`: how one partner wants its tunnel mail.

    `recipient` is the gateway's address outside, in To and in the envelope; None is the real recipient.
    `subject` stands outside; None is the material's neutral one.
    """

    wrap: Literal["rfc822", "bare"] = "rfc822"
    sign: Literal["opaque", "detached", "none"] = "opaque"
    cipher: Literal["aes256-cbc", "aes256-gcm"] = "aes256-cbc"
    padding: Literal["rsa-v15", "rsa-oaep"] = "rsa-v15"
    recipient: Address | None = None
    subject: str | None = Field(default=None, min_length=1, max_length=200)


class TunnelDirectory(LdapServer):
    """`[channels.<name>.directory]`: a directory of domains' certificates, for `brevdue tunnel import`.

    The values of `domain_attribute` are domains, or addresses whose domain counts.
    """

    filter: str = Field(default="(userCertificate=*)", pattern=r"^\(.*\)$")
    domain_attribute: str = Field(default="mail", pattern=r"^[A-Za-z][A-Za-z0-9-]*$")
    max_entries: int = Field(default=20_000, ge=1, le=1_000_000)


class TunnelChannel(MailChannelSettings):
    """`[channels.<name>]` with `kind = "tunnel"`: the whole mail, encrypted from domain to domain.

    `list` is the signed tunnel list, `list_certificate` whose signature counts; None is our own.
    """

    kind: Literal["tunnel"]
    list: Path = Path("data/tunnel/list.p7m")
    list_certificate: Path | None = None
    level: TlsLevel | None = None
    partners: dict[Domain, TunnelPartner] = Field(default_factory=dict)
    directory: TunnelDirectory | None = None


class TlsChannel(MailChannelSettings):
    """`[channels.<name>]` with `kind = "tls"`: an ordinary mail over forced, checked TLS.

    `level` is what every mail exchanger must pass: `encrypt` (TLS 1.2 or newer, any certificate), `verify`
    (certificate of the exchanger's name), `sts` (an enforced MTA-STS policy), `dane` (TLSA under DNSSEC).
    """

    kind: Literal["tls"]
    level: TlsLevel = "encrypt"


class MaterialMail(Section):
    """`[materials.<name>.mail]`: what a mail of this material says.

    `subject` stands outside, where everybody on the way reads it, so it names nothing of the recipient.
    `protected_subject` stands inside what is encrypted and signed, and may name the title as `{titel}`; only
    programs that know protected headers show it. The texts may name `{titel}`, `{navn}`, `{afsender}` and
    `{reference}`.
    """

    from_name: str | None = Field(default=None, max_length=64)
    reply_to: Address | None = None
    subject: str = Field(default="Sikker post", min_length=1, max_length=100, pattern=r"^[^{}]*$")
    protected_subject: str | None = Field(default=None, min_length=1, max_length=100)
    language: Literal["da", "en", "both"] = "both"
    text_da: Path | None = None
    text_en: Path | None = None
