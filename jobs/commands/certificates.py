"""The commands cert list and cert renew: how long certificates still hold, and swapping one without a stop.

Relies on `jobs.onboarding` for reading, judging and storing. Sends no letter.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs.commands.context import Context
from jobs.commands.onboarding import tell_check
from jobs.screen import EXIT_ERROR_LIST, EXIT_OK, EXIT_USAGE
from schemas.errors import ConfigurationError

if TYPE_CHECKING:
    from jobs.onboarding.certificate_store import CertificateStore
    from jobs.onboarding.certificates import Identity
    from jobs.onboarding.checks import Check
    from schemas.eboks_settings import EboksSettings
    from schemas.settings import Settings


@dataclass(frozen=True, slots=True)
class Found:
    """A channel's certificate; `code` when it can't be used."""

    channel: str
    subject: str = ""
    issuer: str = ""
    until: datetime | None = None
    days: int | None = None
    warning: int | None = None
    sha256: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class Replacement:
    """Where a new certificate comes from."""

    p12: Path | None = None
    pem: Path | None = None
    key: Path | None = None
    roots: Path | None = None
    password_file: Path | None = None
    contact: bool = True


def list_certificates(context: Context) -> int:
    """Shows each channel's certificate with its days left."""
    from jobs.house import utc_now

    screen = context.screen
    found = list(_look_at_all(context.settings(), utc_now()))
    columns = [
        screen.text(f"cert_column_{name}") for name in ("channel", "days", "until", "subject", "issuer")
    ]
    rows = [
        [one.channel, _days(one), screen.moment(one.until), one.subject or screen.why(one.code), one.issuer]
        for one in found
    ]
    screen.table("", columns, rows)
    if not found:
        screen.say("cert_none")
    for one in found:
        if one.warning is not None and not one.code:
            screen.say("cert_warning", channel=one.channel, days=one.days)
    told = [
        {
            "channel": one.channel,
            "subject": one.subject,
            "issuer": one.issuer,
            "until": one.until.isoformat() if one.until else None,
            "days": one.days,
            "warning": one.warning,
            "sha256": one.sha256,
            "code": one.code,
        }
        for one in found
    ]
    return screen.finish({"certificates": told}, EXIT_USAGE if any(one.code for one in found) else EXIT_OK)


def _days(one: Found) -> str:
    mark = " ✗" if one.code else " !" if one.warning is not None else ""
    return f"{'–' if one.days is None else one.days}{mark}"


def _look_at_all(settings: Settings, now: datetime) -> Iterator[Found]:
    for name, channel in settings.channels.items():
        certificate = getattr(channel, "certificate", None)
        if certificate is not None:
            yield _look_at(name, certificate, now)


def _look_at(channel: str, path: Path, now: datetime) -> Found:
    from eboks.tls import days_left
    from jobs.onboarding.certificate_checks import warning_level
    from jobs.onboarding.certificates import facts_of, read_certificates, read_file

    try:
        facts = facts_of(read_certificates(read_file(path))[0])
    except ConfigurationError:
        return Found(channel, code="tls.certificate_unreadable")
    days, code = (facts.until_at - now).days, ""
    try:
        days_left(path, now)
    except ConfigurationError as error:
        code = error.code
    warning = None if code else warning_level(days)
    return Found(channel, facts.subject, facts.issuer, facts.until_at, days, warning, facts.sha256, code)


def renew(context: Context, channel: str, new: Replacement) -> int:
    """Swaps a channel's certificate in one moment; a new one with anything wrong changes nothing."""
    from jobs.house import utc_now
    from jobs.onboarding.certificate_step import judge, read_roots
    from jobs.onboarding.checks import faults

    settings = context.settings()
    here = _eboks_channel(settings, channel)
    store, stable = _store(settings, channel, here)
    identity = _read(context, new, store)
    checks = judge(identity, read_roots(new.roots), _cvr(here, settings, channel), utc_now())
    if not faults(checks) and new.contact:
        checks += _try_out(settings, channel, here, identity)
    for check in checks:
        tell_check(context, check)
    if faults(checks):
        fault = ConfigurationError("own_certificate.not_swapped")
        data = {"channel": channel, "swapped": False, "checks": [check.as_json() for check in checks]}
        context.screen.line("\n" + context.screen.why(fault.code))
        return context.screen.finish(data, EXIT_ERROR_LIST)
    store.install(identity)
    moved = [] if stable else _point_to(context, settings, channel, here, store)
    shared = _sharing(settings, here) if stable else moved
    context.screen.say("cert_renewed" if stable else "cert_renewed_restart", channels=", ".join(shared))
    data = {
        "channel": channel,
        "swapped": True,
        "channels": shared,
        "restart": not stable,
        "checks": [check.as_json() for check in checks],
    }
    return context.screen.finish(data, EXIT_OK)


