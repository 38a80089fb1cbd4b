"""Each thing that can be wrong on the way to e-Boks has a verdict of its own, and says who must act."""

from __future__ import annotations

import socket
import ssl
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from eboks.simulator.certificates import CertificateFolder, ClientKind
from jobs.onboarding import connection
from jobs.onboarding.checks import Check
from jobs.onboarding.connection import Way, check_public_address, try_connection
from tests.rigs.simulator import StartSimulator
from tests.rigs.tls_peer import plain_peer, read_request, refusing_peer, tls_peer

Clock = Callable[[], datetime]


def now() -> datetime:
    return datetime.now(UTC)


def tried(
    certificates: CertificateFolder,
    url: str,
    client: ClientKind = "good",
    *,
    authority: Path | None = None,
    simulated: bool = True,
    clock: Clock = now,
) -> list[Check]:
    pair = certificates.client(client)
    trusted = authority or certificates.server_ca
    return try_connection(Way("eboks", url, pair.certificate, pair.key, trusted, simulated), clock)


def the_fault(checks: list[Check]) -> tuple[str, str, str | None]:
    """Returns the one bad verdict: what, code, who; everything before it is good."""
    *before, last = checks
    assert [check.level for check in before] == ["good"] * len(before)
    assert last.level == "bad"
    return last.what.removeprefix("connection."), last.code, last.who


def test_a_right_connection_is_good_all_the_way(certificates, start_simulator: StartSimulator):
    checks = tried(certificates, start_simulator().url)
    assert [check.what.removeprefix("connection.") for check in checks] == [
        *("mode", "name", "port", "tls", "server", "certificate", "clock")
    ]
    assert {check.level for check in checks} == {"good"}
    facts = {check.what: check.facts for check in checks}
    assert facts["connection.tls"] == {"version": "TLSv1.3"}
    assert facts["connection.server"]["issuer"] == "Brevdue simulator Server CA"


def test_a_name_that_is_not_found(certificates, monkeypatch: pytest.MonkeyPatch):
    def no_such_name(*args: object, **rest: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_such_name)
    checks = tried(certificates, "https://findes-ikke.invalid", simulated=False)
    assert the_fault(checks) == ("name", "connection.not_found", "network")


def test_a_name_that_can_be_no_name(certificates):
    checks = tried(certificates, f"https://{'a' * 64}.invalid", simulated=False)
    assert the_fault(checks) == ("name", "connection.not_found", "network")


def test_a_port_where_nobody_listens(certificates):
    checks = tried(certificates, "https://127.0.0.1:1")
    assert the_fault(checks) == ("port", "connection.refused", "network")
    assert checks[-1].unreached


