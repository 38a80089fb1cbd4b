"""The commands about secure mail on a house of their own: importing certificates and tunnel lists, and
opening what came in."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from jobs.cli import run
from jobs.initiate import init_house
from jobs.ownership import only_one
from jobs.settings_file import read_settings
from routing.cms.enveloping import ContentCipher
from routing.smime.sealing import Profile, seal
from routing.tunnel.entries import TunnelList
from routing.tunnel.list_file import signed_list
from tests.rigs.cms_judges import Openssl
from tests.rigs.houses import Ran
from tests.rigs.mail_channels import entry_of
from tests.rigs.mail_houses import MailFolder, mail_folder
from tests.rigs.mail_letters import DANISH, PDF, SUBJECT, letter, mailbox, with_heading
from tests.rigs.mail_people import MailPeople, Person, ec_key, issue, key_pem
from tests.rigs.slapd import SUFFIX, Slapd

OURS = "loen@afsender.example"
BO = "bo@modtager.example"

SETTINGS = """
[house]
data = "data"

[mail]
from_address = "loen@afsender.example"
certificate = "mail/ours.pem"
key = "mail/ours.key"
former_keys = "mail/former"
roots = "mail/roots.pem"
certificates = "mail/store"
dns = ["127.0.0.1:53"]

[channels.tunnel]
kind = "tunnel"
list = "tunnel/list.p7m"
{tunnel}
"""


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


class MailHouse:
    """A house with the mail's tables, whose commands are run as a person would run them."""

    def __init__(self, folder: Path, people: MailPeople, tunnel: str = "") -> None:
        self.folder = folder
        self.people = people
        self.mail: MailFolder = mail_folder(folder / "mail", people)
        (folder / "mail" / "former").mkdir()
        self.us = self.person(OURS)
        self.mail.be(self.us)
        self.path = folder / "brevdue.toml"
        self.path.write_text(SETTINGS.format(tunnel=tunnel), encoding="utf-8")
        init_house(read_settings(self.path))

    def person(self, address: str, **more: Any) -> Person:
        """Returns somebody whose certificate holds now, by the machine's own clock."""
        return issue(self.people.root, address, **({"from_at": _now() - timedelta(days=30)} | more))

    def run(self, *words: str | Path) -> Ran:
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = run(["--settings", str(self.path), *map(str, words)])
        return Ran(code, out.getvalue(), err.getvalue())

    def data(self, *words: str | Path) -> dict[str, Any]:
        ran = self.run("--json", *words)
        found: dict[str, Any] = json.loads((ran.out or ran.err).splitlines()[-1])
        return found

    def file(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path


@pytest.fixture
def house(tmp_path: Path, people: MailPeople) -> MailHouse:
    return MailHouse(tmp_path, people)


def _pem(person: Person) -> bytes:
    return person.certificate.public_bytes(Encoding.PEM)


def test_certificates_go_into_the_store_once_and_are_judged(house: MailHouse) -> None:
    bo, dead = house.person(BO), house.person("eva@andet.example", days=10)
    both = pkcs7.serialize_certificates(
        [house.person("ib@tredje.example").certificate, house.people.root.certificate], Encoding.DER
    )
    files = [
        house.file("bo.pem", _pem(bo)),
        house.file("ib.p7b", both),
        house.file("eva.cer", dead.certificate.public_bytes(Encoding.DER)),
        house.file("ingen.pem", b"noise"),
    ]
    told = house.data("cert", "import", *files)
    assert told["exit_code"] == 1
    assert told["unreadable"] == ["ingen.pem"]
    assert [(one["domains"], one["new"], one["code"]) for one in told["certificates"]] == [
        (["modtager.example"], True, ""),
        (["tredje.example"], True, ""),
        (["andet.example"], True, "certificate.expired"),
    ]
    path = house.mail.store / f"{bo.identity.id.fingerprint}.pem"
    assert path.stat().st_mode & 0o777 == 0o600
    ran = house.run("cert", "import", files[0])
    assert ran.code == 0
    assert "0 nye certifikater i lageret; 1 lå der i forvejen." in ran.out
    assert BO not in ran.out


def _mail_to_us(house: MailHouse, sender: Person, whom: Person, profile: Profile | None = None) -> bytes:
    mail = with_heading(
        letter(), at=_now(), sender=mailbox(sender.address, "Svarer"), to=(mailbox(OURS),), reply_to=None
    )
    return seal(mail, sender.identity, [whom.recipient], profile or Profile()).message


def test_a_reply_is_opened_and_its_content_stays_hidden(house: MailHouse) -> None:
    bo = house.person(BO)
    ran = house.run("mail", "open", house.file("svar.eml", _mail_to_us(house, bo, house.us)))
    assert ran.code == 0, ran.err
    assert "Krypteret (aes256_cbc, rsa)" in ran.out
    assert bo.identity.id.fingerprint[:16] in ran.out
    for secret in (SUBJECT, "kollega", "Lønseddel november.pdf"):
        assert secret not in ran.out
    shown = house.run("mail", "open", "--show", house.folder / "svar.eml").out
    assert f"Subject: {SUBJECT}" in shown and "Kære kollega" in shown


def test_what_is_written_is_for_us_alone_and_never_over_something(house: MailHouse) -> None:
    file = house.file("svar.eml", _mail_to_us(house, house.person(BO), house.us))
    out = house.folder / "ud"
    told = house.data("mail", "open", file, "--out", out)
    assert [Path(one).name for one in told["files"]] == [
        "mail.eml",
        "01-tekst.txt",
        "02-L_nseddel november.pdf",
    ]
    assert (out / "02-L_nseddel november.pdf").read_bytes() == PDF
    assert DANISH.strip().replace("\n", "\r\n") in (out / "01-tekst.txt").read_bytes().decode()
    assert {path.stat().st_mode & 0o777 for path in out.iterdir()} == {0o600}
    assert out.stat().st_mode & 0o777 == 0o700
    assert house.data("mail", "open", file, "--out", out)["error"] == "mail.out_not_empty"


def test_a_former_key_still_opens(house: MailHouse) -> None:
    message = _mail_to_us(house, house.person(BO), house.us)
    former = house.folder / "mail" / "former"
    (former / "2023.pem").write_bytes(_pem(house.us) + key_pem(house.us.identity.key))
    (former / "2023.pem").chmod(0o600)
    house.mail.be(house.person(OURS, key=ec_key()))
    file = house.file("gammel.eml", message)
    assert house.run("mail", "open", file).code == 0
    (former / "2023.pem").chmod(0o644)
    assert house.data("mail", "open", file)["error"] == "certificate.key_open_to_others"
    (former / "2023.pem").unlink()
    assert house.data("mail", "open", file)["error"] == "cms.not_for_us"


def test_who_is_not_trusted_is_told_and_the_exit_code_says_so(house: MailHouse) -> None:
    stranger = house.people.stranger
    told = house.data("mail", "open", house.file("a.eml", _mail_to_us(house, stranger, house.us)))
    assert (told["good"], told["exit_code"], told["signers"][0]["code"]) == (
        False,
        1,
        "certificate.untrusted",
    )
    liar = house.person("en.anden@modtager.example")
    mail = with_heading(letter(), at=_now(), sender=mailbox(BO))
    told = house.data(
        "mail", "open", house.file("b.eml", seal(mail, liar.identity, [house.us.recipient]).message)
    )
    assert told["signers"][0]["code"] == "certificate.address_mismatch"
    unsigned = _mail_to_us(house, house.person(BO), house.us, Profile(form="none"))
    told = house.data("mail", "open", house.file("c.eml", unsigned))
    assert (told["good"], told["intact"], told["signers"]) == (False, False, [])


def test_a_sender_that_differs_outside_is_alarming_and_a_neutral_subject_is_not(house: MailHouse) -> None:
    message = _mail_to_us(house, house.person(BO), house.us)
    told = house.data("mail", "open", house.file("a.eml", message))
    assert (told["good"], told["differing"]) == (True, ["Subject"])
    forged = message.replace(BO.encode(), b"chef@modtager.example", 1)
    ran = house.run("mail", "open", house.file("b.eml", forged))
    assert ran.code == 1
    assert "spørg afsenderen ad en anden vej" in ran.out


@pytest.mark.parametrize("cipher", list(ContentCipher))
def test_a_tunnel_mail_is_trusted_by_the_list(house: MailHouse, cipher: ContentCipher) -> None:
    gateway = house.person("tunnel@gateway.example")
    mail = with_heading(letter(), at=_now(), sender=mailbox("hr@kommune.example"), to=(mailbox(OURS),))
    profile = Profile(form="opaque", cipher=cipher, wrap=True)
    file = house.file("tunnel.eml", seal(mail, gateway.identity, [house.us.recipient], profile).message)
    told = house.data("mail", "open", file)
    assert (told["good"], told["signers"][0]["code"]) == (False, "certificate.address_mismatch")
    made = TunnelList(1, (entry_of("kommune.example", gateway), entry_of("afsender.example", house.us)))
    signed = house.file("liste.p7m", signed_list(made, house.us.identity, _now()))
    assert house.run("tunnel", "import", signed).code == 0
    told = house.data("mail", "open", file)
    assert (told["good"], told["layers"]) == (True, ["encrypted", "signed", "wrapped"])
    assert house.run("mail", "open", file, "--out", house.folder / "ud").code == 0
    # Another domain's word does not count for this one.
    other = with_heading(letter(), at=_now(), sender=mailbox("hr@region.example"), to=(mailbox(OURS),))
    file = house.file("b.eml", seal(other, gateway.identity, [house.us.recipient], profile).message)
    assert house.data("mail", "open", file)["good"] is False


def test_what_openssl_made_is_opened(house: MailHouse, openssl: Openssl) -> None:
    bo = house.person(BO)
    entity = b"Content-Type: text/plain; charset=iso-8859-1\r\n\r\nK\xe6re alle\x1b[2J\r\n"
    signed = openssl.sign(entity, bo, "-outform", "SMIME")
    sealed = openssl.encrypt(signed, house.us, "-stream", "-outform", "SMIME", "-from", BO, "-to", OURS)
    told = house.data("mail", "open", "--show", house.file("a.eml", sealed))
    assert (told["good"], told["text"]) == (True, "Kære alle[2J\n")


def test_pages_and_strange_names_do_no_harm(house: MailHouse, openssl: Openssl) -> None:
    bo = house.person(BO)
    parts = [
        ("text/html", "../../side.html", b"<img src='http://sporing.example/x'>"),
        ("application/pdf", "/etc/passwd", b"%PDF"),
        ("application/octet-stream", "..\\..\\vinduer.exe", b"MZ"),
        ("image/svg+xml", "\xe6.svg", b"<svg/>"),
    ]
    body = b"".join(
        b'--=_b\r\nContent-Type: %b\r\nContent-Disposition: attachment; filename="%b"\r\n\r\n%b\r\n'
        % (kind.encode(), name.encode("utf-8").replace(b"\\", b"\\\\"), data)
        for kind, name, data in parts
    )
    entity = b'Content-Type: multipart/mixed; boundary="=_b"\r\n\r\n' + body + b"--=_b--\r\n"
    sealed = openssl.encrypt(openssl.sign(entity, bo, "-outform", "SMIME"), house.us, "-outform", "SMIME")
    out = house.folder / "ud"
    ran = house.run("mail", "open", house.file("a.eml", sealed), "--out", out)
    names = sorted(path.name for path in out.iterdir())
    assert names == ["01-side.html.txt", "02-passwd.pdf", "03-vinduer.exe", "04-svg.svg.txt", "mail.eml"]
    assert "sporing" not in ran.out


def test_what_is_no_mail_is_told(house: MailHouse) -> None:
    plain = house.data("mail", "open", house.file("a.eml", b"Subject: hej\r\n\r\nhej\r\n"))
    assert (plain["encrypted"], plain["exit_code"]) == (False, 1)
    assert house.data("mail", "open", house.folder / "ingen.eml")["error"] == "mail.file_unreadable"
    damaged = _mail_to_us(house, house.person(BO), house.us)[:-900]
    assert house.data("mail", "open", house.file("b.eml", damaged))["error"].startswith(("cms.", "mail."))


def test_a_csv_becomes_a_signed_list_and_the_next_one_replaces_it(house: MailHouse) -> None:
    gateway = house.person("tunnel@gateway.example")
    house.file("g.pem", _pem(gateway))
    house.file("os.pem", _pem(house.us))
    rows = "domain;certificate;subdomains\nafsender.example;os.pem;\nkommune.example;g.pem;ja\n"
    csv = house.file("partnere.csv", rows.encode())
    assert house.data("tunnel", "list")["error"] == "tunnel.list_missing"
    told = house.data("tunnel", "import", csv)
    assert (told["version"], told["added"]) == (1, ["afsender.example", "kommune.example"])
    assert house.data("tunnel", "check", "hr.kommune.example")["open"] is True
    listed = house.data("tunnel", "list")["entries"]
    assert [(one["domain"], one["source"], one["subdomains"]) for one in listed] == [
        ("afsender.example", "csv:partnere.csv", False),
        ("kommune.example", "csv:partnere.csv", True),
    ]
    csv.write_text("domain;certificate\nafsender.example;os.pem\n", encoding="utf-8")
    ran = house.run("tunnel", "import", csv)
    assert "Version 2 gælder nu" in ran.out and "− kommune.example" in ran.out
    told = house.data("tunnel", "check", "kommune.example")
    assert (told["open"], told["code"], told["exit_code"]) == (False, "tunnel.not_listed", 1)
    table = house.run("tunnel", "list").out
    assert "afsender.example" in table and "Version 2 med 1 domæner." in table


def test_a_directory_becomes_a_list_too(tmp_path: Path, people: MailPeople, slapd: Slapd) -> None:
    tunnel = f"""[channels.tunnel.directory]
host = "localhost:{slapd.tls_port}"
ca = "{slapd.ca}"
base = "{SUFFIX}"
"""
    house = MailHouse(tmp_path, people, tunnel)
    for person in (house.us, house.person("sikkerpost@kommune.example")):
        slapd.publish(person.address, [person.certificate.public_bytes(Encoding.DER)])
    told = house.data("tunnel", "import", "--directory")
    assert told["added"] == ["afsender.example", "kommune.example"]
    assert house.data("tunnel", "check", "kommune.example")["open"] is True
    slapd.stop()
    told = house.data("tunnel", "import", "--directory")
    assert (told["error"], told["exit_code"]) == ("certificate.directory_down", 4)
    slapd.start()
    slapd.clear()
    assert house.data("tunnel", "import", "--directory")["error"] == "tunnel.import_empty"
    assert house.data("tunnel", "list")["version"] == 1


def test_an_import_that_can_not_be_right_changes_nothing(house: MailHouse) -> None:
    made = TunnelList(4, (entry_of("afsender.example", house.us),))
    good = house.file("liste.p7m", signed_list(made, house.us.identity, _now()))
    assert house.data("tunnel", "import", good)["version"] == 4
    assert house.data("tunnel", "import", good)["error"] == "tunnel.not_newer"
    newer = TunnelList(5, made.entries)
    forged = house.file("falsk.p7m", signed_list(newer, house.person(BO).identity, _now()))
    assert house.data("tunnel", "import", forged)["error"] == "tunnel.list_signer"
    assert house.data("tunnel", "import", house.file("x.csv", b"noise"))["error"] == "tunnel.csv_form"
    for words in (("tunnel", "import"), ("tunnel", "import", str(good), "--directory")):
        assert house.data(*words)["error"] == "usage.tunnel_source"
    assert house.data("tunnel", "import", "--directory")["error"] == "tunnel.no_directory"
    assert house.data("tunnel", "check", "enlig")["error"] == "mail.address_domain"
    assert house.data("tunnel", "list", "--channel", "andet")["error"] == "tunnel.no_channel"
    assert house.data("tunnel", "list")["version"] == 4


def test_a_live_house_does_not_leave_revocation_out(house: MailHouse) -> None:
    text = house.path.read_text().replace("[mail]", '[mail]\nrevocation = "off_insecure"')
    house.path.write_text(text)
    file = house.file("svar.eml", _mail_to_us(house, house.person(BO), house.us))
    assert house.data("mail", "open", file)["good"] is True
    house.path.write_text(text.replace("[house]", '[house]\nmode = "live"'))
    assert house.data("mail", "open", file)["error"] == "certificate.revocation_off_in_live"


def test_two_imports_at_once_make_one_version(house: MailHouse) -> None:
    made = TunnelList(1, (entry_of("afsender.example", house.us),))
    good = house.file("liste.p7m", signed_list(made, house.us.identity, _now()))
    with only_one(house.folder / "data" / "locks" / "tunnel-tunnel.lock", "pull.busy"):
        assert house.data("tunnel", "import", good)["error"] == "tunnel.busy"
    assert house.data("tunnel", "import", good)["version"] == 1
