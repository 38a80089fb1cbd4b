"""A certificate is renewed while letters are on their way: none is lost, none comes twice, nothing stops."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from eboks.simulator import FaultRule
from tests.rigs.big_drops import write_big_drop
from tests.rigs.certificates import SYSTEM_ID
from tests.rigs.houses import ROOT
from tests.rigs.oces import OTHER_CVR, PASSWORD, Issued
from tests.rigs.oces_simulator import fingerprint
from tests.rigs.senders import Desk, OpenDesk

N_LETTERS = 240
PATIENCE_SECONDS = 60.0
SET_UP = ("--step=sender", "--step=certificate", "--step=settings")


@pytest.fixture
def desk(open_desk: OpenDesk) -> Desk:
    """A sender set up."""
    opened = open_desk()
    assert opened.onboard(*SET_UP, *opened.flags()).code == 3
    text = opened.path.read_text(encoding="utf-8")
    opened.path.write_text(text + "parallel = 4\n", encoding="utf-8")
    assert opened.brevdue("init").code == 0
    return opened


def renewed(desk: Desk, new: Issued, *words: str):
    """Runs `cert renew` with a new certificate in PKCS#12."""
    p12 = desk.file("new.p12", new.p12(PASSWORD))
    known = ("--password-file", str(desk.password), "--roots", str(desk.roots))
    return desk.brevdue("cert", "renew", "eboks", "--p12", str(p12), *known, *words)


def slow(seconds: float) -> FaultRule:
    """A letter takes so long at the other side."""
    return FaultRule(kind="delay", delay_seconds=seconds, on="put")


