"""The wire says exactly how far a request had come, and never takes a broken reply for a whole one."""

from __future__ import annotations

import asyncio
import ssl

import pytest

from eboks.own_identity import OwnIdentity
from eboks.wire import Wire
from schemas.errors import ConfigurationError, InDoubt, Transient
from tests.rigs.tls_peer import plain_peer, read_request, refusing_peer, tls_peer
from tests.rigs.waiting import come

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
LETTER = b"x" * 100_000
# More than the kernel takes off our hands while nobody reads at the other end.
LARGE = bytes(40_000_000)


def on_wire(certificates, url, work, *, client="good", parallel=4, deadline_seconds=5.0):
    pair = certificates.client(client)

    async def whole():
        wire = Wire(
            url,
            OwnIdentity(pair.certificate, pair.key, certificates.server_ca, lambda: None).context,
            parallel=parallel,
            deadline_seconds=deadline_seconds,
            max_reply_bytes=10_000,
        )
        try:
            return await work(wire)
        finally:
            await wire.close()

    return asyncio.run(whole())


def put(certificates, url, body=LETTER, **change):
    return on_wire(certificates, url, lambda wire: wire.put("/a", body, "application/xml"), **change)


def get(certificates, url, **change):
    return on_wire(certificates, url, lambda wire: wire.get("/a?b=c"), **change)


def answering(*replies: bytes):
    """Returns an act that answers request by request and then closes."""

    async def act(reader, writer):
        for reply in replies:
            await read_request(reader)
            writer.write(reply)
            await writer.drain()

    return act


async def hang_up_after_the_request(reader, writer):
    await read_request(reader)
    writer.transport.abort()


async def hang_up_in_mid_body(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(1000)
    writer.transport.abort()


async def never_read(reader, writer):
    writer.transport.pause_reading()
    await asyncio.sleep(30)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_whole_reply_comes_with_the_facts_of_its_connection(certificates, version):
    with tls_peer(certificates, answering(OK), version) as url:
        reply = put(certificates, url)
    assert (reply.status, reply.body, reply.fault, reply.whole_request) == (200, b"ok", "", True)
    assert reply.facts["tls_version"] == version.name.replace("_", ".")
    assert len(reply.facts["peer_certificate_sha256"]) == 64


def test_a_letter_of_many_pieces_arrives_whole(certificates):
    got = []

    async def act(reader, writer):
        got.append(await read_request(reader))
        writer.write(OK)

    letter = bytes(range(256)) * 12_000
    with tls_peer(certificates, act) as url:
        assert put(certificates, url, letter).whole_request
    assert got == [letter]


def test_nobody_there_means_nothing_sent(certificates):
    with pytest.raises(Transient) as caught:
        put(certificates, "https://127.0.0.1:1")
    assert (caught.value.code, caught.value.reached) == ("http.not_connected", False)


def test_no_answer_to_a_whole_letter_is_doubt(certificates):
    with tls_peer(certificates, hang_up_after_the_request) as url, pytest.raises(InDoubt) as caught:
        put(certificates, url)
    assert caught.value.code == "http.no_answer"


def test_no_answer_to_a_question_is_no_doubt(certificates):
    with tls_peer(certificates, hang_up_after_the_request) as url, pytest.raises(Transient):
        get(certificates, url)


def test_a_letter_cut_in_mid_body_was_not_taken(certificates):
    with tls_peer(certificates, hang_up_in_mid_body) as url, pytest.raises(Transient) as caught:
        put(certificates, url, LARGE)
    assert (caught.value.code, caught.value.maybe_taken) == ("http.body_not_sent", False)


def test_a_deadline_in_mid_body_says_that_nothing_was_taken(certificates):
    with tls_peer(certificates, never_read) as url, pytest.raises(Transient) as caught:
        put(certificates, url, LARGE, deadline_seconds=2.0)
    assert caught.value.code == "http.body_not_sent"


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", "http.reply_cut"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n" + b"x" * 20_000, "http.reply_too_large"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nok", "http.reply_encoded"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc", "http.reply_cut"),
    ],
)
def test_a_reply_that_is_not_whole_says_so(certificates, answer, fault):
    with tls_peer(certificates, answering(answer)) as url:
        assert put(certificates, url).fault == fault


