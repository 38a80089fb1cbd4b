"""The command mail open: opens a reply or a tunnel mail that came to us, and says who signed it.

Relies on `routing.smime` and `routing.tunnel`. Shows nothing of the content unless it is asked to, writes
files for us alone, fetches nothing a mail names, and changes nothing of ours.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.commands.context import Context
from jobs.screen import EXIT_ERROR_LIST, EXIT_OK, Screen
from schemas.errors import BadInput, ConfigurationError

if TYPE_CHECKING:
    from jobs.house import House
    from routing.cms.keys import Identity
    from routing.smime.opened import Layer, Opened
    from routing.smime.trust import Signer

# Headers that may well say something else outside: a neutral subject, a gateway's address.
_EXPECTED_OUTSIDE = frozenset({"Subject", "To", "Cc"})


@dataclass(frozen=True, slots=True)
class Found:
    """A mail that was opened, and who signed it."""

    opened: Opened
    signers: tuple[Signer, ...]

    @property
    def alarming(self) -> tuple[str, ...]:
        """The headers whose difference nobody's gateway explains."""
        return tuple(name for name in self.opened.differing if name not in _EXPECTED_OUTSIDE)

    @property
    def good(self) -> bool:
        """Whether nothing speaks against relying on it."""
        trusted = bool(self.signers) and all(one.trusted for one in self.signers)
        return self.opened.intact and trusted and not self.alarming


def open_mail(context: Context, file: Path, out: Path | None, show: bool) -> int:
    """Opens one mail; the exit code is 1 when it should not be relied on."""
    from routing.smime.reading_out import parts_of, text_of, write_out

    with context.house() as house:
        raw = _read(file)
        found = asyncio.run(_found(house, raw))
    parts = parts_of(found.opened)
    written = write_out(found.opened, parts, out) if out is not None else []
    _tell(context.screen, found)
    if show:
        _show(context.screen, found.opened, text_of(parts))
    for path in written:
        context.screen.say("mail_written", file=path)
    if not written and not show:
        context.screen.say("mail_not_shown", n_parts=len(parts))
    content = {"headers": dict(found.opened.headers), "text": text_of(parts)} if show else {}
    data = {**_data(found), "files": [str(path) for path in written], **content}
    return context.screen.finish(data, EXIT_OK if found.good else EXIT_ERROR_LIST)


def _read(file: Path) -> bytes:
    from routing.cms.content import DEFAULT_LIMITS

    try:
        if file.stat().st_size > DEFAULT_LIMITS.max_bytes:
            raise BadInput("cms.too_large", max_bytes=DEFAULT_LIMITS.max_bytes)
        return file.read_bytes()
    except OSError as error:
        raise ConfigurationError("mail.file_unreadable", why=error.strerror or "?") from None


async def _found(house: House, raw: bytes) -> Found:
    from routing.smime.opening import open_message
    from routing.tunnel.trust import judge_listed_signers

    try:
        opened = open_message(raw, _identities(house))
        lists = [house.mail_room.tunnel_list(name).current_or_empty() for name in _tunnels(house)]
        today = house.now().date()
        return Found(opened, await judge_listed_signers(opened, house.mail_room.judge(), lists, today))
    finally:
        await house.close_channels()


def _identities(house: House) -> list[Identity]:
    """Returns our keys, the present one first: what is encrypted to a former one must still open."""
    from routing.smime.own_keys import load_former, load_own

    mail = house.settings.mail
    if mail is None:
        raise ConfigurationError("mail.not_set_up")
    return [load_own(mail.certificate, mail.key), *load_former(mail.former_keys)]


def _tunnels(house: House) -> list[str]:
    return [name for name, channel in house.settings.channels.items() if channel.kind == "tunnel"]


def _tell(screen: Screen, found: Found) -> None:
    for layer in found.opened.layers:
        screen.line(f" · {_layer(screen, layer)}")
    if not found.opened.layers:
        screen.say("mail_plain")
    for signer in found.signers:
        mark = "✓" if signer.trusted else "✗"
        screen.line(f" {mark} {screen.text('mail_signer', who=_who(signer), sha256=_short(signer))}")
        if not signer.trusted:
            screen.line(f"   {screen.why(signer.code or 'certificate.untrusted', _params(signer))}")
    screen.say("mail_intact" if found.opened.intact else "mail_not_intact")
    if found.opened.differing:
        names = ", ".join(found.opened.differing)
        screen.say("mail_differs_badly" if found.alarming else "mail_differs", names=names)


def _layer(screen: Screen, layer: Layer) -> str:
    from routing.smime.opened import EncryptedLayer, SignedLayer

    if isinstance(layer, EncryptedLayer):
        about = {"cipher": layer.cipher, "transport": layer.transport.value}
        return screen.text("mail_encrypted", **about, sha256=layer.fingerprint[:16])
    if isinstance(layer, SignedLayer):
        return screen.text("mail_signed")
    return screen.text("mail_wrapped")


def _who(signer: Signer) -> str:
    certificate = signer.signature.certificate
    return certificate.subject.rfc4514_string() if certificate is not None else "?"


def _short(signer: Signer) -> str:
    return signer.signature.fingerprint[:16] or "?"


def _params(signer: Signer) -> dict[str, object]:
    refusal = signer.verdict.refusal if signer.verdict is not None else None
    return dict(refusal.params) if refusal is not None else {}


def _show(screen: Screen, opened: Opened, text: str) -> None:
    for name, value in opened.headers:
        if name in ("From", "To", "Subject", "Date"):
            screen.line(f"{name}: {''.join(sign for sign in value if sign.isprintable())}")
    screen.line()
    screen.line(text)


def _data(found: Found) -> dict[str, object]:
    opened = found.opened
    return {
        "good": found.good,
        "encrypted": opened.encrypted,
        "intact": opened.intact,
        "headers_protected": opened.headers_protected,
        "layers": [type(one).__name__.removesuffix("Layer").lower() for one in opened.layers],
        "differing": list(opened.differing),
        "signers": [
            {
                "subject": _who(one),
                "sha256": one.signature.fingerprint,
                "trusted": one.trusted,
                "code": one.code,
            }
            for one in found.signers
        ],
    }
