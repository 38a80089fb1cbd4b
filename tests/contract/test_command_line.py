"""The command line on a real house: exit codes, one JSON object, and bars on terminals only."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.rigs.big_drops import BigDrop
from tests.rigs.commands import PATIENCE_SECONDS, dropped, said, start, terminal, wait_until
from tests.rigs.houses import ROOT, FoundHouse, HouseOnDisk
from tests.rigs.judging import assert_each_exactly_once

ESCAPE = "\x1b"
BAR_WORDS = ("Henter", "Sender", "━")


def change(drop: BigDrop, old: str, new: str) -> None:
    """Changes the drop's index after it was written."""
    index = drop.path / "index.csv"
    text = index.read_text(encoding="utf-8")
    assert old in text
    index.write_text(text.replace(old, new, 1), encoding="utf-8")


# Exit codes


def test_0_when_all_is_well(found_house: FoundHouse):
    house = found_house()
    drop = dropped(house)
    assert [said(house, verb).code for verb in ("check", "pull", "dispatch", "close", "status")] == [0] * 5
    assert_each_exactly_once(house, drop.expected)


def test_1_when_something_is_on_the_error_list(found_house: FoundHouse):
    house = found_house(source="hold_above_percent = 100.0")
    change(dropped(house), "1.pdf;1\n", "1.pdf;1;too;many\n")
    assert [said(house, verb).code for verb in ("pull", "dispatch", "close")] == [1, 1, 1]


def test_1_when_a_drop_is_refused_whole(found_house: FoundHouse):
    house = found_house()
    (dropped(house).path / "index.csv").unlink()
    assert said(house, "pull").code == 1


def test_2_when_the_settings_are_wrong(found_house: FoundHouse):
    house = found_house()
    house.path.write_text(house.path.read_text(encoding="utf-8") + "\n[frob]\n", encoding="utf-8")
    ran = said(house, "status")
    assert (ran.code, ran.out) == (2, "")
    assert "frob" in ran.err and "[settings.invalid]" in ran.err


def test_3_when_something_waits_for_a_person(found_house: FoundHouse):
    house = found_house()
    change(dropped(house), "#ANTAL;3", "#ANTAL;4")
    pulled = said(house, "pull")
    assert pulled.code == 3
    assert "brevdue release" in pulled.out
    assert [said(house, verb).code for verb in ("dispatch", "status")] == [3, 3]


def test_a_batch_that_was_released_is_no_longer_said_to_wait(found_house: FoundHouse):
    house = found_house()
    change(dropped(house), "#ANTAL;3", "#ANTAL;4")
    house.brevdue("pull")
    batch = house.status()["batches"][0]
    assert batch["released_at"] is None
    assert "batch.wrong_total" in batch["held_code"]
    advice = f"brevdue release {batch['batch']} "
    assert advice in said(house, "status", batch["batch"]).out
    house.brevdue("release", batch["batch"])
    house.brevdue("hold", f"{batch['batch']}-00002", "--reason", "ser efter")
    ran = said(house, "status", batch["batch"])
    assert (ran.code, advice in ran.out) == (3, False)
    assert house.status()["batches"][0]["released_at"]


def test_3_when_something_is_in_doubt(found_house: FoundHouse):
    house = doubtful(found_house)
    assert house.states() == {"in_doubt": 1}
    assert said(house, "status").code == 3


def test_4_when_e_boks_can_not_be_reached(found_house: FoundHouse):
    house = found_house()
    dropped(house)
    house.brevdue("pull")
    os.kill(house.simulator.pid, signal.SIGTERM)
    wait_for_closed_port(house.simulator.port)
    ran = said(house, "dispatch")
    assert ran.code == 4
    assert "brevdue dispatch" in ran.out
    assert house.states() == {"ready": 3}
    assert said(house, "check").code == 4


def test_4_when_the_database_can_not_be_reached(found_house: FoundHouse):
    house = found_house()
    text = house.path.read_text(encoding="utf-8")
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound and not listening: nobody answers there
        url = f"postgresql://127.0.0.1:{nobody.getsockname()[1]}/brevdue"
        house.path.write_text(text.replace('database_url = ""', f'database_url = "{url}"'), encoding="utf-8")
        ran = said(house, "status")
    assert (ran.code, ran.out) == (4, "")
    assert "[ledger.unreachable]" in ran.err


