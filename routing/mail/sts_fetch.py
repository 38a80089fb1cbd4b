"""Fetches one MTA-STS policy over HTTPS: certificate verified, no redirect followed, size and time capped.

Relies on asyncio and h11; RFC 8461 3.3. Reads no policy and keeps none: see `sts`.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from contextlib import suppress

import h11

from routing.mail.sts_policy import MAX_POLICY_BYTES

PATH = "/.well-known/mta-sts.txt"
_MAX_HEAD_BYTES = 16 * 1024
_READ_BYTES = 16 * 1024


class NotServed(Exception):
    """The policy could not be had: `code` is stable, `lasting` when asking again will give the same."""

    def __init__(self, code: str, *, lasting: bool) -> None:
        super().__init__(code)
        self.code = code
        self.lasting = lasting


async def fetch_policy(host: str, addresses: Sequence[str], port: int, context: ssl.SSLContext) -> bytes:
    """Returns the policy's text from the first address that can be reached; raises NotServed.

    Has no deadline of its own: the caller puts one around it.
    """
    fault = NotServed("sts.host_not_reached", lasting=False)
    for address in addresses:
        try:
            return await _fetch(host, address, port, context)
        except NotServed as not_served:
            fault = not_served
            if not_served.lasting:
                break
    raise fault


async def _fetch(host: str, address: str, port: int, context: ssl.SSLContext) -> bytes:
    try:
        reader, writer = await asyncio.open_connection(address, port, ssl=context, server_hostname=host)
    except ssl.SSLCertVerificationError:
        raise NotServed("sts.host_certificate_bad", lasting=True) from None
    except OSError:  # ssl.SSLError is one
        raise NotServed("sts.host_not_reached", lasting=False) from None
    try:
        return await _converse(host, reader, writer)
    except (OSError, EOFError):
        raise NotServed("sts.host_not_reached", lasting=False) from None
    except h11.RemoteProtocolError:
        raise NotServed("sts.policy_not_served", lasting=True) from None
    finally:
        writer.close()
        with suppress(OSError):
            writer.transport.abort()


async def _converse(host: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEAD_BYTES)
    headers = [("Host", host), ("User-Agent", "brevdue"), ("Connection", "close"), ("Accept", "text/plain")]
    writer.write(http.send(h11.Request(method="GET", target=PATH, headers=headers)) or b"")
    writer.write(http.send(h11.EndOfMessage()) or b"")
    body = bytearray()
    while True:
        event = http.next_event()
        if event is h11.NEED_DATA:
            http.receive_data(await reader.read(_READ_BYTES))
        elif isinstance(event, h11.Response):
            _demand_policy(event)
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > MAX_POLICY_BYTES:
                raise NotServed("sts.policy_too_large", lasting=True)
        elif isinstance(event, h11.EndOfMessage):
            return bytes(body)
        elif not isinstance(event, h11.InformationalResponse):
            raise NotServed("sts.host_not_reached", lasting=False)


def _demand_policy(response: h11.Response) -> None:
    """Only a plain 200 with plain text is a policy: a redirect could lead anywhere (RFC 8461 3.3)."""
    if response.status_code >= 500 or response.status_code == 429:
        raise NotServed("sts.host_not_reached", lasting=False)
    kinds = [value for name, value in response.headers if name == b"content-type"]
    plain = [kind for kind in kinds if kind.split(b";")[0].strip().lower() == b"text/plain"]
    if response.status_code != 200 or len(plain) != len(kinds):
        raise NotServed("sts.policy_not_served", lasting=True)
