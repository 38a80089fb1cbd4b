"""The tunnel list as text and values: which entry speaks for a domain, and what is refused."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from routing.tunnel.entries import EMPTY, TunnelEntry, TunnelList
from routing.tunnel.importing import differences, read_csv, with_import
from routing.tunnel.list_text import checked_entry, read_list, write_list
from schemas.errors import BadInput
from tests.rigs.mail_people import MailPeople, Person

PIN = "ab" * 32


def _entry(domain: str, **more: object) -> TunnelEntry:
    return TunnelEntry(domain, (PIN,), **more)  # type: ignore[arg-type]


def _code(act, *arguments: object) -> str:
    with pytest.raises(BadInput) as caught:
        act(*arguments)
    return caught.value.code


LIST = TunnelList(
    1,
    (
        _entry("region.example", subdomains=True),
        _entry("kommune.example"),
        _entry("lukket.region.example", valid_to=date(2026, 1, 1)),
        _entry("dyb.under.region.example", subdomains=True),
    ),
)


@pytest.mark.parametrize(
    ("domain", "entry"),
    [
        ("kommune.example", "kommune.example"),
        ("hr.kommune.example", None),
        ("xkommune.example", None),
        ("region.example", "region.example"),
        ("sygehus.region.example", "region.example"),
        ("a.b.region.example", "region.example"),
        ("xregion.example", None),
        ("lukket.region.example", "lukket.region.example"),
        ("hr.lukket.region.example", "region.example"),
        ("x.dyb.under.region.example", "dyb.under.region.example"),
        ("example", None),
    ],
)
def test_a_domain_is_matched_exactly_unless_the_entry_says_subdomains(domain: str, entry: str | None) -> None:
    found = LIST.entry_for(domain)
    assert (found.domain if found else None) == entry


def test_an_entry_holds_from_its_first_day_to_its_last() -> None:
    entry = _entry("kommune.example", valid_from=date(2026, 3, 1), valid_to=date(2026, 3, 31))
    codes = [entry.obstacle(date(2026, month, day)) for month, day in ((2, 28), (3, 1), (3, 31), (4, 1))]
    assert codes == ["tunnel.entry_not_yet", "", "", "tunnel.entry_expired"]


def test_a_domain_may_stand_there_once() -> None:
    assert _code(TunnelList, 1, (_entry("a.example"), _entry("a.example"))) == "tunnel.domain_twice"


def test_a_list_is_the_same_after_writing_and_reading(people: MailPeople) -> None:
    made = TunnelList(
        7,
        (
            checked_entry(
                "Kommune.example",
                (people.bob.certificate, people.ecbob.certificate),
                (),
                subdomains=True,
                valid_from=date(2026, 1, 1),
                valid_to=date(2027, 1, 1),
                source='csv "partnere"\\\n',
            ),
            checked_entry("blåbær.example", (), (":".join(["AB"] * 32),)),
        ),
    )
    assert read_list(write_list(made)) == made
    assert made.entries[1] == TunnelEntry("xn--blbr-roah.example", (PIN,))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(source=st.text(max_size=40), subdomains=st.booleans(), version=st.integers(1, 2**60))
def test_no_text_of_a_source_breaks_the_form(source: str, subdomains: bool, version: int) -> None:
    made = TunnelList(version, (_entry("a.example", source=source, subdomains=subdomains),))
    assert read_list(write_list(made)) == made


GOOD = f'version = 1\n[[entries]]\ndomain = "a.example"\npins = ["{PIN}"]\n'


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "tunnel.list_form"),
        ("version = 0\n", "tunnel.list_form"),
        ("version = true\n", "tunnel.list_form"),
        ('version = "1"\n', "tunnel.list_form"),
        ("version = 1\nentries = 7\n", "tunnel.list_form"),
        (f"{GOOD}x = 1\n", "tunnel.list_form"),
        (f"surprise = 1\n{GOOD}", "tunnel.list_form"),
        (f'{GOOD}subdomains = "yes"\n', "tunnel.list_form"),
        (f"{GOOD}valid_to = 2026-01-01T00:00:00Z\n", "tunnel.list_form"),
        (f"{GOOD}certificates = [1]\n", "tunnel.list_form"),
        (f'{GOOD}certificates = ["noise"]\n', "tunnel.list_form"),
        (GOOD.replace("a.example", "a"), "tunnel.list_form"),
        (GOOD.replace(PIN, "ab"), "tunnel.pin_unfit"),
        (GOOD.replace(f'"{PIN}"', ""), "tunnel.pin_unfit"),
        (GOOD + GOOD.partition("\n")[2], "tunnel.domain_twice"),
    ],
)
def test_what_is_not_understood_is_refused_whole(text: str, code: str) -> None:
    assert read_list(GOOD.encode()).version == 1
    assert _code(read_list, text.encode()) == code
    assert _code(read_list, b"\xff" + GOOD.encode()) == "tunnel.list_form"


def test_a_certificate_must_be_among_the_pins(people: MailPeople) -> None:
    assert _code(checked_entry, "a.example", (people.bob.certificate,), (PIN,)) == "tunnel.pin_unfit"
    own = people.bob.identity.id.fingerprint
    assert checked_entry("a.example", (people.bob.certificate,), (PIN, own)).pins == (PIN, own)


def test_an_import_replaces_what_the_same_source_brought() -> None:
    first = with_import(EMPTY, "csv:a", [_entry("a.example"), _entry("b.example")])
    second = with_import(first, "ldap", [_entry("c.example")])
    third = with_import(second, "csv:a", [_entry("b.example", subdomains=True), _entry("d.example")])
    assert (first.version, third.version) == (1, 3)
    assert [one.domain for one in third.entries] == ["b.example", "c.example", "d.example"]
    assert differences(second, third) == {
        "added": ("d.example",),
        "removed": ("a.example",),
        "changed": ("b.example",),
    }
    assert _code(with_import, third, "csv:a", []) == "tunnel.import_empty"
    assert _code(with_import, third, "csv:a", [_entry("c.example")]) == "tunnel.domain_twice"


def _pem(folder: Path, person: Person) -> str:
    path = folder / f"{person.identity.id.fingerprint[:8]}.pem"
    path.write_bytes(person.certificate.public_bytes(Encoding.PEM))
    return path.name


def test_a_csv_names_domains_files_and_days(people: MailPeople, tmp_path: Path) -> None:
    path = tmp_path / "partnere.csv"
    path.write_text(
        "domain;certificate;sha256;subdomains;valid_from;valid_to\r\n"
        f"kommune.example;{_pem(tmp_path, people.bob)};;ja;2026-01-01;2026-12-31\r\n"
        f"region.example;;{PIN.upper()};nej;;\r\n",
        encoding="utf-8-sig",
    )
    first, second = read_csv(path)
    assert first.pins == (people.bob.identity.id.fingerprint,)
    assert (first.subdomains, first.valid_to) == (True, date(2026, 12, 31))
    assert (second.domain, second.pins, second.certificates) == ("region.example", (PIN,), ())


@pytest.mark.parametrize(
    ("rows", "line", "code"),
    [
        ("certificate\nx.pem\n", 1, "tunnel.csv_form"),
        (f"domain;sha256;andet\na.example;{PIN};1\n", 1, "tunnel.csv_form"),
        (f"domain;sha256\na.example;{PIN};1\n", 2, "tunnel.csv_form"),
        ("domain;sha256\na.example\n", 2, "tunnel.csv_form"),
        (f'domain;sha256\n"a.example;{PIN}\n', 2, "tunnel.csv_form"),
        (f"domain;sha256;subdomains\na.example;{PIN};måske\n", 2, "tunnel.csv_form"),
        (f"domain;sha256;valid_to\na.example;{PIN};31-12-2026\n", 2, "tunnel.csv_form"),
        (f"domain;sha256\nb.example;{PIN}\na.example;\n", 3, "tunnel.pin_unfit"),
        (f"domain;sha256\na;{PIN}\n", 2, "mail.address_domain"),
        ("domain;certificate\na.example;ingen.pem\n", 2, "certificate.file_unreadable"),
    ],
)
def test_a_row_that_is_wrong_is_named_and_nothing_is_taken(
    tmp_path: Path, rows: str, line: int, code: str
) -> None:
    path = tmp_path / "partnere.csv"
    path.write_text(rows, encoding="utf-8")
    with pytest.raises(BadInput) as caught:
        read_csv(path)
    assert (caught.value.code, caught.value.line) == (code, line)
