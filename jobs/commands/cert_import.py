"""The command cert import: puts other people's certificates into the local store.

Relies on `routing.certificates` for reading, keeping and judging. Nothing in the store is trusted for
standing there: each certificate is judged again whenever it is used.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.commands.context import Context
from jobs.screen import EXIT_ERROR_LIST, EXIT_OK, Screen
from schemas.errors import BadInput, ConfigurationError

if TYPE_CHECKING:
    from cryptography import x509

    from jobs.house import House
    from routing.certificates.sources import LocalStore
    from routing.certificates.verdicts import Verdict


@dataclass(frozen=True, slots=True)
class Taken:
    """One certificate of a file: new or not, whose domains it names, and the verdict where there is one."""

    file: str
    sha256: str
    domains: tuple[str, ...]
    new: bool
    verdict: Verdict | None

    @property
    def code(self) -> str:
        refusal = self.verdict.refusal if self.verdict is not None else None
        return refusal.code if refusal is not None else ""


def import_certificates(context: Context, files: Sequence[Path]) -> int:
    """Takes the certificates in; the exit code is 1 when a file holds none or one can't be used now."""
    screen = context.screen
    with context.house() as house:
        taken, unreadable = asyncio.run(_import(house, files))
    for one in taken:
        _tell(screen, one)
    for name in unreadable:
        screen.line(f" ✗ {name}: {screen.why('certificate.file_unreadable')}")
    n_new = sum(1 for one in taken if one.new)
    screen.say("cert_import_done", n_new=n_new, n_known=len(taken) - n_new)
    told = [
        {
            "file": one.file,
            "sha256": one.sha256,
            "domains": list(one.domains),
            "new": one.new,
            "days": one.verdict.days_left if one.verdict else None,
            "code": one.code,
        }
        for one in taken
    ]
    bad = bool(unreadable) or any(one.code for one in taken)
    data = {"certificates": told, "unreadable": unreadable}
    return screen.finish(data, EXIT_ERROR_LIST if bad else EXIT_OK)


async def _import(house: House, files: Sequence[Path]) -> tuple[list[Taken], list[str]]:
    from routing.certificates.files import read_file
    from routing.certificates.sources import LocalStore
    from routing.certificates.uses import is_authority

    mail = house.settings.mail
    if mail is None:
        raise ConfigurationError("mail.not_set_up")
    store = LocalStore(mail.certificates)
    taken: list[Taken] = []
    unreadable: list[str] = []
    try:
        for path in files:
            try:
                found = [one for one in read_file(path) if not is_authority(one)]
            except BadInput:
                found = []
            if not found:
                unreadable.append(path.name)
            taken += [await _take(house, store, path.name, one) for one in found]
    finally:
        await house.close_channels()
    return taken, unreadable


async def _take(house: House, store: LocalStore, name: str, certificate: x509.Certificate) -> Taken:
    from routing.cms.keys import CertificateId

    new = store.put(certificate)
    fingerprint = CertificateId(certificate).fingerprint
    return Taken(name, fingerprint, _domains(certificate), new, await _judged(house, certificate))


async def _judged(house: House, certificate: x509.Certificate) -> Verdict | None:
    """Returns the verdict for encrypting; None where no roots are set up yet."""
    try:
        return await house.mail_room.judge().judge(certificate, None)
    except ConfigurationError:
        return None


def _domains(certificate: x509.Certificate) -> tuple[str, ...]:
    """Returns the domains of the addresses it names; the addresses themselves are people's."""
    from routing.certificates.uses import addresses_in
    from routing.cms.damage import DAMAGED

    try:
        return tuple(sorted({one.domain for one in addresses_in(certificate)}))
    except DAMAGED:
        return ()


def _tell(screen: Screen, one: Taken) -> None:
    mark = "✗" if one.code else "✓"
    days = one.verdict.days_left if one.verdict is not None else "?"
    key = "cert_import_new" if one.new else "cert_import_known"
    domains = ", ".join(one.domains) or "–"
    screen.line(f" {mark} {screen.text(key, domains=domains, sha256=one.sha256[:16], days=days)}")
    if one.code and one.verdict is not None and one.verdict.refusal is not None:
        screen.line(f"   {screen.why(one.code, one.verdict.refusal.params)}")
