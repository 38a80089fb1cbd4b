"""A wrong set-up is found before a letter leaves, and named."""

from __future__ import annotations

import logging
import shutil
from datetime import UTC, datetime, timedelta

import pytest

from eboks.rest_check import demand_fitting_host
from schemas.errors import ConfigurationError, ServiceDown
from tests.rigs.channels import bench_for, letter
from tests.rigs.tls_peer import refusing_peer


def code_of(act, *args):
    with pytest.raises((ConfigurationError, ServiceDown)) as caught:
        act(*args)
    return caught.value.code


def right_now():
    return datetime.now(UTC)


def bench_now(simulator, client="good", **change):
    url = change.pop("url", simulator.url)
    bench = bench_for(simulator, client, **change)
    bench.settings = bench.settings.model_copy(update={"url": url})
    bench.now = right_now
    return bench


def test_a_good_set_up_has_nothing_to_say_and_sends_nothing(simulator):
    channel = bench_now(simulator).build()
    channel.check()
    assert channel.findings() == []
    assert len(simulator.running.simulation.messages) == 0


def test_a_certificate_that_ends_soon_is_told_with_its_days(simulator):
    bench = bench_now(simulator)
    bench.now = lambda: right_now() + timedelta(days=3 * 365 - 30, hours=1)
    assert bench.build().findings() == [("tls.certificate_expires_soon", {"days": 29})]


def test_a_certificate_that_has_ended_is_told(simulator):
    assert code_of(bench_now(simulator, "expired").build().check) == "tls.certificate_expired"


@pytest.mark.parametrize("server", ["expired", "wrong_host", "unknown_ca"])
def test_check_names_what_is_wrong_with_the_servers_certificate(start_simulator, server):
    codes = {
        "expired": "tls.server_certificate_expired",
        "wrong_host": "tls.server_wrong_host",
        "unknown_ca": "tls.server_unknown_authority",
    }
    bench = bench_now(start_simulator(server=server))
    assert code_of(bench.build().check) == codes[server]


def test_check_hears_that_our_certificate_is_refused(simulator, certificates):
    with refusing_peer(certificates, None) as (url, read):
        bench = bench_now(simulator, "stranger", url=url)
        assert code_of(bench.build().check) == "tls.client_certificate_refused"
    assert read == []


def test_check_says_that_nobody_answers(simulator):
    assert code_of(bench_now(simulator, url="https://127.0.0.1:1").build().check) == "eboks.not_reached"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_that_others_can_read_is_told(simulator, certificates, tmp_path, mode):
    key = tmp_path / "open.key"
    shutil.copy(certificates.client().key, key)
    key.chmod(mode)
    assert code_of(bench_now(simulator, key=key).build().check) == "tls.key_open_to_others"


@pytest.mark.parametrize(
    ("part", "content", "code"),
    [
        ("certificate", b"not a certificate", "tls.certificate_unreadable"),
        ("certificate", None, "tls.certificate_unreadable"),
        ("key", b"not a key", "tls.key_unreadable"),
        ("key", None, "tls.key_unreadable"),
        ("ca", b"not an authority", "tls.authority_unreadable"),
        ("ca", None, "tls.authority_unreadable"),
    ],
)
def test_a_file_that_can_not_be_read_is_named(simulator, tmp_path, part, content, code):
    path = tmp_path / "broken"
    if content is not None:
        path.write_bytes(content)
        path.chmod(0o600)
    assert code_of(bench_now(simulator, **{part: path}).build().check) == code


def test_a_key_of_another_certificate_is_named(simulator, certificates):
    bench = bench_now(simulator, key=certificates.client("unlisted").key)
    assert code_of(bench.build().check) == "tls.key_mismatch"


@pytest.mark.parametrize(
    ("url", "simulated", "code"),
    [
        ("https://api.e-boks.com", True, "eboks.simulated_needs_loopback"),
        ("https://192.0.2.7:8443", True, "eboks.simulated_needs_loopback"),
        ("https://localhost.example.com", True, "eboks.simulated_needs_loopback"),
        ("https://127.0.0.1:8443", False, "eboks.live_on_loopback"),
        ("https://[::1]:8443", False, "eboks.live_on_loopback"),
        ("https://LOCALHOST", False, "eboks.live_on_loopback"),
    ],
)
def test_rehearsal_and_life_never_mix(url, simulated, code):
    with pytest.raises(ConfigurationError) as caught:
        demand_fitting_host(url, simulated=simulated)
    assert caught.value.code == code


def test_a_rehearsal_that_points_off_the_machine_sends_nothing(simulator):
    bench = bench_now(simulator, url="https://192.0.2.7:8443")
    assert code_of(bench.send, letter(bench.papers)) == "eboks.simulated_needs_loopback"


def test_a_live_house_sends_nothing_to_this_machine(simulator):
    bench = bench_now(simulator)
    bench.simulated = False
    assert code_of(bench.send, letter(bench.papers)) == "eboks.live_on_loopback"
    assert len(simulator.running.simulation.messages) == 0


def test_no_log_names_a_recipient_or_an_address(simulator, caplog):
    caplog.set_level(logging.DEBUG)
    bench = bench_now(simulator)
    one = letter(bench.papers, 1, "valid", "brev")
    bench.run(lambda channel: channel.reaches(one))
    bench.send(one)
    assert one.recipient.number.digits not in caplog.text
    assert one.title not in caplog.text
    assert "tilmeldinger" not in caplog.text