def _eboks_channel(settings: Settings, channel: str) -> EboksSettings:
    from jobs.onboarding.kinds import wants_certificate

    if channel not in settings.channels:
        raise ConfigurationError("settings.no_channel", channel=channel)
    found = settings.mailboxes.get(channel)
    if found is None or not wants_certificate(found.kind):
        raise ConfigurationError("onboarding.no_certificate_here", channel=channel)
    return found


def _store(settings: Settings, channel: str, here: EboksSettings) -> tuple[CertificateStore, bool]:
    """Returns the channel's store, and whether the settings already point into it."""
    from jobs.onboarding.certificate_store import CertificateStore

    found = CertificateStore.holding(here.certificate, here.key)
    if found is not None:
        return found, True
    return CertificateStore(settings.house.data / "certificates" / channel), False


def _read(context: Context, new: Replacement, store: CertificateStore) -> Identity:
    """Returns the new pair; a PEM file without a key is for the key of the last request."""
    from jobs.onboarding.certificate_request import read_request_key
    from jobs.onboarding.certificates import (
        holds_key,
        join,
        read_certificates,
        read_file,
        read_key,
        read_pkcs12,
    )

    password = _password(context, new)
    if new.p12 is not None:
        return read_pkcs12(read_file(new.p12), password)
    if new.pem is None:
        raise ConfigurationError("own_certificate.none_yet")
    data = read_file(new.pem)
    if new.key is not None:
        return join(read_certificates(data), read_key(read_file(new.key), password))
    key = read_key(data, password) if holds_key(data) else read_request_key(store.requests, password)
    return join(read_certificates(data), key)


def _password(context: Context, new: Replacement) -> str:
    """Returns the password of the file that was named, else of the person, when PKCS#12 needs one."""
    if new.password_file is None:
        on_terminal = sys.stdin.isatty() and context.screen.out.isatty() and context.screen.talks
        if new.p12 is None or not on_terminal:
            return ""
        from jobs.onboarding.dialogue import Dialogue

        return Dialogue(context.screen).secret("ask_password")
    try:
        return new.password_file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError("own_certificate.no_password") from None


def _cvr(here: EboksSettings, settings: Settings, channel: str) -> str:
    """Returns the CVR number of the certificate in use; empty when there is none to compare with."""
    from jobs.onboarding.certificates import cvr_of, read_certificates, read_file

    try:
        return cvr_of(read_certificates(read_file(here.certificate))[0])
    except ConfigurationError:
        return ""


def _try_out(settings: Settings, channel: str, here: EboksSettings, identity: Identity) -> list[Check]:
    """Shows the new certificate at the other side before the old one is given up."""
    import tempfile

    from jobs.house import utc_now
    from jobs.onboarding.certificate_store import CertificateStore
    from jobs.onboarding.connection import Way, try_connection

    with tempfile.TemporaryDirectory(prefix="brevdue-cert-") as folder:
        trial = CertificateStore(Path(folder) / "trial")
        trial.install(identity)
        simulated = settings.house.mode == "simulated"
        way = Way(channel, here.url, trial.certificate, trial.key, here.ca, simulated)
        return try_connection(way, utc_now)


def _sharing(settings: Settings, here: EboksSettings) -> list[str]:
    """Returns the channels that show the same certificate."""
    return [
        name
        for name, channel in settings.channels.items()
        if getattr(channel, "certificate", None) == here.certificate
    ]


def _point_to(
    context: Context, settings: Settings, channel: str, here: EboksSettings, store: CertificateStore
) -> list[str]:
    """Lets the settings point to the store, for this channel and those that shared its old files."""
    from jobs.onboarding.settings_tables import path_in_settings
    from jobs.onboarding.settings_writing import draft, write_draft

    base = context.settings_path.absolute().parent
    names = _sharing(settings, here)
    paths: dict[str, Any] = {
        "certificate": path_in_settings(store.certificate, base),
        "key": path_in_settings(store.key, base),
    }
    tables = {"channels": dict.fromkeys(names, paths)}
    first = draft(context.settings_path, tables)
    write_draft(context.settings_path, draft(context.settings_path, tables, frozenset(first.differing)))
    return names