def wait_for_closed_port(port: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return
        time.sleep(0.02)
    raise AssertionError("the simulator still listens")


def doubtful(found_house: FoundHouse) -> HouseOnDisk:
    """Returns a house whose one consignment was sent and not answered."""
    house = found_house(channel="breaker_failures = 100")
    slow = house.path.read_text(encoding="utf-8")
    slow = slow.replace("backoff_seconds = 0.05", "backoff_seconds = 600.0")
    house.path.write_text(slow.replace("backoff_max_seconds = 0.2", "backoff_max_seconds = 600.0"), "utf-8")
    dropped(house, 1)
    house.brevdue("pull")
    with house.simulator.client() as client:
        client.add_fault("accept_then_drop")
    assert house.brevdue("dispatch").code == 3
    return house


# What goes where


def test_every_command_gives_machines_exactly_one_object(found_house: FoundHouse):
    house = doubtful(found_house)
    batch = house.status()["batches"][0]["batch"]
    one = f"{batch}-00002"
    calls = [
        ["version"],
        ["init"],
        ["check"],
        ["explain", one],
        ["status", batch],
        ["status"],
        ["pause", "eboks"],
        ["dispatch"],
        ["resume", "eboks"],
        ["hold", batch, "--reason", "x"],
        ["release", batch],
        ["cancel", one, "--reason", "x"],
        ["resolve", one, "found", "--reason", "x"],
        ["pull"],
        ["collect"],
        ["close"],
        ["purge"],
    ]
    for words in calls:
        ran = house.brevdue(*words)
        assert ran.err == "", words
        assert ran.out.count("\n") == 1, words
        assert json.loads(ran.out)["exit_code"] == ran.code, words
    assert house.states() == {"delivered": 1}


@pytest.mark.parametrize("command", ["run", "simulate"])
def test_what_runs_until_it_is_stopped_gives_one_object_too(found_house: FoundHouse, command):
    house = found_house(house='log_file = "brevdue.log"')
    words = ["simulate", "--port", "0"] if command == "simulate" else ["run"]
    if command == "simulate":
        founded = house.brevdue("init")
        assert founded.code == 0
        make_simulator_s_certificates(house)
    process = house.start(*words)
    if command == "run":
        log = house.path.parent / "brevdue.log"
        wait_until(lambda: log.exists() and "run.started" in log.read_text(encoding="utf-8"), process)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
    else:
        assert process.stdout is not None
        first = process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        rest, err = process.communicate(timeout=PATIENCE_SECONDS)
        out = first + rest
    assert (process.returncode, err, out.count("\n")) == (0, "", 1)
    assert json.loads(out)["exit_code"] == 0


def make_simulator_s_certificates(house: HouseOnDisk) -> None:
    from datetime import UTC, datetime

    from eboks.simulator.certificates import make_certificates

    make_certificates(house.settings.house.data / "simulator", datetime.now(UTC))


def test_a_fault_is_one_object_on_the_error_stream(found_house: FoundHouse):
    ran = found_house().brevdue("explain", "20261124-000000-aaaaaa-00002")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.count("\n") == 1
    assert json.loads(ran.err)["error"] == "usage.no_such_subject"


def beside_progress(err: str) -> str:
    """Returns what was said but how far it is, which a slow machine tells every ten seconds."""
    return re.sub(r"^(Henter|Sender): \d+/\d+\n", "", err, flags=re.MULTILINE)


def test_sentences_go_to_standard_output_and_nothing_to_the_error_stream(found_house: FoundHouse):
    house = found_house()
    dropped(house)
    for verb in ("pull", "dispatch", "collect", "close", "status"):
        ran = said(house, verb)
        assert beside_progress(ran.err) == "", verb
        assert ran.out.strip(), verb
        assert ESCAPE not in ran.out, verb
    quiet = said(house, "status", "--quiet")
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "")


