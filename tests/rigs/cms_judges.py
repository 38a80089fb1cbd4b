"""The independent judges of secure mail: the programs `openssl` and `gpgsm`, each in a folder of its own.

Relies on both being installed (see `components`). They get files and give bytes; what they say on the way
is kept for the failure's message. A judge that fails raises `JudgeSays`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from tests.rigs.components import require_component
from tests.rigs.mail_people import LETTER_AT, PASSWORD, Authority, MailPeople, Person

OAEP = ("-keyopt", "rsa_padding_mode:oaep", "-keyopt", "rsa_oaep_md:sha256", "-keyopt", "rsa_mgf1_md:sha256")
ECDH = ("-keyopt", "ecdh_kdf_md:sha256", "-aes256-wrap")


class JudgeSays(Exception):
    """A judge ended with an error; its words are the message."""


@dataclass(frozen=True)
class Openssl:
    """`openssl cms` in a folder."""

    folder: Path

    def run(self, *words: str, data: bytes = b"") -> bytes:
        """Runs `openssl cms`; the input is a file named by `-in`, the output is what it prints."""
        source = self.folder / "input"
        source.write_bytes(data)
        return _run("openssl", "cms", *words, "-in", str(source))

    def decrypt(self, message: bytes, person: Person, form: str = "SMIME") -> bytes:
        certificate, key = person.files(self.folder)
        return self.run("-decrypt", "-inform", form, "-recip", certificate, "-inkey", key, data=message)

    def verify(self, signed: bytes, root: Authority, *more: str, form: str = "SMIME") -> bytes:
        """Returns the signed content; the certificate is judged at the time of the letters."""
        at = str(int(LETTER_AT.timestamp()))
        trusted = self.file("root.pem", root.certificate.public_bytes(Encoding.PEM))
        words = ("-verify", "-inform", form, "-CAfile", trusted, "-attime", at)
        return self.run(*words, *more, data=signed)

    def sign(self, data: bytes, person: Person, *more: str) -> bytes:
        certificate, key = person.files(self.folder)
        words = ("-sign", "-binary", "-signer", certificate, "-inkey", key, "-md", "sha256")
        return self.run(*words, *more, data=data)

    def encrypt(self, data: bytes, person: Person, *more: str, cipher: str = "-aes256") -> bytes:
        certificate, _ = person.files(self.folder)
        return self.run("-encrypt", "-binary", cipher, "-recip", certificate, *more, data=data)

    def file(self, name: str, content: bytes) -> str:
        path = self.folder / name
        path.write_bytes(content)
        return str(path)


@dataclass(frozen=True)
class Gpgsm:
    """`gpgsm` with a home of its own."""

    home: Path

    def run(self, *words: str, data: bytes = b"") -> bytes:
        (self.home / "input").write_bytes(data)
        ours = (
            "--homedir",
            str(self.home),
            "--batch",
            "--yes",
            "--faked-system-time",
            f"{LETTER_AT:%Y%m%dT%H%M%S}",
        )
        secret = ("--pinentry-mode", "loopback", "--passphrase-fd", "0", "--disable-crl-checks")
        return _run("gpgsm", *ours, *secret, *words, stdin=f"{PASSWORD}\n".encode())

    def decrypt(self, content: bytes) -> bytes:
        (self.home / "sealed").write_bytes(content)
        return self.run("--decrypt", str(self.home / "sealed"))

    def verify(self, signed: bytes, payload: bytes | None = None) -> bytes:
        """Returns the content of an opaque signature; a detached one gets its payload."""
        (self.home / "signed").write_bytes(signed)
        if payload is None:
            return self.run("--output", "-", "--verify", str(self.home / "signed"))
        (self.home / "payload").write_bytes(payload)
        return self.run("--verify", str(self.home / "signed"), str(self.home / "payload"))

    def sign(self, data: bytes, person: Person, *more: str) -> bytes:
        (self.home / "plain").write_bytes(data)
        return self.run(*more, "--local-user", f"<{person.address}>", "--sign", str(self.home / "plain"))

    def encrypt(self, data: bytes, *people: Person) -> bytes:
        (self.home / "plain").write_bytes(data)
        to = [word for person in people for word in ("--recipient", f"<{person.address}>")]
        return self.run(*to, "--encrypt", str(self.home / "plain"))

    def learn(self, *people: Person, authority: Authority) -> None:
        """Imports keys and certificates and trusts the authority."""
        der = authority.certificate.public_bytes(Encoding.DER)
        print_sha1 = authority.certificate.fingerprint(hashes.SHA1()).hex().upper()
        (self.home / "trustlist.txt").write_text(f"{print_sha1} S relax\n")
        (self.home / "root.der").write_bytes(der)
        self.run("--import", str(self.home / "root.der"))
        for person in people:
            self._take_in(person)

    def _take_in(self, person: Person) -> None:
        """Imports a person; 2.2.40 stumbles over one file in thirty, and takes the next one of the same key
        (the file's salt is drawn anew)."""
        for last_try in (False, False, False, False, True):
            (self.home / "person.p12").write_bytes(person.p12())
            try:
                self.run("--import", str(self.home / "person.p12"))
            except JudgeSays:
                if last_try:
                    raise
            else:
                return


@pytest.fixture
def openssl(tmp_path: Path) -> Openssl:
    require_component("The program openssl", bool(shutil.which("openssl")), "apt-get install openssl")
    return Openssl(tmp_path)


@pytest.fixture(scope="session")
def gpgsm(people: MailPeople) -> Iterator[Gpgsm]:
    """A gpgsm that knows the senders and the RSA recipients; importing an EC key ends version 2.2.40."""
    require_component("The program gpgsm", bool(shutil.which("gpgsm")), "apt-get install gpgsm")
    # Not under pytest's folder: the agent's socket may not have a long path.
    with tempfile.TemporaryDirectory(prefix="gpgsm-") as folder:
        home = Path(folder)
        home.chmod(0o700)
        (home / "gpg-agent.conf").write_text("allow-loopback-pinentry\n")
        judge = Gpgsm(home)
        try:
            judge.learn(people.sender, people.bob, people.carol, authority=people.root)
            yield judge
        finally:
            subprocess.run(["gpgconf", "--homedir", folder, "--kill", "gpg-agent"], check=False, timeout=60)


def _run(program: str, *words: str, stdin: bytes = b"") -> bytes:
    done = subprocess.run(
        [program, *words],
        input=stdin,
        capture_output=True,
        timeout=60,
        check=False,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C", "OPENSSL_CONF": "/dev/null"},
    )
    if done.returncode:
        raise JudgeSays(f"{program} {done.returncode}: {done.stderr.decode(errors='replace')}")
    return done.stdout
