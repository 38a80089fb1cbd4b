"""Runs OpenLDAP's `slapd` with published certificates, in a folder of its own and on loopback alone.

Relies on Debian's package `slapd` and on ldap3 for filling it. Works as root (the server then runs as
`nobody`) and as an ordinary user. A server never outlives the tests: it ends when the pipe that this process
holds is closed.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import ldap3
import pytest

from eboks.simulator.certificates import CertificateFolder
from schemas.mail_settings import LdapDirectory
from tests.rigs.components import require_component
from tests.rigs.ports import free_port

SUFFIX = "o=Katalog,c=DK"
START_SECONDS = 60.0
_ADMIN, _PASSWORD = f"cn=admin,{SUFFIX}", "test"
_SCHEMAS = Path("/etc/ldap/schema")
_MODULES = Path("/usr/lib/ldap")
# Waits for the end of standard input, then stops the server.
_GUARD = '"$@" & server=$!; cat >/dev/null; kill "$server" 2>/dev/null; wait "$server"'
_SETTINGS = """
include {schemas}/core.schema
include {schemas}/cosine.schema
include {schemas}/inetorgperson.schema
pidfile {folder}/slapd.pid
modulepath {modules}
moduleload back_mdb
TLSCertificateFile {certificate}
TLSCertificateKeyFile {key}
sizelimit {size_limit}
database mdb
suffix "{suffix}"
rootdn "{admin}"
rootpw {password}
directory {folder}/db
maxsize 16777216
dbnosync
access to * by * read
"""


def find_slapd() -> str | None:
    """Returns the program, which is in no ordinary user's path."""
    return shutil.which("slapd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


class Slapd:
    """One server: `publish` puts people into it, `directory` says how to ask it; `stop` and `start` again."""

    def __init__(self, program: str, certificates: CertificateFolder, size_limit: int = 500) -> None:
        self._program = program
        self.ca = certificates.server_ca
        self.port, self.tls_port = free_port(), free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="brevdue-slapd-"))
        (self.folder / "db").mkdir()
        pair = certificates.server("good")
        for name, source in (("server.pem", pair.certificate), ("server.key", pair.key)):
            shutil.copyfile(source, self.folder / name)
        text = _SETTINGS.format(
            schemas=_SCHEMAS,
            modules=_MODULES,
            folder=self.folder,
            certificate=self.folder / "server.pem",
            key=self.folder / "server.key",
            suffix=SUFFIX,
            admin=_ADMIN,
            password=_PASSWORD,
            size_limit=size_limit,
        )
        (self.folder / "slapd.conf").write_text(text)
        self._user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        if self._user is not None:
            for path in (self.folder, *self.folder.rglob("*")):
                os.chown(path, self._user.pw_uid, self._user.pw_gid)
        self._guard: subprocess.Popen[bytes] | None = None
        self._numbers = iter(range(1, 10_000))

    def start(self) -> None:
        """Starts the server and returns when it answers."""
        places = f"ldap://127.0.0.1:{self.port}/ ldaps://127.0.0.1:{self.tls_port}/"
        words = [self._program, "-d", "0", "-h", places, "-f", str(self.folder / "slapd.conf")]
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, "sh", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=self._user.pw_uid if self._user else None,
            group=self._user.pw_gid if self._user else None,
            extra_groups=[] if self._user else None,
        )
        _wait_for(self.port, self._guard)

    def stop(self) -> None:
        """Stops the server; its data stay."""
        guard, self._guard = self._guard, None
        if guard is not None and guard.stdin is not None:
            guard.stdin.close()
            guard.wait(timeout=START_SECONDS)

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def found(self) -> None:
        """Makes the entry that all others stand below."""
        with self._connection() as connection:
            assert connection.add(SUFFIX, "organization"), connection.result

    def publish(
        self,
        address: str,
        certificates: Sequence[bytes] = (),
        pkcs7: Sequence[bytes] = (),
        domain: str = "",
    ) -> str:
        """Adds an entry with certificates in DER and PKCS#7 blobs; returns its name."""
        name = f"cn=entry {next(self._numbers)},{SUFFIX}"
        about: dict[str, object] = {"sn": "Test", "mail": address}
        about |= {"userCertificate;binary": list(certificates)} if certificates else {}
        about |= {"userSMIMECertificate": list(pkcs7)} if pkcs7 else {}
        classes = ["inetOrgPerson"]
        if domain:
            classes, about = [*classes, "domainRelatedObject"], about | {"associatedDomain": domain}
        with self._connection() as connection:
            assert connection.add(name, classes, about), connection.result
        return name

    def withdraw(self, name: str) -> None:
        with self._connection() as connection:
            assert connection.delete(name), connection.result

    def directory(self, **change: object) -> LdapDirectory:
        """Returns the settings that ask this server, over TLS unless they are changed."""
        given: dict[str, object] = {
            "host": f"localhost:{self.tls_port}",
            "ca": self.ca,
            "base": SUFFIX,
            "timeout_seconds": 20,
        }
        return LdapDirectory.model_validate(given | change)

    def clear(self) -> None:
        """Takes every entry away."""
        with self._connection() as connection:
            connection.search(SUFFIX, "(objectClass=inetOrgPerson)", attributes=[])
            for one in list(connection.response):
                connection.delete(one["dn"])

    @property
    def running(self) -> bool:
        return self._guard is not None

    @contextmanager
    def _connection(self) -> Iterator[ldap3.Connection]:
        server = ldap3.Server("127.0.0.1", self.port, get_info=ldap3.NONE)
        connection = ldap3.Connection(server, _ADMIN, _PASSWORD, auto_bind=True)
        try:
            yield connection
        finally:
            connection.unbind()  # as a context manager ldap3 leaves open what was open before


@pytest.fixture(scope="session")
def slapd_server(certificates: CertificateFolder) -> Iterator[Slapd]:
    """One server for the run."""
    program = find_slapd()
    require_component("OpenLDAP (slapd)", program is not None, "apt-get install slapd")
    server = Slapd(program or "", certificates)
    try:
        server.start()
        server.found()
        yield server
    finally:
        server.remove()


@pytest.fixture
def slapd(slapd_server: Slapd) -> Iterator[Slapd]:
    """The server, empty again after the test and running even if the test stopped it."""
    yield slapd_server
    if not slapd_server.running:
        slapd_server.start()
    slapd_server.clear()


def _wait_for(port: int, guard: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), 1):
                return
        except OSError:
            if guard.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("slapd did not start") from None
        time.sleep(0.02)
