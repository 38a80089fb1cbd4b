"""A directory that is down, hangs or answers nonsense: it is not known whether there is a certificate, and
nobody says there is none."""

from __future__ import annotations

import asyncio
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from routing.certificates.finding import Finder
from routing.certificates.remembering import SILENCE_SECONDS
from routing.certificates.sources import Choice
from routing.mime.addresses import parse_address
from schemas.errors import Transient
from schemas.mail_settings import LdapDirectory
from tests.rigs.mail_houses import MailFolder, finder, mail_folder
from tests.rigs.mail_people import LETTER_AT, MailPeople, Person, ec_key, issue
from tests.rigs.slapd import SUFFIX, Slapd
from tests.rigs.waiting import wait_for

BO, EVA = "bo@modtager.example", "eva@modtager.example"


@pytest.fixture
def folder(tmp_path: Path, people: MailPeople) -> MailFolder:
    return mail_folder(tmp_path / "mail", people)


def _ask(folder: MailFolder, settings: LdapDirectory, *addresses: str) -> list[Choice]:
    async def ask() -> list[Choice]:
        one: Finder = finder(folder.settings(ldap={"katalog": settings}))
        try:
            return [await one.find(parse_address(address)) for address in addresses]
        finally:
            one.close()

    return asyncio.run(ask())


def _der(person: Person) -> bytes:
    return person.certificate.public_bytes(Encoding.DER)


class _Peer:
    """Something that takes connections and says this to each, or nothing; `n_taken` counts them."""

    def __init__(self, port: int) -> None:
        self.n_taken = 0
        self.settings = LdapDirectory(host=f"127.0.0.1:{port}", tls="off", base=SUFFIX, timeout_seconds=1)


@contextmanager
def _listening(answer: bytes = b"") -> Iterator[_Peer]:
    over = threading.Event()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            peer.n_taken += 1
            self.request.sendall(answer)
            if not answer:
                over.wait(30)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        peer = _Peer(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield peer
        finally:
            over.set()
            server.shutdown()
            thread.join(60)


def test_a_directory_that_is_down_is_no_answer(slapd: Slapd, folder: MailFolder) -> None:
    settings = slapd.directory()
    slapd.stop()
    with pytest.raises(Transient) as caught:
        _ask(folder, settings, BO)
    assert (caught.value.code, caught.value.params) == (
        "certificate.directory_down",
        {"source": "katalog"},
    )
    slapd.start()
    assert _ask(folder, settings, BO)[0].refused == ()


def test_what_another_source_has_is_used_all_the_same(
    slapd: Slapd, folder: MailFolder, people: MailPeople
) -> None:
    folder.put(bo := issue(people.root, BO, ec_key()))
    settings = slapd.directory()
    slapd.stop()
    (choice,) = _ask(folder, settings, BO)
    assert choice.chosen.certificate == bo.certificate
    # What the store has and may not be used does not answer for the directory.
    folder.put(issue(people.root, EVA, ec_key(), days=5))
    with pytest.raises(Transient):
        _ask(folder, settings, EVA)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.0 400 Bad Request\r\n\r\n", b"\x30\x84\xff\xff\xff\xff"])
def test_one_that_hangs_or_talks_nonsense_is_left_after_its_time(folder: MailFolder, answer: bytes) -> None:
    with _listening(answer) as peer, pytest.raises(Transient) as caught:
        _ask(folder, peer.settings, BO)
    assert caught.value.code == "certificate.directory_down"


def test_not_everybody_waits_for_one_that_hangs(folder: MailFolder) -> None:
    async def ask(peer: _Peer) -> int:
        one = finder(folder.settings(ldap={"katalog": peer.settings}))
        n_silent = 0
        for number in range(200):
            try:
                await one.find(parse_address(f"p{number}@modtager.example"))
            except Transient:
                n_silent += 1
        one.close()
        return n_silent

    with _listening() as peer:
        assert asyncio.run(ask(peer)) == 200
        wait_for(lambda: peer.n_taken, "the connection")
        assert peer.n_taken == 1


def test_yes_and_no_are_kept_for_minutes_and_silence_for_seconds(
    slapd: Slapd, folder: MailFolder, people: MailPeople
) -> None:
    slapd.publish(BO, [_der(issue(people.root, BO, ec_key()))])
    clock = [LETTER_AT]

    async def work() -> None:
        settings = folder.settings(ldap={"katalog": slapd.directory()}, verdict_minutes=10)
        one = finder(settings, now=lambda: clock[0])
        bo, eva, ida = (parse_address(a) for a in (BO, EVA, "ida@modtager.example"))
        assert (await one.find(bo)).chosen is not None
        assert (await one.find(eva)).chosen is None
        slapd.stop()
        clock[0] += timedelta(minutes=9)
        assert (await one.find(bo)).chosen is not None
        assert (await one.find(eva)).chosen is None
        with pytest.raises(Transient):
            await one.find(ida)
        slapd.start()
        with pytest.raises(Transient):
            await one.find(ida)
        clock[0] += timedelta(seconds=SILENCE_SECONDS + 1)
        assert (await one.find(ida)).chosen is None
        slapd.clear()
        clock[0] += timedelta(minutes=2)
        assert (await one.find(bo)).chosen is None
        one.close()

    asyncio.run(work())
