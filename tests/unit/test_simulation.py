"""The simulator is started so that it answers as the channels expect, and never for a live house."""

from __future__ import annotations

import asyncio
from importlib.resources import files
from pathlib import Path

import pytest

from jobs.initiate import init_house
from jobs.mail_simulation import mail_folder, mail_simulator_settings, rehearses_mail
from jobs.settings_file import read_settings
from jobs.simulation import first_eboks, simulator_parts
from routing.simulator.server import serve
from schemas.errors import ConfigurationError
from schemas.settings import Settings

TEMPLATE = (files("jobs") / "template.toml").read_text(encoding="utf-8")
UUIDS = {
    "service_agreement_uuid": "11111111-1111-4111-8111-111111111111",
    "user_system_uuid": "22222222-2222-4222-8222-222222222222",
    "user_uuid": "33333333-3333-4333-8333-333333333333",
}
SOAP = """
[channels.eboks_soap]
kind = "eboks_soap"
url = "https://127.0.0.1:8443"
system_id = 4712
certificate = "data/simulator/client-good.pem"
key = "data/simulator/client-good.key"
ca = "data/simulator/server-ca.pem"
security = "signed"
partner_certificate = "data/simulator/partner-good.pem"
""" + "".join(f'{name} = "{uuid}"\n' for name, uuid in UUIDS.items())


def founded(folder: Path, text: str) -> Settings:
    path = folder / "brevdue.toml"
    path.write_text(text, encoding="utf-8")
    settings = read_settings(path)
    init_house(settings)
    return settings


def test_channels_at_one_address_share_one_simulator(tmp_path):
    settings = founded(
        tmp_path, TEMPLATE.replace('profile = "direct"', 'profile = "proxy"\nclient_id = "7"') + SOAP
    )
    parts, tls = simulator_parts(settings, first_eboks(settings), None)
    assert list(parts.certificates.values()) == [(4711, 4712)]
    assert (parts.profile, parts.client_id) == ("proxy", "7")
    assert {name: getattr(parts, name) for name in UUIDS} == UUIDS
    assert parts.soap_partner.certificate == settings.channels["eboks_soap"].partner_certificate
    assert tls.certificate.exists()


def test_a_channel_of_another_address_is_left_out(tmp_path):
    settings = founded(tmp_path, TEMPLATE + SOAP.replace(":8443", ":8444"))
    parts, _ = simulator_parts(settings, settings.mailboxes["eboks_soap"], None)
    assert list(parts.certificates.values()) == [(4712,)]
    assert (parts.profile, parts.soap_security) == ("direct", "signed")


def test_a_house_with_soap_alone_has_a_simulator_too(tmp_path):
    head, _, rest = TEMPLATE.partition("[channels.eboks]")
    settings = founded(tmp_path, head + "[timetable.pull]" + rest.partition("[timetable.pull]")[2] + SOAP)
    assert first_eboks(settings).system_id == 4712
    assert simulator_parts(settings, first_eboks(settings), None)[0].soap_security == "signed"


def test_no_simulator_stands_beside_a_live_house(tmp_path):
    settings = founded(tmp_path, TEMPLATE)
    live = settings.model_copy(update={"house": settings.house.model_copy(update={"mode": "live"})})
    with pytest.raises(ConfigurationError) as caught:
        simulator_parts(live, first_eboks(live), None)
    assert caught.value.code == "simulator.live_house"


WITH_MAIL = TEMPLATE.replace("#: ", "").replace("#:\n", "\n")


def test_the_simulator_of_mail_answers_where_the_settings_ask(tmp_path):
    settings = founded(tmp_path, WITH_MAIL)
    found = mail_simulator_settings(settings)
    assert (found.dns_address, found.dns_port, found.smtp_port) == ("127.0.0.1", 8053, 8025)
    assert settings.mail.certificate.exists() and settings.mail.roots.exists()
    assert settings.channels["tunnel"].list.exists()


def test_a_second_init_keeps_the_certificates_of_mail(tmp_path):
    settings = founded(tmp_path, WITH_MAIL)
    before = settings.mail.certificate.read_bytes()
    assert init_house(settings) == []
    assert settings.mail.certificate.read_bytes() == before


def test_a_tunnel_list_that_is_missing_is_made_by_the_next_init(tmp_path):
    settings = founded(tmp_path, WITH_MAIL)
    path = settings.channels["tunnel"].list
    path.unlink()
    path.with_name(path.name + ".version").unlink()
    assert init_house(settings) == [path]
    assert path.exists()


def test_a_house_without_mail_gets_none_of_it(tmp_path):
    settings = founded(tmp_path, TEMPLATE)
    assert not rehearses_mail(settings)
    assert not mail_folder(settings).exists()


def test_no_simulator_of_mail_stands_beside_a_live_house(tmp_path):
    settings = founded(tmp_path, WITH_MAIL)
    live = settings.model_copy(update={"house": settings.house.model_copy(update={"mode": "live"})})
    assert not rehearses_mail(live)
    with pytest.raises(ConfigurationError) as caught:
        mail_simulator_settings(live)
    assert caught.value.code == "simulator.live_house"


@pytest.mark.parametrize("dns", ["[]", '["127.0.0.1"]', '["192.0.2.1:53"]'])
def test_a_name_server_that_is_not_ours_is_told(tmp_path, dns):
    settings = founded(tmp_path, WITH_MAIL.replace('dns = ["127.0.0.1:8053"]', f"dns = {dns}"))
    if "192" in dns:
        found = mail_simulator_settings(settings)
        with pytest.raises(ConfigurationError) as caught:
            asyncio.run(serve(found))
        assert caught.value.code == "simulator.not_loopback"
        return
    with pytest.raises(ConfigurationError) as caught:
        mail_simulator_settings(settings)
    assert caught.value.code == "dns.simulated_needs_loopback"
