"""The simulator of mail as a mail system sees it: its names, servers and faults, and what it writes down."""

from __future__ import annotations

import asyncio
import json
import smtplib
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from routing.mail.records import Answer, Kind
from routing.mail.resolver import Resolver
from routing.simulator.faults import FILE_NAME, Faults
from routing.simulator.received import MAILS, Received, read_record
from routing.simulator.server import Running, serve
from routing.simulator.settings import FaultRule, MailSimulatorSettings
from routing.simulator.sites import SITES
from schemas.errors import ConfigurationError
from tests.rigs.looping import BackgroundLoop
from tests.rigs.source import ROOT

MAIL = b"From: loen@afsender.example\r\nMessage-ID: <1@afsender.example>\r\nSubject: hej\r\n\r\nhej\r\n"
FIRMA, GAMMEL, PRIVAT = "127.0.10.3", "127.0.10.4", "127.0.10.5"


@dataclass(frozen=True)
class Simulated:
    """A simulator that runs, and its folder."""

    running: Running
    folder: Path

    def client(self, address: str = FIRMA) -> smtplib.SMTP:
        return smtplib.SMTP(address, self.running.smtp_port, "rig.example", timeout=60)

    def secured(self, address: str = FIRMA) -> smtplib.SMTP:
        client = self.client(address)
        context = ssl.create_default_context(cafile=str(self.folder / "server-roots.pem"))
        context.check_hostname = False  # smtplib asks for the address and not for the name
        client.starttls(context=context)
        client.ehlo()
        return client

    def records(self) -> list[dict[str, object]]:
        return read_record(self.folder)


@pytest.fixture
def certificates(tmp_path: Path, mail_certificates: Path) -> Path:
    return copytree(mail_certificates, tmp_path / "mail")


@pytest.fixture
def simulated(certificates: Path, mail_loop: BackgroundLoop) -> Iterator[Simulated]:
    running = mail_loop.run(serve(MailSimulatorSettings(folder=certificates)))
    yield Simulated(running, certificates)
    mail_loop.run(running.stop())


def ask(simulated: Simulated, name: str, kind: Kind) -> Answer[Any]:
    async def work() -> Answer[Any]:
        clock = lambda: datetime.now(UTC)  # noqa: E731
        resolver = Resolver([simulated.running.dns], validates=False, seconds=5, now=clock)
        answer = await resolver.ask(name, kind)
        await resolver.close()
        return answer

    return asyncio.run(work())


def test_its_names_are_those_of_the_sites_and_no_others(simulated: Simulated) -> None:
    for site in SITES:
        (mx,) = ask(simulated, site.domain, "MX").records
        assert mx.host == site.mx
        assert ask(simulated, site.mx, "A").records == (site.address,)
        assert "invented" in ask(simulated, site.domain, "TXT").records[0]
    unknown = ask(simulated, "e-boks.dk", "MX")
    assert (unknown.exists, unknown.records) == (False, ())


def test_it_says_what_it_is_in_its_banner_and_in_what_it_keeps(simulated: Simulated) -> None:
    client = smtplib.SMTP(timeout=60)
    code, banner = client.connect(FIRMA, simulated.running.smtp_port)
    assert code == 220 and b"simulator" in banner
    client.sendmail("loen@afsender.example", ["hans@firma.example"], MAIL)
    client.quit()
    (record,) = simulated.records()
    assert record["simulator"] is True
    kept = (simulated.folder / MAILS / str(record["file"])).read_bytes()
    assert kept == b"X-Brevdue-Simulator: 1\r\n" + MAIL


def test_it_takes_mail_in_the_clear_and_writes_down_that_it_did(simulated: Simulated) -> None:
    with simulated.client(GAMMEL) as client:
        client.ehlo()
        assert not client.has_extn("starttls")
        client.sendmail("loen@afsender.example", ["karen@gammel.example"], MAIL)
    with simulated.secured() as client:
        client.sendmail("loen@afsender.example", ["hans@firma.example"], MAIL)
    clear, secret = simulated.records()
    assert (clear["under_tls"], clear["tls_version"]) == (False, "")
    assert secret["under_tls"] and str(secret["tls_version"]).startswith("TLSv1.") and secret["cipher"]


def test_one_server_shows_another_ones_certificate(simulated: Simulated) -> None:
    shown = []
    for address in (FIRMA, PRIVAT):
        with simulated.secured(address) as client:
            assert isinstance(client.sock, ssl.SSLSocket)
            shown.append((client.sock.getpeercert() or {})["subjectAltName"])
    assert shown == [(("DNS", "mx.firma.example"),)] * 2
    assert not (simulated.folder / "keys" / "mx.privat.example.pem").exists()


