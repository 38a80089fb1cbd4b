"""Who gets through to the simulator: certificates, sender systems, TLS versions and addresses."""

from __future__ import annotations

import asyncio
import http.client
import socket
import ssl
from pathlib import Path

import pytest

from eboks.simulator import CertificateFolder, ServerTls, SimulatorSettings, serve
from eboks.simulator.certificates import ClientKind, ServerKind
from schemas.errors import ConfigurationError
from tests.rigs.certificates import OTHER_SYSTEM_ID
from tests.rigs.simulator import (
    MANDATORY,
    RunningSimulator,
    StartSimulator,
    dispatch_path,
    dispatch_xml,
    message_id,
)

# With TLS 1.3 a client learns that its certificate was refused when it first reads: an alert, or a cut.
REFUSED_BY_TLS = (ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)


def test_a_known_certificate_gets_through_and_the_answer_names_the_simulator(simulator: RunningSimulator):
    with simulator.client() as client:
        reply = client.put(message_id(1))
    assert (reply.status, reply.body, reply.headers["x-brevdue-simulator"]) == (200, b"", "1")


@pytest.mark.parametrize("kind", [None, "stranger", "expired"])
def test_no_certificate_a_strange_one_or_an_expired_one_fails_the_handshake(
    simulator: RunningSimulator, kind: ClientKind | None
):
    with simulator.client(kind) as client, pytest.raises(REFUSED_BY_TLS):
        client.put(message_id(1))
    with simulator.client() as client:
        assert client.messages() == []


def test_a_certificate_of_the_authority_that_nobody_registered_is_denied(simulator: RunningSimulator):
    with simulator.client("unlisted") as client:
        replies = [
            client.put(message_id(1)),
            client.look_up(cpr="1408683994"),
            client.call("GET", "/_sim/counts"),
        ]
    for reply in replies:
        assert reply.status == 403
        assert b"<FejlKode>3000</FejlKode>" in reply.body


def test_a_certificate_is_bound_to_its_own_system(simulator: RunningSimulator):
    with simulator.client("other_system") as client:
        denied = client.put(message_id(1))
        assert (denied.status, b">3000<" in denied.body) == (403, True)
        assert client.look_up(cpr="1408683994").status == 403
        assert client.put(message_id(1, OTHER_SYSTEM_ID), system_id=OTHER_SYSTEM_ID).status == 200
    with simulator.client() as client:
        assert client.put(message_id(1, OTHER_SYSTEM_ID), system_id=OTHER_SYSTEM_ID).status == 403


@pytest.mark.parametrize("system", ["001234", "0", "abc", "1234%20"])
def test_a_system_is_written_as_a_plain_number(simulator: RunningSimulator, system: str):
    path = dispatch_path(message_id(1)).replace("/1234/", f"/{system}/")
    with simulator.client() as client:
        assert client.call("PUT", path, dispatch_xml()).status == 403


@pytest.mark.parametrize("kind", ["expired", "wrong_host", "unknown_ca"])
def test_a_server_started_with_a_bad_certificate_is_refused_by_a_client(
    start_simulator: StartSimulator, kind: ServerKind
):
    with start_simulator(server=kind).client() as client, pytest.raises(ssl.SSLCertVerificationError):
        client.put(message_id(1))


def test_tls_below_1_2_is_refused(simulator: RunningSimulator, certificates: CertificateFolder):
    context = ssl.create_default_context(cafile=str(certificates.server_ca))
    pair = certificates.client()
    context.load_cert_chain(pair.certificate, pair.key)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning):
        context.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection(("127.0.0.1", simulator.port), timeout=60) as raw,
        pytest.raises((ssl.SSLError, ConnectionError)),
    ):
        context.wrap_socket(raw, server_hostname="localhost")


def test_tls_1_2_is_taken(simulator: RunningSimulator, certificates: CertificateFolder):
    context = ssl.create_default_context(cafile=str(certificates.server_ca))
    pair = certificates.client()
    context.load_cert_chain(pair.certificate, pair.key)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    connection = http.client.HTTPSConnection("127.0.0.1", simulator.port, context=context, timeout=60)
    connection.request("GET", "/_sim/counts")
    assert connection.getresponse().status == 200
    connection.close()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", ""])
def test_only_this_machine_is_listened_on(host: str, certificates: CertificateFolder):
    with pytest.raises(ConfigurationError, match=r"simulator\.not_loopback"):
        asyncio.run(serve(SimulatorSettings(), certificates.server(), host))


def test_what_cant_be_started_says_why(
    simulator: RunningSimulator, certificates: CertificateFolder, tmp_path: Path
):
    with pytest.raises(ConfigurationError, match=r"simulator\.port_taken"):
        asyncio.run(serve(SimulatorSettings(), certificates.server(), port=simulator.port))
    missing = ServerTls(tmp_path / "none.pem", tmp_path / "none.key", tmp_path / "none-ca.pem")
    with pytest.raises(ConfigurationError, match=r"simulator\.certificate_unreadable"):
        asyncio.run(serve(SimulatorSettings(), missing))
    with pytest.raises(ConfigurationError, match=r"simulator\.record_unwritable"):
        asyncio.run(serve(SimulatorSettings(record_path=tmp_path), certificates.server()))


def test_connections_and_handshakes_are_counted(simulator: RunningSimulator):
    with simulator.client() as client:
        for number in range(3):
            client.put(message_id(number))
        before = client.counts()
        with simulator.client() as second:
            second.put(message_id(9))
        with simulator.client(None) as nobody, pytest.raises(REFUSED_BY_TLS):
            nobody.put(message_id(10))
        after = client.counts()
    assert (before["n_connections"], before["n_tls_handshakes"], before["n_puts"]) == (1, 1, 3)
    assert (after["n_connections"], after["n_tls_handshakes"], after["n_stored"]) == (3, 2, 4)


def test_even_what_is_not_http_is_answered_by_a_simulator(
    simulator: RunningSimulator, certificates: CertificateFolder
):
    context = ssl.create_default_context(cafile=str(certificates.server_ca))
    pair = certificates.client()
    context.load_cert_chain(pair.certificate, pair.key)
    with (
        socket.create_connection(("127.0.0.1", simulator.port), timeout=60) as raw,
        context.wrap_socket(raw, server_hostname="localhost") as secure,
    ):
        secure.sendall(b"NONSENSE 1408683994 \x00\r\n\r\n")
        answer = b"".join(iter(lambda: secure.recv(4096), b""))
    assert b" 400 " in answer.split(b"\r\n")[0]
    assert b"X-Brevdue-Simulator: 1" in answer
    assert b"1408683994" not in answer


def test_a_process_of_its_own_serves_the_same(simulator_process: RunningSimulator):
    with simulator_process.client() as client:
        assert client.put(message_id(1)).status == 200
        assert [one["content_type_id"] for one in client.messages()] == [MANDATORY]
