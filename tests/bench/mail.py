"""Measures secure mail: signing and encrypting a PDF of 100 KB, against `openssl` called twice and against
bare RSA.

Relies on `rounds` for interleaving. The time on the wall counts here, because the programs are other
processes. Theirs begins with a payload that lies ready in a file; ours begins with the mail's parts.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random
from statistics import median

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from routing.mime.assembly import protected_payload
from routing.mime.mail import Mail
from routing.smime.sealing import DEFAULT_PROFILE, Profile, seal, settle_memory
from tests.bench.rounds import Cost, interleave, nothing, say
from tests.rigs.mail_letters import letter
from tests.rigs.mail_people import MailPeople, Person, make_people

PDF_BYTES = 100 * 1024
OURS_SLICE = 60
RAW_SLICE = 200
PROGRAM_SLICE = 3


def mail_ratios(n_rounds: int) -> None:
    """Measures and prints."""
    people = make_people()
    settle_memory()
    with tempfile.TemporaryDirectory(prefix="brevdue-bench-") as folder:
        bare, ours = _Bare(people.sender), _Ours(people, DEFAULT_PROFILE)
        sides = {
            "bare": (bare.run, RAW_SLICE, nothing),
            "ours": (ours.run, OURS_SLICE, nothing),
            "ours again": (ours.run, OURS_SLICE, nothing),
            "opaque": (_Ours(people, Profile(form="opaque")).run, OURS_SLICE, nothing),
            "ecdsa": (_Ours(people, DEFAULT_PROFILE, people.sender_ec).run, OURS_SLICE, nothing),
            "programs": (_Programs(people, Path(folder)).run, PROGRAM_SLICE, nothing),
        }
        interleave(sides, 1)
        costs = interleave(sides, n_rounds)
    print(f"\nsecure mail with a PDF of 100 KB, {n_rounds} interleaved rounds")
    print(say("ours against itself (noise band)", costs["ours again"], costs["ours"]))
    print(say("bare RSA-2048 signing against ours, at least 0.25", costs["bare"], costs["ours"]))
    print(say("the same with an opaque signature inside", costs["bare"], costs["opaque"]))
    print(say("the same, signed with ECDSA P-256", costs["bare"], costs["ecdsa"]))
    print(_on_the_wall("openssl called twice against ours, at least 8", costs["programs"], costs["ours"]))


class _Ours:
    """Our side: a mail's parts in, a message ready to send out."""

    def __init__(self, people: MailPeople, profile: Profile, sender: Person | None = None) -> None:
        self._people, self._profile = people, profile
        self._sender = sender or people.sender
        self._letters = _letters(11)

    def run(self, n_items: int) -> int:
        for _ in range(n_items):
            mail = next(self._letters)
            message = seal(mail, self._sender.identity, [self._people.bob.recipient], self._profile).message
            assert len(message) > PDF_BYTES, "a message without its document measures nothing"
        return n_items


class _Bare:
    """The machine's own limit: RSA-2048 signatures and nothing else."""

    def __init__(self, person: Person) -> None:
        assert isinstance(person.identity.key, rsa.RSAPrivateKey)
        self._key = person.identity.key

    def run(self, n_items: int) -> int:
        for number in range(n_items):
            self._key.sign(number.to_bytes(32, "big"), padding.PKCS1v15(), hashes.SHA256())
        return n_items


class _Programs:
    """`openssl cms -sign`, then `openssl cms -encrypt`."""

    def __init__(self, people: MailPeople, folder: Path) -> None:
        self._plain, self._signed, self._sealed = (folder / name for name in ("plain", "signed", "sealed"))
        mail = next(_letters(12))
        self._plain.write_bytes(b"".join(protected_payload(mail, mail.heading)))
        self._signer, self._key = people.sender.files(folder)
        self._recipient, _ = people.bob.files(folder)

    def run(self, n_items: int) -> int:
        sign = ("-sign", "-binary", "-md", "sha256", "-signer", self._signer, "-inkey", self._key)
        encrypt = ("-encrypt", "-binary", "-aes256", "-recip", self._recipient)
        for _ in range(n_items):
            _openssl(*sign, "-in", str(self._plain), "-out", str(self._signed))
            _openssl(*encrypt, "-in", str(self._signed), "-out", str(self._sealed))
        return n_items


def _openssl(*words: str) -> None:
    subprocess.run(["openssl", "cms", *words], check=True, capture_output=True)


def _letters(seed: int) -> Iterator[Mail]:
    """Yields mails with distinct documents, made beforehand and used in turn."""
    random = Random(seed)
    pdfs = [b"%PDF-1.7\n" + random.randbytes(PDF_BYTES - 9) for _ in range(20)]
    number = 0
    while True:
        number += 1
        yield letter(pdf=pdfs[number % len(pdfs)], number=number)


def _on_the_wall(title: str, over: list[Cost], under: list[Cost]) -> str:
    each = sorted(a.wall / b.wall for a, b in zip(over, under, strict=True))
    wall_over, wall_under = median(c.wall for c in over), median(c.wall for c in under)
    spread = f"{each[0]:.2f} to {each[-1]:.2f}; {wall_over:,.0f} against {wall_under:,.0f} µs"
    return f"{title:<58} {median(each):6.2f}  ({spread})"