def test_it_relays_nothing(simulated: Simulated) -> None:
    with simulated.secured() as client, pytest.raises(smtplib.SMTPRecipientsRefused) as caught:
        client.sendmail("loen@afsender.example", ["nogen@gmail.example"], MAIL)
    assert [code for code, _ in caught.value.recipients.values()] == [550]
    assert simulated.records() == []


def test_faults_can_be_asked_for_while_it_runs(simulated: Simulated) -> None:
    rules = [{"kind": "no_starttls", "count": 1}, {"kind": "status", "at": "dot", "status": 452, "count": 1}]
    (simulated.folder / FILE_NAME).write_text(json.dumps(rules), encoding="utf-8")
    with simulated.client() as client:
        client.ehlo()
        assert not client.has_extn("starttls")
    with simulated.secured() as client, pytest.raises(smtplib.SMTPDataError) as caught:
        client.sendmail("loen@afsender.example", ["hans@firma.example"], MAIL)
    assert caught.value.smtp_code == 452
    with simulated.secured() as client:
        client.sendmail("loen@afsender.example", ["hans@firma.example"], MAIL)
    assert len(simulated.records()) == 1


@pytest.mark.parametrize(("kind", "n_kept"), [("drop_before_dot", 0), ("drop_after_dot", 1)])
def test_it_hangs_up_before_a_mail_is_taken_or_after(simulated: Simulated, kind: str, n_kept: int) -> None:
    (simulated.folder / FILE_NAME).write_text(json.dumps([{"kind": kind}]), encoding="utf-8")
    client = simulated.secured()
    with pytest.raises(smtplib.SMTPServerDisconnected):
        client.sendmail("loen@afsender.example", ["hans@firma.example"], MAIL)
    client.close()
    assert len(simulated.records()) == n_kept


def test_a_rule_passes_some_chances_and_then_meets_as_many_as_it_says(tmp_path: Path) -> None:
    faults = Faults(tmp_path, [FaultRule(kind="status", domain="a.example", after=1, count=2)])
    met = [faults.due("status", "a.example", "rcpt") is not None for _ in range(5)]
    assert met == [False, True, True, False, False]
    assert faults.due("status", "b.example", "rcpt") is None
    (tmp_path / FILE_NAME).write_text("no rules", encoding="utf-8")
    assert faults.due("status", "a.example", "rcpt") is None
    assert faults.n_bad_files == 1


def test_what_it_can_not_open_is_kept_and_said(certificates: Path, simulated: Simulated) -> None:
    broken = MAIL.replace(b"Subject: hej", b"Content-Type: application/pkcs7-mime; smime-type=enveloped-data")
    with simulated.secured() as client:
        client.sendmail("loen@afsender.example", ["hans@firma.example"], broken)
    (record,) = simulated.records()
    assert record["unopened"] == "cms.form"
    assert record["documents"] == []


def test_it_listens_on_loopback_alone(certificates: Path) -> None:
    for address in ("0.0.0.0", "::", "192.0.2.1", "localhost.example"):
        with pytest.raises(ConfigurationError) as caught:
            asyncio.run(serve(MailSimulatorSettings(folder=certificates, dns_address=address)))
        assert caught.value.code == "simulator.not_loopback"
    assert all(site.address.startswith("127.") for site in SITES)


def test_without_certificates_it_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        asyncio.run(serve(MailSimulatorSettings(folder=tmp_path)))
    assert caught.value.code == "simulator.certificate_unreadable"


def test_a_port_in_use_is_told_and_nothing_stays_open(simulated: Simulated) -> None:
    taken = MailSimulatorSettings(folder=simulated.folder, smtp_port=simulated.running.smtp_port)
    with pytest.raises(ConfigurationError) as caught:
        asyncio.run(serve(taken))
    assert caught.value.code == "simulator.port_taken"


def test_a_line_half_written_is_not_read(tmp_path: Path) -> None:
    Received(tmp_path, []).close()
    (tmp_path / "received.jsonl").write_text('{"n": 1}\n{"n": 2', encoding="utf-8")
    assert read_record(tmp_path) == [{"n": 1}]


def test_keys_are_for_the_owner_alone(certificates: Path) -> None:
    keys = list(certificates.rglob("*.key"))
    assert len(keys) == 1 + 3 + 4 + 1
    assert {path.stat().st_mode & 0o777 for path in keys} == {0o600}
    assert [path.name for path in (certificates / "published").iterdir() if path.suffix != ".pem"] == []


def test_it_runs_as_a_process_of_its_own_and_ends_with_its_parent(certificates: Path) -> None:
    config = certificates / "config.json"
    config.write_text(MailSimulatorSettings(folder=certificates).model_dump_json(), encoding="utf-8")
    command = [sys.executable, "-m", "routing.simulator", "--config", str(config), "--until-stdin-closes"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        told = json.loads(process.stdout.readline())
        assert told["simulator"] is True and told["smtp_port"]
        process.stdin.close()
        assert process.wait(timeout=60) == 0
        assert process.stderr.read() == ""