def test_status_and_explain_fit_eighty_columns_of_a_terminal(found_house: FoundHouse):
    house = found_house()
    dropped(house)
    house.day()
    batch = house.status()["batches"][0]["batch"]
    for words in (["status"], ["status", batch], ["explain", f"{batch}-00002"]):
        with terminal() as (descriptor, read):
            process = start(house, *words, out=descriptor)
            process.communicate(timeout=PATIENCE_SECONDS)
            shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", read())
        too_long = [line for line in shown.splitlines() if len(line.rstrip()) > 80]
        # A SHA-256 beside its name is one word of proof: it is better whole than folded.
        assert [line for line in too_long if "sha256" not in line] == []
        assert batch in shown


def test_pull_names_each_drop_with_its_numbers_masked_and_where_to_read_more(found_house: FoundHouse):
    house = found_house(source="hold_above_percent = 100.0")
    dropped(house, 2, "august")
    change(dropped(house, 3, "loen 1408683994"), "1.pdf;1\n", "1.pdf;1;too;many\n")
    (dropped(house, 4, "uden indeks").path / "index.csv").unlink()
    ran = said(house, "pull")
    assert "Hentet »august« som 2" in ran.out
    assert "Hentet »loen 140868-••••« som 2" in ran.out
    assert "Afvist »uden indeks« hos loen, intet er sendt: Der er ingen index.csv" in ran.out
    assert "1408683994" not in ran.out
    told = [line.removeprefix("Svaret ligger i ") for line in ran.out.splitlines() if "Svaret ligger" in line]
    assert len(told) == 2 and all((Path(folder) / "fejlliste.csv").is_file() for folder in told)


def test_loose_files_are_told_by_three_commands_and_left_alone(found_house: FoundHouse):
    house = found_house(source="stray_seconds = 0.0")
    loose = house.inbox / "1408683994 Åse.pdf"
    loose.write_bytes(b"%PDF-1.4")
    time.sleep(0.01)
    for words in ("pull", "status", "check"):
        ran = said(house, words)
        assert ran.code == 0, words
        assert "[drop.stray_file]" in ran.out, words
        assert "140868" not in ran.out and "Åse" not in ran.out, words
    for words in ("pull", "status"):
        told = house.brevdue(words).data["strays"]
        assert told == [{"source": "loen", "code": "drop.stray_file", "n_files": 1}]
    assert loose.read_bytes() == b"%PDF-1.4"


def test_a_bar_is_drawn_on_a_terminal_and_nowhere_else(found_house: FoundHouse):
    house = found_house()
    for number, (verb, word) in enumerate([("pull", "Henter"), ("dispatch", "Sender")]):
        if not number:
            dropped(house, 5)
        with terminal() as (descriptor, read):
            process = start(house, verb, err=descriptor)
            out, _ = process.communicate(timeout=PATIENCE_SECONDS)
            drawn = read()
        assert process.returncode == 0
        assert word in drawn and "5/5" in drawn
        assert out.strip() and ESCAPE not in out
        assert not any(sign in out for sign in BAR_WORDS)


@pytest.mark.parametrize("flag", ["--json", "--quiet"])
def test_no_bar_for_machines_not_even_on_a_terminal(found_house: FoundHouse, flag):
    house = found_house()
    dropped(house, 2)
    with terminal() as (descriptor, read):
        process = start(house, "pull", flag, err=descriptor)
        process.communicate(timeout=PATIENCE_SECONDS)
        assert read() == ""


def test_no_bar_when_only_standard_output_is_a_terminal(found_house: FoundHouse):
    house = found_house()
    dropped(house, 2)
    with terminal() as (descriptor, read):
        process = start(house, "pull", out=descriptor)
        _, err = process.communicate(timeout=PATIENCE_SECONDS)
        shown = read()
    assert beside_progress(err) == ""
    assert not any(sign in shown for sign in BAR_WORDS)


def test_the_demo_runs_without_settings_and_tells_machines_one_object(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-m", "jobs.cli", "demo", "--json", "--folder", str(tmp_path / "demo")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    told = json.loads(done.stdout)
    assert (done.returncode, done.stderr, told["as_planned"], told["simulated"]) == (0, "", True, True)
    assert Path(told["report"]).is_file()