def test_a_port_that_never_answers(certificates, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(connection, "PATIENCE_SECONDS", 0.3)
    waiting: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listening:
        for _ in range(4):  # fill the queue of those who wait to be taken
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(listening.getsockname())
            waiting.append(one)
        try:
            checks = tried(certificates, f"https://127.0.0.1:{listening.getsockname()[1]}")
        finally:
            for one in waiting:
                one.close()
    assert the_fault(checks) == ("port", "connection.timeout", "network")


def test_a_server_of_an_unknown_authority(certificates, start_simulator: StartSimulator):
    checks = tried(certificates, start_simulator(server="unknown_ca").url)
    assert the_fault(checks) == ("server", "tls.server_unknown_authority", "us")


def test_a_wrong_authority_of_our_own(certificates, start_simulator: StartSimulator):
    checks = tried(certificates, start_simulator().url, authority=certificates.folder / "client-ca.pem")
    assert the_fault(checks) == ("server", "tls.server_unknown_authority", "us")


@pytest.mark.parametrize(
    ("kind", "code"),
    [("expired", "tls.server_certificate_expired"), ("wrong_host", "tls.server_wrong_host")],
)
def test_a_server_with_a_wrong_certificate(certificates, start_simulator, kind: str, code: str):
    checks = tried(certificates, start_simulator(server=kind).url)
    assert the_fault(checks) == ("server", code, "eboks")


@pytest.mark.parametrize("client", ["stranger", "expired"])
def test_a_certificate_of_ours_that_the_server_turns_down(certificates, start_simulator, client: ClientKind):
    what, code, who = the_fault(tried(certificates, start_simulator().url, client)[:6])
    assert (what, who) == ("certificate", "eboks")
    assert code in ("tls.client_certificate_refused", "tls.handshake_cut")


def test_a_server_that_speaks_only_old_tls(certificates):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # what is asked for here is old on purpose
        with refusing_peer(certificates, ssl.TLSVersion.TLSv1_1) as (url, _):
            checks = tried(certificates, url)
    assert the_fault(checks) == ("tls", "tls.no_common_version", "eboks")


def test_a_server_that_speaks_no_tls(certificates):
    with plain_peer(b"HTTP/1.1 400 Bad Request\r\n\r\n") as url:
        checks = tried(certificates, url)
    assert the_fault(checks) == ("tls", "tls.not_tls", "us")


def test_a_server_that_hangs_up_in_the_handshake(certificates):
    with plain_peer(b"") as url:
        checks = tried(certificates, url)
    assert the_fault(checks) == ("tls", "tls.handshake_cut", "eboks")


def test_a_server_that_hangs_up_after_the_handshake(certificates):
    async def hang_up(reader, writer):
        await reader.read(1)
        writer.transport.abort()

    with tls_peer(certificates, hang_up) as url:
        checks = tried(certificates, url)
    assert the_fault(checks) == ("certificate", "tls.handshake_cut", "eboks")


@pytest.mark.parametrize(
    ("off", "level", "code"),
    [
        (10, "good", ""),
        (-10, "good", ""),
        (60, "note", "connection.clock_off"),
        (-900, "bad", "connection.clock_off"),
    ],
)
def test_a_clock_that_is_off(certificates, start_simulator, off: int, level: str, code: str):
    checks = tried(certificates, start_simulator().url, clock=lambda: now() + timedelta(seconds=off))
    last = checks[-1]
    assert (last.what, last.level, last.code) == ("connection.clock", level, code)
    seconds = (last.params or last.facts)["seconds"]
    assert abs(seconds - off) <= 20


@pytest.mark.parametrize("head", ["", "Date: i går\r\n"])
def test_an_answer_without_a_time(certificates, head: str):
    async def answer(reader, writer):
        await read_request(reader)
        writer.write(f"HTTP/1.1 404 Not Found\r\n{head}Content-Length: 0\r\n\r\n".encode())
        await writer.drain()

    with tls_peer(certificates, answer) as url:
        last = tried(certificates, url)[-1]
    assert (last.code, last.level) == ("connection.no_date", "note")


def test_a_simulated_house_goes_nowhere_else_and_a_live_one_not_to_loopback(certificates):
    assert the_fault(tried(certificates, "https://eboks.invalid")) == (
        *("mode", "eboks.simulated_needs_loopback", "us"),
    )
    assert the_fault(tried(certificates, "https://127.0.0.1:1", simulated=False)) == (
        *("mode", "eboks.live_on_loopback", "us"),
    )


def test_a_simulator_is_never_taken_for_the_real_thing(
    certificates, start_simulator, monkeypatch: pytest.MonkeyPatch
):
    """Even past the rule about addresses a live house sees what answers."""
    monkeypatch.setattr(connection, "demand_fitting_host", lambda url, simulated: None)
    checks = tried(certificates, start_simulator().url, simulated=False)
    assert the_fault(checks) == ("certificate", "eboks.simulator_in_live", "us")


@pytest.mark.parametrize(
    ("address", "reached", "code", "who"),
    [
        ("", False, "connection.no_address", "us"),
        ("10.0.0.8", True, "connection.private_address", "network"),
        ("8.8.8.8", False, "connection.allow_address", "eboks"),
        ("8.8.8.8", True, "", None),
    ],
)
def test_our_public_address(address: str, reached: bool, code: str, who: str | None):
    check = check_public_address(address, reached=reached)
    assert (check.code, check.who) == (code, who)
