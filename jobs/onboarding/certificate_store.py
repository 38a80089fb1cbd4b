"""Keeps a sender's certificate and key where a running house finds them, and swaps both in one moment.

Each pair lies in a folder of its own that never changes; `current` is a link to one of them, and a swap is
one rename of that link. The settings name `current`, so they stay as they are for life, and who resolves the
link once (`eboks.tls.standing_pair`) never sees one pair's certificate with another's key.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from jobs.onboarding.certificate_request import key_pem
from jobs.onboarding.certificates import Identity, facts_of, join, read_certificates, read_file
from jobs.onboarding.private_files import make_private_folder, sync_folder, write_private
from schemas.errors import ConfigurationError

CURRENT, CERTIFICATE_FILE, KEY_FILE = "current", "certificate.pem", "key.pem"


class CertificateStore:
    """One sender's pairs, below `folder`; made when the first pair comes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def holding(cls, certificate: Path, key: Path) -> CertificateStore | None:
        """Returns the store that two paths of the settings lie in; None when they lie elsewhere."""
        link = certificate.parent
        fits = (certificate.name, key.name, link.name) == (CERTIFICATE_FILE, KEY_FILE, CURRENT)
        return cls(link.parent) if fits and key.parent == link else None

    @property
    def certificate(self) -> Path:
        """The path for the settings' `certificate`: ours first, then the authorities' that came along."""
        return self.folder / CURRENT / CERTIFICATE_FILE

    @property
    def key(self) -> Path:
        """The path for the settings' `key`."""
        return self.folder / CURRENT / KEY_FILE

    @property
    def requests(self) -> Path:
        """Where a key waits for its certificate."""
        return self.folder / "request"

    @property
    def filled(self) -> bool:
        """True when there is a pair in use."""
        return self.certificate.exists()

    def present(self) -> Identity | None:
        """Returns the certificate in use, without its key; None when there is none."""
        if not self.filled:
            return None
        return join(read_certificates(read_file(self.certificate)), None)

    def install(self, identity: Identity) -> None:
        """Puts a pair in use, in one moment, and drops pairs older than the one before.

        Raises ConfigurationError `tls.key_mismatch` or `onboarding.not_writable`; then nothing has changed.
        """
        if identity.key is None or not identity.matches:
            raise ConfigurationError("tls.key_mismatch")
        make_private_folder(self.folder)
        before = self._in_use()
        after = self._write(identity)
        self._turn(after)
        self._drop_all_but({after, before} - {None})
        shutil.rmtree(self.requests, ignore_errors=True)

    def _write(self, identity: Identity) -> str:
        assert identity.key is not None
        name = f"pair-{facts_of(identity.certificate).sha256[:16]}"
        made = self.folder / name
        if (made / KEY_FILE).exists():
            return name
        fresh = self.folder / f".{name}.new"
        shutil.rmtree(fresh, ignore_errors=True)
        make_private_folder(fresh)
        ours = (identity.certificate, *identity.chain)
        write_private(fresh / CERTIFICATE_FILE, b"".join(one.public_bytes(Encoding.PEM) for one in ours))
        write_private(fresh / KEY_FILE, key_pem(identity.key))
        try:
            fresh.rename(made)
        except OSError as error:
            raise ConfigurationError("onboarding.not_writable", file=name, why=error.strerror) from None
        return name

    def _turn(self, name: str) -> None:
        """Turns the link: the one moment of the swap."""
        link = self.folder / f".{CURRENT}.{os.getpid()}.new"
        try:
            link.unlink(missing_ok=True)
            link.symlink_to(name)
            link.replace(self.folder / CURRENT)
            sync_folder(self.folder)
        except OSError as error:
            link.unlink(missing_ok=True)
            raise ConfigurationError("onboarding.not_writable", file=CURRENT, why=error.strerror) from None

    def _in_use(self) -> str | None:
        link = self.folder / CURRENT
        return link.readlink().name if link.is_symlink() else None

    def _drop_all_but(self, kept: set[str | None]) -> None:
        for one in self.folder.glob("pair-*"):
            if one.name not in kept:
                shutil.rmtree(one, ignore_errors=True)
