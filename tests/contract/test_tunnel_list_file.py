"""The tunnel list on disk: only a good signature of the right signer counts, and no version comes back."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from routing.tunnel.entries import TunnelEntry, TunnelList
from routing.tunnel.importing import read_directory
from routing.tunnel.list_file import TunnelListFile, is_signed_file, list_signers, signed_list
from routing.tunnel.list_text import write_list
from schemas.errors import BadInput, ConfigurationError, Transient
from schemas.mail_settings import TunnelDirectory
from tests.rigs.cms_judges import Openssl
from tests.rigs.mail_people import LETTER_AT, MailPeople, Person, ec_key, issue, make_issuing
from tests.rigs.slapd import SUFFIX, Slapd

PIN = "ab" * 32


def _list(version: int = 1, *domains: str) -> TunnelList:
    return TunnelList(version, tuple(TunnelEntry(one, (PIN,)) for one in domains or ("a.example",)))


def _signed(made: TunnelList, signer: Person) -> bytes:
    return signed_list(made, signer.identity, LETTER_AT)


@pytest.fixture
def file(tmp_path: Path, people: MailPeople) -> TunnelListFile:
    return TunnelListFile(tmp_path / "tunnel" / "list.p7m", [people.sender.certificate])


def _path(tmp_path: Path) -> Path:
    return tmp_path / "tunnel" / "list.p7m"


def _fault(file: TunnelListFile) -> str:
    with pytest.raises(ConfigurationError) as caught:
        file.current()
    return caught.value.code


def test_a_list_that_was_taken_in_is_in_force(
    file: TunnelListFile, people: MailPeople, tmp_path: Path
) -> None:
    assert _fault(file) == "tunnel.list_missing"
    assert file.current_or_empty().version == 0
    file.install(_signed(_list(3, "a.example", "b.example"), people.sender))
    assert [one.domain for one in file.current().entries] == ["a.example", "b.example"]
    file.install(_signed(_list(4), people.sender))
    assert file.current() == _list(4)
    assert _path(tmp_path).stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in _path(tmp_path).parent.iterdir()) == [
        "list.p7m",
        "list.p7m.version",
    ]


def test_a_version_only_grows(file: TunnelListFile, people: MailPeople, tmp_path: Path) -> None:
    old = _signed(_list(3), people.sender)
    file.install(old)
    file.install(_signed(_list(5), people.sender))
    for version in (3, 5):
        with pytest.raises(BadInput) as caught:
            file.install(_signed(_list(version, "c.example"), people.sender))
        assert (caught.value.code, caught.value.params) == (
            "tunnel.not_newer",
            {"version": version, "seen": 5},
        )
    _path(tmp_path).write_bytes(old)
    assert _fault(file) == "tunnel.list_rolled_back"
    _path(tmp_path).unlink()
    assert _fault(file) == "tunnel.list_missing"
    with pytest.raises(ConfigurationError):
        file.current_or_empty()


def test_no_changed_byte_goes_through(file: TunnelListFile, people: MailPeople) -> None:
    good = _signed(_list(), people.sender)
    assert file.opened(good) == _list()
    for at in range(0, len(good), 7):
        changed = good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]
        try:
            assert file.opened(changed) == _list()  # a byte that carries nothing
        except BadInput as error:
            assert error.code in ("tunnel.list_unsigned", "tunnel.list_signer")


def test_another_signature_does_not_count(file: TunnelListFile, people: MailPeople, tmp_path: Path) -> None:
    _path(tmp_path).parent.mkdir()
    same_name = issue(people.root, "loen@afsender.example", ec_key())
    for content, code in (
        (_signed(_list(), people.bob), "tunnel.list_signer"),
        (_signed(_list(), same_name), "tunnel.list_signer"),
        (write_list(_list()), "tunnel.list_unsigned"),
        (b"", "tunnel.list_unsigned"),
        (b"\x30\x80noise", "tunnel.list_unsigned"),
    ):
        _path(tmp_path).write_bytes(content)
        assert _fault(file) == code


def test_a_signature_over_what_is_no_list_is_refused(file: TunnelListFile, people: MailPeople) -> None:
    from routing.cms.signing import digest_of, sign

    payload = [b"version = 1\nmere = 2\n"]
    with pytest.raises(BadInput) as caught:
        file.opened(sign(payload, digest_of(payload), people.sender.identity, LETTER_AT))
    assert caught.value.code == "tunnel.list_form"


@pytest.mark.parametrize("form", ["DER", "PEM"])
def test_a_list_that_openssl_signed_is_taken(
    file: TunnelListFile, people: MailPeople, openssl: Openssl, form: str
) -> None:
    signed = openssl.sign(write_list(_list(9)), people.sender, "-nodetach", "-outform", form)
    assert is_signed_file(signed)
    assert not is_signed_file(write_list(_list(9)))
    assert file.install(signed) == _list(9)


def test_openssl_reads_the_list_that_we_signed(people: MailPeople, openssl: Openssl) -> None:
    signed = _signed(_list(9), people.sender)
    assert openssl.verify(signed, people.root, "-binary", "-purpose", "any", form="DER") == write_list(
        _list(9)
    )


def test_whose_signature_counts(people: MailPeople, tmp_path: Path) -> None:
    former = tmp_path / "former"
    former.mkdir()
    ours, old = tmp_path / "ours.pem", former / "2023.pem"
    ours.write_bytes(
        b"".join(
            one.public_bytes(Encoding.PEM) for one in (people.sender.certificate, people.root.certificate)
        )
    )
    old.write_bytes(people.sender_ec.certificate.public_bytes(Encoding.PEM))
    assert list_signers(None, ours, former) == [people.sender.certificate, people.sender_ec.certificate]
    assert list_signers(old, ours, former) == [people.sender_ec.certificate]
    with pytest.raises(ConfigurationError) as caught:
        list_signers(tmp_path / "ingen.pem", ours, None)
    assert caught.value.code == "tunnel.list_certificate_unreadable"


def _directory(slapd: Slapd, **change: object) -> TunnelDirectory:
    given = {
        "host": f"localhost:{slapd.tls_port}",
        "ca": slapd.ca,
        "base": SUFFIX,
        "timeout_seconds": 20,
        "domain_attribute": "associatedDomain",
    }
    return TunnelDirectory.model_validate(given | change)


def test_a_directory_gives_a_domain_for_every_certificate(slapd: Slapd, people: MailPeople) -> None:
    issuing = make_issuing(people.root)
    gateway, second = (issue(people.root, "sikkerpost@kommune.example", ec_key()) for _ in range(2))
    for person in (gateway, second):
        slapd.publish(
            person.address,
            [one.public_bytes(Encoding.DER) for one in (person.certificate, issuing.certificate)],
            domain="kommune.example",
        )
    slapd.publish("ingen@andet.example", domain="andet.example")
    (entry,) = read_directory("tunnel", _directory(slapd))
    assert entry.domain == "kommune.example"
    assert set(entry.certificates) == {gateway.certificate, second.certificate}
    by_mail = read_directory("tunnel", _directory(slapd, domain_attribute="mail"))
    assert [one.domain for one in by_mail] == ["kommune.example"]


def test_a_list_that_was_cut_off_is_no_list(slapd: Slapd, people: MailPeople) -> None:
    der = issue(people.root, "x@a.example", ec_key()).certificate.public_bytes(Encoding.DER)
    for number in range(5):
        slapd.publish(f"x@p{number}.example", [der], domain=f"p{number}.example")
    assert len(read_directory("tunnel", _directory(slapd))) == 5
    with pytest.raises(Transient):
        read_directory("tunnel", _directory(slapd, max_entries=4))


def test_a_list_is_read_page_by_page(
    slapd: Slapd, people: MailPeople, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("routing.certificates.directory.PAGE_ENTRIES", 2)
    der = issue(people.root, "x@a.example", ec_key()).certificate.public_bytes(Encoding.DER)
    for number in range(5):
        slapd.publish(f"x@p{number}.example", [der], domain=f"p{number}.example")
    assert len(read_directory("tunnel", _directory(slapd))) == 5
