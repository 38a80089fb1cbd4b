"""Asks a directory over LDAP for certificates, read-only and without a name.

The one door of ldap3. Relies on it for the protocol, and on the standard library for TLS: ldap3's own check
of the host's name is older than Python's. Blocks: whoever calls it does so in a thread. Believes nothing of
what it gets: see `judging`. Source: facts/secure-mail 2, "LDAP in Python".
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cryptography import x509

from routing.certificates.files import read_certificates
from schemas.errors import BadInput, ConfigurationError, Transient
from schemas.mail_settings import LdapServer

if TYPE_CHECKING:
    import ldap3

MAX_ENTRIES = 50
"""A person has a few entries at most; a filter that finds more is cut off there."""
MAX_VALUE_BYTES = 256 * 1024
PAGE_ENTRIES = 200
_PORTS = {"ldaps": 636, "starttls": 389, "off": 389}
_SIZE_LIMIT_EXCEEDED = 4
_PAGED_RESULTS = "1.2.840.113556.1.4.319"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a directory: the texts of one attribute of its own, and its certificates."""

    texts: tuple[str, ...] = field(repr=False)
    certificates: tuple[x509.Certificate, ...] = field(repr=False)


class Directory:
    """A connection to one directory, made at the first question and again when it is lost."""

    def __init__(self, name: str, server: LdapServer) -> None:
        """`name` is the directory's name in the settings; it stands in every error."""
        self.name = name
        self._server = server
        self._connection: ldap3.Connection | None = None

    def search(self, filter_text: str, max_entries: int = MAX_ENTRIES) -> list[Entry]:
        """Returns the entries of a filter, its values already escaped, as far as the list goes: what is on it
        is judged like anything else.

        Raises Transient `certificate.directory_down` or `certificate.directory_refused` (with its result
        code), and ConfigurationError `certificate.directory_ca`.
        """
        entries, _, _ = self._answer(filter_text, {"size_limit": max_entries}, (0, _SIZE_LIMIT_EXCEEDED))
        return entries

    def search_all(self, filter_text: str, named_by: str, max_entries: int) -> list[Entry]:
        """Returns every entry of a filter, page by page, with the texts of the attribute `named_by`.

        Raises as `search`, also for a list that was cut off: it must not pass for a whole one.
        """
        found: list[Entry] = []
        cookie: bytes | None = None
        while cookie is None or cookie:
            page = {"paged_size": PAGE_ENTRIES, "paged_cookie": cookie}
            entries, cookie, result = self._answer(filter_text, page, (0,), named_by)
            found += entries
            if len(found) > max_entries:
                raise Transient("certificate.directory_refused", source=self.name, result=result)
        return found

    def close(self) -> None:
        """Ends the connection; a later question makes a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            _end(connection)

    def _answer(
        self, filter_text: str, options: dict[str, Any], good: tuple[int, ...], named_by: str = ""
    ) -> tuple[list[Entry], bytes, int]:
        """Returns the entries, the mark of the next page, and the result code."""
        was_open = self._connection is not None
        try:
            found, result = self._asked(filter_text, options, named_by)
        except Transient:
            # A connection that lay idle may be gone; a new one tells whether the directory is.
            if not was_open or options.get("paged_cookie"):
                raise
            found, result = self._asked(filter_text, options, named_by)
        if result["result"] not in good:
            code = result["result"]
            raise Transient("certificate.directory_refused", source=self.name, result=code)
        entries = [one["raw_attributes"] for one in found if one.get("type") == "searchResEntry"]
        page = (result.get("controls") or {}).get(_PAGED_RESULTS, {})
        cookie = page.get("value", {}).get("cookie") or b""
        return [self._entry(one, named_by) for one in entries], cookie, result["result"]

    def _asked(self, filter_text: str, options: dict[str, Any], named_by: str) -> tuple[Any, dict[str, Any]]:
        from ldap3.core.exceptions import LDAPExceptionError

        wanted = [*_spellings(self._server.attributes), *([named_by] if named_by else [])]
        try:
            if self._connection is None:
                self._connection = self._connected()
            connection = self._connection
            seconds = self._server.timeout_seconds
            connection.search(
                self._server.base, filter_text, attributes=wanted, time_limit=seconds, **options
            )
            return connection.response or (), connection.result
        except (LDAPExceptionError, OSError) as error:
            self.close()
            raise Transient("certificate.directory_down", source=self.name) from error

    def _connected(self) -> ldap3.Connection:
        import ldap3

        host, port = _place(self._server)
        tls = _tls(self._server, self.name) if self._server.tls != "off" else None
        server = ldap3.Server(
            host,
            port,
            use_ssl=self._server.tls == "ldaps",
            tls=tls,
            get_info=ldap3.NONE,
            connect_timeout=self._server.timeout_seconds,
        )
        connection = ldap3.Connection(
            server,
            read_only=True,
            auto_referrals=False,
            raise_exceptions=False,
            receive_timeout=self._server.timeout_seconds,
            return_empty_attributes=False,
        )
        try:
            connection.open(read_server_info=False)
            if self._server.tls == "starttls":
                connection.start_tls(read_server_info=False)
            connection.bind(read_server_info=False)
        except Exception:
            _end(connection)
            raise
        return connection

    def _entry(self, raw: dict[str, list[bytes]], named_by: str) -> Entry:
        texts = [one.decode("utf-8", "replace") for one in _values(raw, named_by)] if named_by else []
        names = dict.fromkeys(name.partition(";")[0].lower() for name in self._server.attributes)
        values = [value for name in names for value in _values(raw, name)]
        return Entry(tuple(texts), tuple(_certificates(values)))


def _end(connection: ldap3.Connection) -> None:
    """Ends a connection; one that is broken already is closed all the same."""
    from ldap3.core.exceptions import LDAPExceptionError

    socket = connection.socket
    with suppress(LDAPExceptionError, OSError):
        connection.unbind()
    if socket is not None:
        socket.close()


def escaped(value: str) -> str:
    """Returns a value as it may stand in a filter (RFC 4515 3)."""
    from ldap3.utils.conv import escape_filter_chars

    return str(escape_filter_chars(value))


def _spellings(attributes: Iterable[str]) -> Iterator[str]:
    """Yields every attribute with and without `;binary`: OpenLDAP knows no `userSMIMECertificate;binary`,
    while others answer for nothing else."""
    for name in dict.fromkeys(one.partition(";")[0] for one in attributes):
        yield from (name, f"{name};binary")


def _values(raw: dict[str, list[bytes]], name: str) -> Iterator[bytes]:
    """Yields an attribute's values, however the server spells it."""
    plain = name.partition(";")[0].lower()
    for key, values in raw.items():
        if key.partition(";")[0].lower() == plain:
            yield from values


def _certificates(values: Iterable[bytes]) -> Iterator[x509.Certificate]:
    """Yields the certificates in DER or PKCS#7 values; a value that is neither is left out."""
    seen: set[bytes] = set()
    for value in values:
        if len(value) <= MAX_VALUE_BYTES and value not in seen:
            seen.add(value)
            with suppress(BadInput):
                yield from read_certificates(value)


def _place(server: LdapServer) -> tuple[str, int]:
    host, colon, port = server.host.rpartition(":")
    if not colon or port.endswith("]"):
        host, port = server.host, ""
    return host.strip("[]"), int(port or _PORTS[server.tls])


def _tls(server: LdapServer, name: str) -> Any:
    """Returns ldap3's view of TLS, with Python's own context behind it."""
    import ldap3

    try:
        context = ssl.create_default_context(cafile=server.ca)
    except OSError:  # ssl.SSLError is one
        raise ConfigurationError("certificate.directory_ca", source=name) from None

    class Tls(ldap3.Tls):  # type: ignore[misc]
        def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:
            host = connection.server.host
            connection.socket = context.wrap_socket(connection.socket, server_hostname=host)

    return Tls(validate=ssl.CERT_REQUIRED)
