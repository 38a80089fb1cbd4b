"""A rehearsal asks and sends nowhere but on this machine, whatever its settings and the names say."""

from __future__ import annotations

import asyncio

import pytest

from routing.certificates.fetching import fetch_on_loopback
from schemas.errors import ConfigurationError
from tests.rigs.mail_simulator import FoundMailHouse
from tests.rigs.mail_world import DOMAIN, MailWorld

ANNA = "anna@klinik.example"


@pytest.mark.parametrize(
    ("mail", "channel", "code"),
    [
        ('[mail.ldap.ude]\nhost = "192.0.2.1"', "smime", "certificate.simulated_needs_loopback"),
        ('[mail.ldap.ude]\nhost = "ldap.example:389"', "smime", "certificate.simulated_needs_loopback"),
        ('[mail.ldap.ude]\nhost = "[2001:db8::1]:389"', "smime", "certificate.simulated_needs_loopback"),
        ('[mail.smarthost]\nhost = "192.0.2.1:25"', "tls", "smtp.simulated_needs_loopback"),
    ],
)
def test_a_place_off_this_machine_is_a_fault_of_the_set_up(
    found_mail_house: FoundMailHouse, mail: str, channel: str, code: str
) -> None:
    house = found_mail_house(mail=mail)
    ways = {one["channel"]: one["code"] for one in house.brevdue("explain", ANNA).data["ways"]}
    assert ways[channel] == code
    assert house.received() == []


def test_a_name_server_off_this_machine_is_a_fault_of_every_channel(found_mail_house: FoundMailHouse) -> None:
    house = found_mail_house()
    text = house.house.path.read_text(encoding="utf-8")
    house.house.path.write_text(text.replace('dns = ["127.0.0.1:', 'dns = ["192.0.2.1:'), encoding="utf-8")
    ways = {one["code"] for one in house.brevdue("explain", ANNA).data["ways"]}
    assert ways == {"dns.simulated_needs_loopback"}


def test_an_exchanger_whose_address_is_not_here_is_not_connected_to(mail_world: MailWorld) -> None:
    mail_world.domain(f"mx.{DOMAIN}")
    mail_world.names.put(f"mx.{DOMAIN}", "A", "192.0.2.1")
    with pytest.raises(ConfigurationError) as caught:
        mail_world.run(lambda courier: courier.verdict(DOMAIN, "encrypt"))
    assert caught.value.code == "smtp.simulated_needs_loopback"


@pytest.mark.parametrize(
    "url", ["http://192.0.2.1/crl", "http://ca1.gov.dk/ocsp", "http://127.0.0.1.example/"]
)
def test_no_revocation_list_is_fetched_from_elsewhere(url: str) -> None:
    with pytest.raises(OSError, match="not on this machine"):
        asyncio.run(fetch_on_loopback(url))
