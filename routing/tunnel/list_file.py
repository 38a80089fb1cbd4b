"""The tunnel list on disk: one CMS file that holds the list's text and the signature over it.

Relies on `routing.cms` for signature and structure, on `list_text` for what is inside. The signer must be one
of the certificates we are given, to the byte; no authority's word is asked. The highest version ever taken in
is kept beside it, so that an old list, however well signed, does not come back. One file, so that it is
replaced in one rename, and `openssl cms -verify` reads it too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import pybase64
from cryptography import x509

from routing.certificates.files import certificate_files, read_file
from routing.cms import names
from routing.cms.content import DEFAULT_LIMITS, form_faults, load_content
from routing.cms.keys import CertificateId, Identity
from routing.cms.signing import digest_of, sign
from routing.cms.verifying import Verified, verify
from routing.private_files import write_private
from routing.smime.own_keys import look_at
from routing.tunnel.entries import EMPTY, TunnelList
from routing.tunnel.list_text import read_list, write_list
from schemas.errors import BadInput, ConfigurationError

MAX_BYTES = 32 * 1024 * 1024
_PEM = re.compile(rb"-----BEGIN (?:CMS|PKCS7)-----(.+?)-----END", re.DOTALL)


class TunnelListFile:
    """The list of one channel, read again when its file has changed."""

    def __init__(self, path: Path, signers: Iterable[x509.Certificate]) -> None:
        """`signers` are the certificates whose signature counts."""
        self._path = path
        self._signers = frozenset(CertificateId(one).fingerprint for one in signers)
        self._look: object = None
        self._kept: TunnelList | None = None

    def current(self) -> TunnelList:
        """Returns the list in force.

        Raises ConfigurationError: `tunnel.list_missing`, `tunnel.list_unreadable`, `tunnel.list_unsigned`,
        `tunnel.list_signer`, `tunnel.list_form`, `tunnel.list_rolled_back`.
        """
        look = look_at(self._path), look_at(self._mark)
        if self._kept is None or look != self._look:
            self._kept, self._look = self._read(), look
        return self._kept

    def current_or_empty(self) -> TunnelList:
        """Returns the list in force, an empty one where none has been taken in yet; raises as `current`."""
        return self.current() if self._path.exists() or self.seen_version() else EMPTY

    def opened(self, content: bytes) -> TunnelList:
        """Returns the list in a signed file; BadInput with the codes of `current`."""
        verified = _verified(content)
        if not any(one.good and one.fingerprint in self._signers for one in verified.signatures):
            good = any(one.good for one in verified.signatures)
            raise BadInput("tunnel.list_signer" if good else "tunnel.list_unsigned")
        return read_list(verified.payload)

    def install(self, content: bytes) -> TunnelList:
        """Takes a signed file in, when its version is higher than any before; BadInput `tunnel.not_newer`
        with both versions, and as `opened`."""
        new = self.opened(content)
        seen = max(self.seen_version(), self.current_or_empty().version)
        if new.version <= seen:
            raise BadInput("tunnel.not_newer", version=new.version, seen=seen)
        try:
            # The list first: a mark without its list would close the channel.
            write_private(self._path, content)
            write_private(self._mark, f"{new.version}\n".encode())
        except OSError:
            raise ConfigurationError("tunnel.list_not_written") from None
        return new

    def seen_version(self) -> int:
        """Returns the highest version taken in; ConfigurationError `tunnel.list_unreadable` when that can't
        be read."""
        try:
            return int(self._mark.read_text(encoding="ascii"))
        except FileNotFoundError:
            return 0
        except (OSError, ValueError):
            raise ConfigurationError("tunnel.list_unreadable") from None

    @property
    def _mark(self) -> Path:
        return self._path.with_name(self._path.name + ".version")

    def _read(self) -> TunnelList:
        try:
            if self._path.stat().st_size > MAX_BYTES:
                raise ConfigurationError("tunnel.list_unreadable")
            found = self.opened(self._path.read_bytes())
        except FileNotFoundError:
            raise ConfigurationError("tunnel.list_missing") from None
        except OSError:
            raise ConfigurationError("tunnel.list_unreadable") from None
        except BadInput as error:
            raise ConfigurationError(error.code, **error.params) from None
        seen = self.seen_version()
        if found.version < seen:
            raise ConfigurationError("tunnel.list_rolled_back", version=found.version, seen=seen)
        return found


def list_signers(named: Path | None, ours: Path | None, former: Path | None) -> list[x509.Certificate]:
    """Returns whose signature on the list counts: the certificates of `list_certificate`, or else our own,
    present and former (a list stays good when our certificate is renewed).

    Raises ConfigurationError `tunnel.list_certificate_unreadable` with the file.
    """
    if named is not None:
        return _read_signers(named)
    found = _read_signers(ours)[:1] if ours is not None else []
    for path in certificate_files(former) if former is not None else ():
        found += _read_signers(path)[:1]
    return found


def _read_signers(path: Path) -> list[x509.Certificate]:
    try:
        return read_file(path)
    except BadInput:
        raise ConfigurationError("tunnel.list_certificate_unreadable", file=path.name) from None


def signed_list(made: TunnelList, signer: Identity, at: datetime) -> bytes:
    """Returns a list as a signed file of ours."""
    payload = [write_list(made)]
    return sign(payload, digest_of(payload), signer, at)


def is_signed_file(content: bytes) -> bool:
    """Says whether a file is CMS, in DER or PEM, and not a text."""
    return content[:1] == b"\x30" or _PEM.search(content) is not None


def _verified(content: bytes) -> Verified:
    if len(content) > MAX_BYTES:
        raise BadInput("tunnel.list_unreadable")
    pem = _PEM.search(content)
    try:
        der = pybase64.b64decode(b"".join(pem[1].split()), validate=True) if pem else content
        info = load_content(der, DEFAULT_LIMITS)
        with form_faults():
            kind, body = info["content_type"].dotted, info["content"]
        if kind != names.SIGNED_DATA:
            raise BadInput("tunnel.list_unsigned")
        return verify(body, None, DEFAULT_LIMITS)
    except (BadInput, ValueError):
        raise BadInput("tunnel.list_unsigned") from None
