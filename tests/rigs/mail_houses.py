"""Mail settings for tests: a sender with a certificate on disk, roots, an empty store, and the clock of the
letters."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding

from routing.certificates.finding import Finder, Places
from schemas.mail_settings import MailSettings
from tests.rigs.mail_people import LETTER_AT, Authority, MailPeople, Person, key_pem

FROM = "loen@afsender.example"


@dataclass(frozen=True)
class MailFolder:
    """A folder with what `[mail]` points to."""

    folder: Path

    @property
    def store(self) -> Path:
        return self.folder / "store"

    @property
    def certificate(self) -> Path:
        return self.folder / "ours.pem"

    @property
    def key(self) -> Path:
        return self.folder / "ours.key"

    def put(self, *people: Person, name: str = "") -> list[Path]:
        """Puts certificates into the store, each as a file of its own."""
        paths = []
        for person in people:
            path = self.store / f"{name or person.identity.id.fingerprint[:16]}.pem"
            path.write_bytes(person.certificate.public_bytes(Encoding.PEM))
            paths.append(path)
        return paths

    def be(self, person: Person) -> None:
        """Makes this person's certificate and key ours."""
        chain = (person.certificate, *person.identity.chain)
        self.certificate.write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in chain))
        self.key.write_bytes(key_pem(person.identity.key))
        self.key.chmod(0o600)

    def settings(self, **change: Any) -> MailSettings:
        given: dict[str, Any] = {
            "from_address": FROM,
            "from_name": "Lønkontoret",
            "certificate": self.certificate,
            "key": self.key,
            "roots": self.folder / "roots.pem",
            "certificates": self.store,
        }
        return MailSettings.model_validate(given | change)


def mail_folder(folder: Path, people: MailPeople, *roots: Authority) -> MailFolder:
    """Returns a folder in which the sender is ours and the people's root is trusted, with others."""
    made = MailFolder(folder)
    made.store.mkdir(parents=True)
    made.be(people.sender)
    trusted = (people.root, *roots)
    pem = b"".join(one.certificate.public_bytes(Encoding.PEM) for one in trusted)
    (folder / "roots.pem").write_bytes(pem)
    return made


def finder(settings: MailSettings, **change: Any) -> Finder:
    """Returns a finder on the clock of the letters."""
    return Finder(settings, Places(**({"now": lambda: LETTER_AT} | change)))
