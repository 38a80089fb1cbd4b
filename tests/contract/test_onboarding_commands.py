"""The commands of onboarding and certificates as a person reads them: sentences, tables, exit codes."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout

import pytest

from jobs.cli import run
from tests.rigs.houses import Ran
from tests.rigs.senders import Desk, OpenDesk


def said(desk: Desk, *words: str) -> Ran:
    """Runs a command in this process, speaking to a person who is not on a terminal."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run(["--settings", str(desk.path), *words])
    return Ran(code, out.getvalue(), err.getvalue())


def test_status_of_nobody_of_one_under_way_and_of_one_who_must_act(open_desk: OpenDesk):
    desk = open_desk()
    assert said(desk, "onboard", "status").out == "Ingen afsender er under opsætning.\n"
    desk.onboard(
        "--step=sender", "--step=certificate", *desk.flags(p12=None, password_file=None, request=True)
    )
    ran = said(desk, "onboard", "status", "--sprog", "en")
    assert ran.code == 3
    row = next(line for line in ran.out.splitlines() if "Certificate" in line)
    assert "loen" in row and "open" in row and "the certificate's issuer" in row and "request.pem" in row
    assert "The step has not been taken yet." in ran.out


def test_each_verdict_is_told_with_what_to_do_and_who_must(open_desk: OpenDesk):
    desk = open_desk()
    steps = ("--step=sender", "--step=certificate")
    ran = said(desk, "onboard", "loen", *steps, *desk.flags(cvr="28541074"))
    assert ran.code == 1
    assert "Certifikatet er udstedt til CVR 13748136, men afsenderen har CVR 28541074." in ran.out
    assert "[own_certificate.cvr_differs]" in ran.out
    assert "Den, der må handle: certifikatets udsteder (MitID Erhverv)." in ran.out
    assert "onboard." not in ran.out


def test_quiet_says_nothing_and_a_machine_gets_one_line(open_desk: OpenDesk):
    desk = open_desk()
    words = ("onboard", "loen", "--step=sender", *desk.flags())
    assert said(desk, "-q", *words).out == ""
    assert len(desk.brevdue(*words).out.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("onboard",), "onboarding.answers_missing"),
        (("onboard", "Løn"), "onboarding.bad_name"),
        (("onboard", "loen", "--step=frob"), "onboarding.no_such_step"),
        (("onboard", "loen", "--title=x"), "onboarding.which_material"),
        (("onboard", "loen", "--url=https://x.invalid"), "onboarding.which_channel"),
        (("onboard", "loen", "--answers=findes-ikke.toml"), "onboarding.no_answers_file"),
        (("onboard", "loen", "--cvr=1"), "onboarding.answers_invalid"),
        (("cert", "renew", "findes_ikke", "--pem=x"), "settings.no_channel"),
        (("cert", "frob"), "usage.no_such_command"),
        (("cert", "renew"), "usage.missing"),
    ],
)
def test_wrong_use_is_told_and_changes_nothing(open_desk: OpenDesk, words, code: str):
    desk = open_desk()
    ran = desk.brevdue(*words)
    assert (ran.code, json.loads(ran.err.splitlines()[-1])["error"]) == (2, code)
    assert not desk.sender_folder.exists()


def test_the_list_of_certificates(open_desk: OpenDesk, oces):
    desk = open_desk(oces.issue(days=13))
    assert said(desk, "cert", "list").out == "Ingen kanal bruger et certifikat.\n"
    desk.onboard("--step=sender", "--step=certificate", "--step=settings", *desk.flags())
    ran = said(desk, "cert", "list")
    assert ran.code == 0
    assert "13 !" in ran.out and "NTRDK-13748136" in ran.out
    assert "udløber om 13 dage" in ran.out and "brevdue cert renew eboks" in ran.out
