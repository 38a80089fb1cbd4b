"""A domain is taken off the list, runs out, or we are not on it; its certificate is revoked, expired or for
signing only; the list is changed or an old one is put back: the tunnel is closed, and not one byte leaves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest

from routing.tunnel.entries import TunnelEntry, TunnelList
from routing.tunnel.list_file import signed_list
from schemas.errors import ConfigurationError, Transient, Unreachable
from tests.rigs.mail_channels import DOMAIN, MailBench, entry_of, run, send
from tests.rigs.mail_people import LETTER_AT, Person, ec_key, issue, make_root
from tests.rigs.revocation import RevocationService, revocation_list, revocation_service


@pytest.fixture
def service() -> Iterator[RevocationService]:
    with revocation_service() as running:
        yield running


@pytest.fixture
def gateway(bench: MailBench) -> Person:
    return issue(bench.people.root, "tunnel@gateway.example", ec_key())


def _closed(bench: MailBench) -> str:
    reach = run(bench.tunnel, lambda one: one.reaches(bench.letter()))
    assert not reach.reached
    with pytest.raises(Unreachable) as caught:
        send(bench.tunnel, bench.letter())
    assert caught.value.code == reach.code
    assert bench.world.servers[0].talks == []
    return reach.code


def test_a_domain_that_was_taken_off_is_closed_at_once(bench: MailBench, gateway: Person) -> None:
    bench.list_domains(entry_of(DOMAIN, gateway))

    async def work(channel) -> None:
        letter = bench.letter()
        assert (await channel.reaches(letter)).reached
        bench.list_domains(entry_of("andet.example", gateway), version=2)
        with pytest.raises(Unreachable) as caught:
            await channel.send(letter, channel.message_id(letter.seed))
        assert caught.value.code == "tunnel.not_listed"

    run(bench.tunnel, work)
    assert bench.world.servers[0].talks == []


@pytest.mark.parametrize(
    ("days", "code"),
    [
        ({"valid_to": date(2026, 11, 24)}, "tunnel.entry_expired"),
        ({"valid_from": date(2026, 11, 26)}, "tunnel.entry_not_yet"),
    ],
)
def test_an_entry_outside_its_days_is_closed(
    bench: MailBench, gateway: Person, days: dict[str, date], code: str
) -> None:
    bench.list_domains(
        entry_of(DOMAIN, gateway, **days), entry_of("example.example", gateway, subdomains=True)
    )
    assert _closed(bench) == code


def test_both_domains_must_be_on_it(bench: MailBench, gateway: Person) -> None:
    def ours(**days: date) -> TunnelEntry:
        return entry_of("afsender.example", bench.people.sender, **days)

    theirs = entry_of(DOMAIN, gateway)
    for version, entries in enumerate(
        [(theirs,), (theirs, ours(valid_to=date(2026, 1, 1))), (theirs, ours(valid_from=date(2027, 1, 1)))], 1
    ):
        made = TunnelList(version, entries)
        bench.listed().install(signed_list(made, bench.people.sender.identity, LETTER_AT))
        assert _closed(bench) == "tunnel.we_are_not_listed"


def test_a_certificate_of_the_list_is_judged_like_any_other(
    bench: MailBench, service: RevocationService
) -> None:
    root = bench.people.root
    revoked = issue(root, "a@gateway.example", ec_key(), extensions=[service.list_at("/root.crl")])
    service.bodies["/root.crl"] = revocation_list(root, revoked)
    cases = {
        "certificate.expired": issue(root, "a@gateway.example", ec_key(), days=365),
        "certificate.usage_unfit": issue(root, "a@gateway.example", ec_key(), usages=("digital_signature",)),
        "certificate.untrusted": issue(make_root("Fremmed"), "a@gateway.example", ec_key()),
        "certificate.revoked": revoked,
    }
    for version, (code, person) in enumerate(cases.items(), 1):
        bench.list_domains(entry_of(DOMAIN, person), version=version)
        assert _closed(bench) == code
    service.bodies.clear()
    with pytest.raises(Transient) as caught:
        run(bench.tunnel, lambda one: one.reaches(bench.letter()))
    assert caught.value.code == "certificate.revocation_unknown"
    with pytest.raises(Transient):
        send(bench.tunnel, bench.letter())
    assert bench.world.servers[0].talks == []


def test_a_list_that_was_changed_or_put_back_stops_the_channel(bench: MailBench, gateway: Person) -> None:
    bench.list_domains(entry_of(DOMAIN, gateway))
    first = bench.list_path.read_bytes()
    bench.list_domains(version=2)
    assert _closed(bench) == "tunnel.not_listed"
    second = bench.list_path.read_bytes()
    made = TunnelList(3, (entry_of(DOMAIN, gateway), entry_of("afsender.example", bench.people.sender)))
    forged = signed_list(made, bench.people.bob.identity, LETTER_AT)
    at = second.index(b"version = 2")
    for content, code in (
        (first, "tunnel.list_rolled_back"),
        (second[:at] + b"version = 9" + second[at + 11 :], "tunnel.list_unsigned"),
        (forged, "tunnel.list_signer"),
    ):
        bench.list_path.write_bytes(content)
        for act in (
            lambda one: one.reaches(bench.letter()),
            lambda one: one.send(bench.letter(), "<x@afsender.example>"),
        ):
            with pytest.raises(ConfigurationError) as caught:
                run(bench.tunnel, act)
            assert caught.value.code == code
    assert bench.world.servers[0].talks == []
