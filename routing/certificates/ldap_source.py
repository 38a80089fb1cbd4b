"""A source of certificates: a directory over LDAP, asked about one address at a time.

Relies on `directory` for the protocol, in one thread of its own, so that a directory which hangs keeps nobody
else's thread. Judges nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from cryptography import x509

from routing.certificates.directory import Directory, escaped
from routing.mime.addresses import MailAddress, parse_domain
from schemas.errors import BadInput, ConfigurationError, Transient
from schemas.mail_settings import LdapDirectory

# Connecting, the handshake and the search have a time each.
_STEPS = 4


class LdapSource:
    """One `[mail.ldap.<name>]`."""

    def __init__(self, name: str, settings: LdapDirectory) -> None:
        self.name = f"ldap.{name}"
        self._settings = settings
        self._directory = Directory(name, settings)
        self._domains = frozenset(_domain(one, name) for one in settings.domains)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=self.name)

    async def find(self, address: MailAddress) -> Sequence[x509.Certificate]:
        """Returns what the directory has under this address; Transient when it does not answer in time."""
        if self._domains and address.domain not in self._domains:
            return ()
        filter_text = self._settings.filter.replace("{address}", escaped(address.spec))
        return await self._in_thread(filter_text)

    def findings(self) -> Iterator[tuple[str, dict[str, object]]]:
        """Asks about an address that nobody has, and yields what a person should know; blocks."""
        name = self._directory.name
        if self._settings.tls == "off":
            yield "certificate.directory_in_clear", {"source": name}
        directory = Directory(name, self._settings)
        try:
            directory.search(self._settings.filter.replace("{address}", "nobody@invalid"))
        except (Transient, ConfigurationError) as error:
            yield error.code, dict(error.params)
        finally:
            directory.close()

    def close(self) -> None:
        """Ends the connection; waits for no answer that is still out."""
        self._thread.submit(self._directory.close)
        self._thread.shutdown(wait=False)

    async def _in_thread(self, filter_text: str) -> list[x509.Certificate]:
        asked = asyncio.get_running_loop().run_in_executor(self._thread, self._look_up, filter_text)
        try:
            return await asyncio.wait_for(asked, _STEPS * self._settings.timeout_seconds)
        except TimeoutError:
            raise Transient("certificate.directory_down", source=self._directory.name) from None

    def _look_up(self, filter_text: str) -> list[x509.Certificate]:
        found = self._directory.search(filter_text)
        return [certificate for entry in found for certificate in entry.certificates]


def _domain(text: str, name: str) -> str:
    try:
        return parse_domain(text)
    except BadInput:
        raise ConfigurationError("certificate.directory_domain", source=name) from None