def wait_until(true: Callable[[], object], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert process.poll() is None, "it ended by itself"
        assert time.monotonic() < deadline
        time.sleep(0.02)


def start_run(desk: Desk) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "jobs.cli", "--settings", str(desk.path), "run"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_letters_in_flight_end_on_the_old_certificate_and_the_next_go_on_the_new(desk: Desk, oces):
    new, simulator = oces.issue(), desk.simulator
    simulator.guests[fingerprint(new)] = (SYSTEM_ID,)
    write_big_drop(desk.folder / "loen" / "ind", "loen", N_LETTERS, n_bytes=4_000)
    simulator.faults(slow(0.05))
    process = start_run(desk)
    try:
        wait_until(lambda: len(simulator.held) >= 40, process)
        simulator.faults(slow(1.0))  # however long the renewal takes, there are letters in flight
        n_before = len(simulator.seen)
        ran = renewed(desk, new)
        assert ran.code == 0, ran.out + ran.err
        simulator.faults()
        assert (ran.data["swapped"], ran.data["restart"]) == (True, False)
        wait_until(lambda: fingerprint(new) in simulator.seen, process)
        wait_until(lambda: len(simulator.held) == N_LETTERS, process)
    finally:
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0
    assert "channel.stopped" not in log and "verb.failed" not in log
    # Both ends: every letter once, and once the new certificate was shown the old one was not again,
    # but for the four that were on their way.
    counts = simulator.running.simulation.counts
    # The one objection is to the bare question by which the new certificate was tried out.
    assert (counts.n_stored, counts.n_repeated, counts.n_objections) == (N_LETTERS, 0, 1)
    assert desk.brevdue("dispatch").code == desk.brevdue("close").code == 0
    (batch,) = desk.brevdue("status").data["batches"]
    assert {state: n for state, n in batch["states"].items() if n} == {"delivered": N_LETTERS}
    assert set(simulator.seen[:n_before]) == {fingerprint(desk.issued)}
    first_new = simulator.seen.index(fingerprint(new))
    assert simulator.seen[first_new + 4 :] == [fingerprint(new)] * len(simulator.seen[first_new + 4 :])
    assert N_LETTERS - first_new > 4


@pytest.mark.parametrize("wrong", [{"cvr": OTHER_CVR}, {"days": -1, "since_days": 9}, {"usage": False}])
def test_a_wrong_new_certificate_leaves_the_old_one_in_use(desk: Desk, oces, wrong):
    before = desk.settings.channels["eboks"].certificate.read_bytes()
    ran = renewed(desk, oces.issue(**wrong))
    assert (ran.code, ran.data["swapped"]) == (1, False)
    assert desk.settings.channels["eboks"].certificate.read_bytes() == before


def test_a_new_certificate_that_the_other_side_turns_down_is_not_swapped_in(desk: Desk, oces):
    """Its authority is one that we trust and the simulator does not."""
    from tests.rigs.oces import make_oces

    other = make_oces(oces.now)
    desk.file("roots.pem", other.roots_pem)
    before = desk.settings.channels["eboks"].certificate.read_bytes()
    roots = desk.folder.parent / "both.pem"
    roots.write_bytes(oces.roots_pem + other.roots_pem)
    p12 = desk.file("new.p12", other.issue().p12(PASSWORD))
    words = ("--p12", str(p12), "--password-file", str(desk.password), "--roots", str(roots))
    ran = desk.brevdue("cert", "renew", "eboks", *words)
    assert (ran.code, ran.data["swapped"]) == (1, False)
    (code,) = [check["code"] for check in ran.data["checks"] if check["level"] == "bad"]
    assert code in ("tls.client_certificate_refused", "tls.handshake_cut")
    assert desk.settings.channels["eboks"].certificate.read_bytes() == before
    assert desk.brevdue("cert", "renew", "eboks", *words, "--no-contact").code == 0


def test_a_channel_with_files_elsewhere_moves_to_the_lasting_place(desk: Desk, oces, tmp_path: Path):
    """The settings are written once, comments kept; the old files are left alone."""
    old = {"certificate": desk.file("old.pem", desk.issued.pem), "key": desk.file("old.key", b"")}
    old["key"].unlink()
    old["key"].touch(mode=0o600)
    old["key"].write_bytes(desk.issued.key_pem())
    text = desk.path.read_text(encoding="utf-8")
    for name, path in old.items():
        managed = f'{name} = "data/certificates/loen/current/{name}.pem"'
        assert managed in text
        text = text.replace(managed, f'{name} = "{path}"  # som før')
    desk.path.write_text(text, encoding="utf-8")
    new = oces.issue()
    desk.simulator.guests[fingerprint(new)] = (SYSTEM_ID,)
    ran = renewed(desk, new)
    assert (ran.code, ran.data["restart"], ran.data["channels"]) == (0, True, ["eboks"])
    written = desk.path.read_text(encoding="utf-8")
    assert 'certificate = "data/certificates/eboks/current/certificate.pem"' in written
    assert "# som før" in written and "# efter aftale" in written
    assert old["certificate"].exists()
    assert desk.brevdue("check").code == 0


@pytest.mark.parametrize(("days", "warning"), [(61, None), (59, 60), (29, 30), (13, 14), (6, 7)])
def test_days_left_are_listed_and_warned_of_in_check(desk: Desk, oces, days: int, warning: int | None):
    new = oces.issue(days=days)
    desk.simulator.guests[fingerprint(new)] = (SYSTEM_ID,)
    assert renewed(desk, new).code == 0
    listed = desk.brevdue("cert", "list")
    (one,) = listed.data["certificates"]
    assert (listed.code, one["channel"], one["days"], one["warning"]) == (0, "eboks", days, warning)
    assert "NTRDK-13748136" in one["subject"] and "udstedende-CA 1" in one["issuer"]
    points = [one for one in desk.brevdue("check").data["points"] if one["code"]]
    assert points == (
        []
        if warning is None
        else [
            {
                "what": "channel eboks",
                "code": "tls.certificate_expires_soon",
                "warning": True,
                "params": {"days": days},
            }
        ]
    )


def test_a_certificate_that_is_over_makes_the_list_fail(desk: Desk, oces):
    from jobs.onboarding.certificate_store import CertificateStore
    from jobs.onboarding.certificates import Identity

    over = oces.issue(days=-1, since_days=9)
    channel = desk.settings.channels["eboks"]
    store = CertificateStore.holding(channel.certificate, channel.key)
    store.install(Identity(over.certificate, over.key, over.chain))
    listed = desk.brevdue("cert", "list")
    assert (listed.code, listed.data["certificates"][0]["code"]) == (2, "tls.certificate_expired")
