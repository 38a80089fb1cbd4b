"""What is kept of an onboarding: whole or not at all, for one user, and never by two walks at once."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jobs.onboarding.checks import Check, bad, fault, faults, good, note
from jobs.onboarding.state import (
    STEPS,
    SenderState,
    StepResult,
    list_senders,
    load_state,
    one_at_a_time,
    save_state,
)
from schemas.catalogue import explain
from schemas.errors import ConfigurationError, ServiceDown, Transient

AT = datetime(2026, 11, 24, 6, 30, tzinfo=UTC)
CHECKS = (good("certificate.time", days=900), bad("certificate.cvr", "own_certificate.cvr_missing"))


def test_it_reads_back_as_it_was(tmp_path: Path):
    state = SenderState("loen", {"cvr": "13748136"}, {"certificate": StepResult("failed", CHECKS, AT)})
    save_state(tmp_path, state)
    assert load_state(tmp_path, "loen") == state
    assert list_senders(tmp_path) == ["loen"]
    assert state.open_steps == list(STEPS)
    path = tmp_path / "onboarding" / "loen" / "state.json"
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert [one.name for one in path.parent.iterdir()] == ["state.json"]


def test_nothing_is_known_of_a_sender_that_never_began(tmp_path: Path):
    assert load_state(tmp_path, "loen") == SenderState("loen")
    assert list_senders(tmp_path) == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"answers": {"frob": 1}, "steps": {}}',
        b'{"answers": {}, "steps": {"x": {"status": "y"}}}',
    ],
)
def test_a_file_that_is_not_ours_is_told_and_left(tmp_path: Path, content: bytes):
    path = tmp_path / "onboarding" / "loen" / "state.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with pytest.raises(ConfigurationError) as raised:
        load_state(tmp_path, "loen")
    assert raised.value.code == "onboarding.state_unreadable"
    assert path.read_bytes() == content


def test_a_folder_that_can_not_be_written_leaves_the_old_file(tmp_path: Path):
    save_state(tmp_path, SenderState("loen", {"name": "før"}))
    folder = tmp_path / "onboarding" / "loen"
    (folder / f".state.json.{os.getpid()}.new").mkdir()
    with pytest.raises(ConfigurationError) as raised:
        save_state(tmp_path, SenderState("loen", {"name": "efter"}))
    assert raised.value.code == "onboarding.not_writable"
    assert json.loads((folder / "state.json").read_text("utf-8"))["answers"] == {"name": "før"}


def test_two_walks_of_one_sender_keep_apart(tmp_path: Path):
    with one_at_a_time(tmp_path, "loen"):
        with pytest.raises(ConfigurationError) as raised, one_at_a_time(tmp_path, "loen"):
            pass
        assert raised.value.code == "onboarding.busy"
        with one_at_a_time(tmp_path, "andre"):
            pass


def test_a_verdict_says_who_must_act():
    assert [check.who for check in CHECKS] == [None, "issuer"]
    assert note("x", "connection.allow_address").who == "eboks"
    assert bad("x", "onboarding.settings_differ").who == "us"
    assert faults([*CHECKS, note("x", "y.z")]) == [CHECKS[1]]
    assert Check.from_json(json.loads(json.dumps(CHECKS[1].as_json()))) == CHECKS[1]


@pytest.mark.parametrize(
    ("error", "unreached"),
    [
        (ServiceDown("eboks.not_reached"), True),
        (Transient("http.not_connected", reached=False), True),
        (Transient("eboks.not_now", status=503, number="-"), False),
        (ConfigurationError("tls.key_mismatch"), False),
    ],
)
def test_an_error_becomes_a_verdict(error, unreached: bool):
    check = fault("connection", error, "eboks")
    assert (check.level, check.unreached, check.subject) == ("bad", unreached, "eboks")


def test_everybody_who_may_have_to_act_has_a_name_and_every_code_a_text():
    from jobs.onboarding.checks import _WHO

    for language in ("da", "en"):
        for code, who in _WHO.items():
            assert explain(code, language).do, code
            assert explain(f"onboard.who_{who}", language).what != f"onboard.who_{who}"
