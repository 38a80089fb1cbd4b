"""Runs Debian's Postfix as a receiving server in a folder of its own: one mail system, several listeners.

Relies on the program `postfix`, which wants root. Every listener has an address of its own on one port and
its own way with TLS; what is taken lands in a maildir. Listens on loopback, relays nothing. It never outlives
the tests: it ends when the pipe that this process holds is closed, and a killed process closes it too.
"""

from __future__ import annotations

import os
import pwd
import shutil
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.rigs.components import require_component

INSTALL = "apt-get install postfix (and run the tests as root)"
START_SECONDS = 60.0
BOUNCING = "vender-tilbage.example"
"""Mail to this domain is taken, and comes back in a report."""

_GUARD = '"$@" start-fg & cat >/dev/null; "$@" abort; wait'

_MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
shlib_directory = /usr/lib/postfix
meta_directory = /etc/postfix
mail_owner = postfix
setgid_group = postdrop
maillog_file = {folder}/log/mail.log
maillog_file_prefixes = {folder}
myhostname = postfix.invalid
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
mynetworks =
inet_protocols = ipv4
default_transport = error:nothing leaves this rig
relay_transport = error:nothing leaves this rig
virtual_mailbox_domains = static:all
virtual_mailbox_maps = regexp:{folder}/conf/mailboxes
virtual_mailbox_base = {folder}/mail
virtual_minimum_uid = 1
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
smtpd_relay_restrictions = reject_unauth_destination
smtpd_recipient_restrictions =
smtpd_tls_loglevel = 1
smtpd_tls_received_header = yes
smtpd_peername_lookup = no
local_header_rewrite_clients =
transport_maps = inline:{{ {{ {bouncing} = bounces: }} }}
message_size_limit = 30000000
"""
_SERVICES = """\
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
bounces unix - n n - - pipe flags= user=nobody argv={folder}/conf/no_such_user
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


@dataclass(frozen=True, slots=True)
class Listener:
    """One address: the file with key, certificate and chain (None: no TLS at all), and the newest version."""

    address: str
    whole: Path | None
    newest: ssl.TLSVersion | None = None


class Postfix:
    """A running Postfix."""

    def __init__(self, folder: Path, port: int, listeners: list[Listener]) -> None:
        self.folder = folder
        self.port = port
        self._listeners = listeners
        self._guard: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Writes the settings and starts it; raises RuntimeError with its log when it does not."""
        account = pwd.getpwnam("postfix")
        for name in ("conf", "queue", "data", "log", "mail", "tls"):
            (self.folder / name).mkdir()
        self.folder.chmod(0o755)
        os.chown(self.folder / "data", account.pw_uid, account.pw_gid)
        os.chown(self.folder / "mail", account.pw_uid, account.pw_gid)
        conf = self.folder / "conf"
        main = _MAIN.format(folder=self.folder, uid=account.pw_uid, gid=account.pw_gid, bouncing=BOUNCING)
        (conf / "main.cf").write_text(main)
        (conf / "no_such_user").write_text("#!/bin/sh\nexit 67\n")
        (conf / "no_such_user").chmod(0o755)
        services = _SERVICES.format(folder=self.folder)
        (conf / "mailboxes").write_text("/./ all/\n")
        (conf / "master.cf").write_text("".join(map(self._service, self._listeners)) + services)
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD, "guard", "postfix", "-c", str(conf)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        )
        deadline = time.monotonic() + START_SECONDS
        while "daemon started" not in self.log():
            if time.monotonic() > deadline or self._guard.poll() is not None:
                raise RuntimeError(f"Postfix did not start:\n{self.log()}")
            time.sleep(0.05)

    def stop(self) -> None:
        if self._guard is not None:
            self._guard.communicate(timeout=60)

    def log(self) -> str:
        path = self.folder / "log" / "mail.log"
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def n_connections(self) -> int:
        return self.log().count(": connect from ")

    def forget(self) -> None:
        """Throws away what has arrived."""
        for path in (self.folder / "mail").rglob("new/*"):
            path.unlink()

    def mails(self, n: int) -> list[bytes]:
        """Returns the mails that have arrived, once there are `n` of them, or after a while what there is."""
        deadline = time.monotonic() + START_SECONDS
        while len(found := sorted((self.folder / "mail").rglob("new/*"))) < n:
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)
        return [path.read_bytes() for path in found]

    def _service(self, one: Listener) -> str:
        options = {"smtpd_tls_security_level": "none"}
        if one.whole is not None:
            chain = self.folder / "tls" / f"{one.address}.pem"
            shutil.copy(one.whole, chain)
            chain.chmod(0o600)
            options = {"smtpd_tls_security_level": "may", "smtpd_tls_chain_files": str(chain)}
        if one.newest is not None and one.newest < ssl.TLSVersion.TLSv1_2:
            options["smtpd_tls_protocols"] = ">=TLSv1,<=TLSv1.1"
            options["tls_medium_cipherlist"] = "ALL:@SECLEVEL=0"
        lines = [f"{one.address}:{self.port} inet n - n - - smtpd"]
        return "\n".join([*lines, *(f"  -o {key}={value}" for key, value in options.items())]) + "\n"


@contextmanager
def postfix(port: int, listeners: list[Listener]) -> Iterator[Postfix]:
    """Runs a Postfix for the block, and removes everything of it."""
    found = shutil.which("postfix", path="/usr/sbin:/usr/bin") is not None and os.geteuid() == 0
    require_component("Postfix", found, INSTALL)
    folder = Path(tempfile.mkdtemp(prefix="brevdue-postfix-"))
    running = Postfix(folder, port, listeners)
    try:
        running.start()
        yield running
    finally:
        running.stop()
        shutil.rmtree(folder, ignore_errors=True)