def test_an_end_without_goodbye_is_not_the_replys_own_end(certificates):
    async def act(reader, writer):
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nhalf of it")
        await asyncio.sleep(0.1)
        writer.transport.abort()

    with tls_peer(certificates, act) as url:
        assert put(certificates, url).fault == "http.reply_cut"


@pytest.mark.parametrize("answer", [b"220 smtp ready\r\n\r\n", b"\x00\x01\x02\r\n\r\n"])
def test_what_is_not_http_is_doubt(certificates, answer):
    with tls_peer(certificates, answering(answer)) as url, pytest.raises(InDoubt) as caught:
        put(certificates, url)
    assert caught.value.code == "http.reply_unreadable"


def test_an_answer_before_the_end_of_the_letter_is_marked(certificates):
    async def act(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(30)  # whoever hangs up on what is still being sent may take the answer back

    with tls_peer(certificates, act) as url:
        reply = put(certificates, url, LARGE)
    assert (reply.status, reply.whole_request) == (413, False)


def test_a_connection_is_kept_and_one_closed_meanwhile_is_not_used(certificates):
    connections, closed = [], []

    async def act(reader, writer):
        connections.append(1)
        await answering(OK, OK)(reader, writer)
        writer.close()
        closed.append(1)

    async def work(wire):
        for number in (1, 2, 3):
            assert (await wire.put("/a", LETTER, "text/plain")).status == 200
            if number == 2:
                await come(lambda: closed, "the end of the connection")
            await asyncio.sleep(0.05)  # what has arrived is read in the loop's next turns

    with tls_peer(certificates, act) as url:
        on_wire(certificates, url, work)
    assert len(connections) == 2


def test_bytes_nobody_asked_for_are_never_the_next_answer(certificates):
    async def act(reader, writer):
        await read_request(reader)
        writer.write(OK)
        await writer.drain()
        await come(lambda: bodies, "the first answer")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong")
        await writer.drain()
        said.append(1)
        await answering(OK)(reader, writer)

    bodies: list[bytes] = []
    said: list[int] = []

    async def work(wire):
        for _ in range(2):
            bodies.append((await wire.put("/a", LETTER, "text/plain")).body)
            await come(lambda: said, "what nobody asked for")
            await asyncio.sleep(0.05)  # what has arrived is read in the loop's next turns
        return bodies

    with tls_peer(certificates, act) as url:
        assert on_wire(certificates, url, work) == [b"ok", b"ok"]


@pytest.mark.parametrize("client", ["expired", "stranger"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_refused_certificate_is_known_before_a_byte_of_the_letter_leaves(certificates, client, version):
    with refusing_peer(certificates, version) as (url, read), pytest.raises(ConfigurationError) as caught:
        put(certificates, url, client=client)
    assert caught.value.code == "tls.client_certificate_refused"
    assert read == []


def test_a_server_that_speaks_no_tls_is_our_set_up(certificates):
    answer = b"HTTP/1.1 400 Bad Request\r\n\r\n"
    with plain_peer(answer) as url, pytest.raises(ConfigurationError) as caught:
        put(certificates, url)
    assert caught.value.code == "tls.not_tls"


def test_the_client_for_libraries_goes_over_the_same_connections(certificates):
    async def work(wire):
        client = wire.client()
        posted = await client.post("/soap", content=b"<a/>")
        return posted.status_code, posted.text, (await wire.get("/b")).status

    connections = []

    async def act(reader, writer):
        connections.append(1)
        await answering(OK, OK)(reader, writer)

    with tls_peer(certificates, act) as url:
        assert on_wire(certificates, url, work) == (200, "ok", 200)
    assert len(connections) == 1
