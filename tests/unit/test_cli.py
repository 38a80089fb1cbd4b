"""The command line without a house: its words in two languages, its help, and what a wrong call is told."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from jobs.cli import _unforeseen, run, split_common
from jobs.commands.context import Context
from jobs.commands.tree import build
from jobs.screen import EXIT_USAGE, Screen
from schemas.catalogue import Language, explain
from tests.unit.test_layers import HEAVY, HEAVY_DATABASE

COMMANDS = (
    *("pull", "dispatch", "collect", "close", "purge", "run", "release", "hold", "cancel", "resolve"),
    *("pause", "resume", "status", "explain", "check", "init", "simulate", "demo", "version"),
    *("onboard", "enrolment", "cert", "mail", "tunnel", "portal"),
)
FAMILIES = (
    *("enrolment import", "enrolment check", "cert list", "cert renew", "cert import", "mail open"),
    *("tunnel list", "tunnel import", "tunnel check"),
    *(
        "portal init",
        "portal list",
        "portal show",
        "portal revoke",
        "portal erase",
        "portal extend",
        "portal unlock",
    ),
    *("portal resend-notice", "portal reply-keys", "portal open-reply"),
)
LANGUAGES: tuple[Language, Language] = ("da", "en")
ENGLISH_CHROME = ("Usage", "Options", "Arguments", "Commands", "Show this", "required", "default")
NUMBER = "1408683994"
SHOWN = ("1408683994", "140868-3994", "3994")


@pytest.fixture(autouse=True)
def somewhere_without_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BREVDUE_SETTINGS", raising=False)
    monkeypatch.delenv("BREVDUE_SPROG", raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


def tree(language: Language) -> Any:
    screen = Screen(language=language, out=io.StringIO(), err=io.StringIO())
    return typer.main.get_command(build(Context(screen, Path("brevdue.toml"))))


@pytest.mark.parametrize(
    ("words", "common", "rest"),
    [
        ([], {}, []),
        (["status"], {}, ["status"]),
        (["--json", "status"], {"json": "1"}, ["status"]),
        (["status", "--json"], {"json": "1"}, ["status"]),
        (["status", "-q", "A"], {"quiet": "1"}, ["status", "A"]),
        (["--sprog", "en", "status"], {"language": "en"}, ["status"]),
        (["status", "--sprog=en"], {"language": "en"}, ["status"]),
        (
            ["--settings", "x.toml", "pull", "--source", "s"],
            {"settings": "x.toml"},
            ["pull", "--source", "s"],
        ),
        (["status", "--settings"], {"settings": ""}, ["status"]),
        (["explain", "--", "--json"], {}, ["explain", "--", "--json"]),
    ],
)
def test_the_common_options_may_stand_anywhere(words, common, rest):
    assert split_common(words) == (common, rest)


def test_the_commands_are_those_that_are_promised():
    assert tuple(tree("da").commands) == COMMANDS


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", ["", *COMMANDS, *FAMILIES])
def test_every_page_of_help_is_in_its_language_and_whole(name, language, capsys):
    assert run([*name.split(), "--help", "--sprog", language]) == 0
    page = capsys.readouterr().out
    assert "ui." not in page and "help_" not in page, "a text is missing"
    assert not re.search(r"\w\.\.\.$", page, re.MULTILINE), "a text is cut off"
    assert max(len(line) for line in page.splitlines()) <= 82
    if language == "da":
        assert [word for word in ENGLISH_CHROME if word in page] == []
    else:
        assert re.search("[æøåÆØÅ]", page) is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_command_option_and_argument_has_its_help(language):
    group = tree(language)
    commands = dict(group.commands)
    for family in [one for one in commands.values() if hasattr(one, "commands")]:
        commands |= {f"{family.name} {name}": command for name, command in family.commands.items()}
    assert set(FAMILIES) == set(commands) - set(COMMANDS)
    described = [*group.params, *(p for command in commands.values() for p in command.params)]
    assert [one.name for one in described if not (one.help or "").strip()] == []
    assert [name for name, command in commands.items() if not command.help] == []


def test_help_alone_loads_nothing_heavy():
    script = (
        "import sys\nfrom jobs.cli import run\nrun(['--help'])\n"
        f"print('LOADED', *sorted(set({HEAVY + HEAVY_DATABASE!r}) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1].split() == ["LOADED"]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["frobnicate"], "usage.no_such_command"),
        (["status", "--frob"], "usage.no_such_option"),
        (["status", "a", "b"], "usage.wrong"),
        (["enrolment"], "usage.no_such_command"),
        (["enrolment", "frobnicate"], "usage.no_such_command"),
        (["enrolment", "import"], "usage.missing"),
        (["enrolment", "check", "x", "--frob"], "usage.no_such_option"),
        (["hold", "x"], "usage.missing"),
        (["hold", "--reason", "y"], "usage.missing"),
        (["resolve", "x", "maybe", "--reason", "y"], "usage.bad_value"),
        (["simulate", "--port", "eight"], "usage.bad_value"),
        (["simulate", "--port", "65536"], "usage.bad_value"),
        (["simulate", "--port=-1"], "usage.bad_value"),
        (["pull", "--source"], "usage.option_value"),
        (["release", "x", "--rows=1"], "usage.option_value"),
        (["pull", "--csv", "x.csv"], "usage.csv_needs_source"),
        (["pull", "--documents", "pdf"], "usage.documents_needs_csv"),
        (["pull", "--source", "loen", "--csv", "no/such.csv"], "usage.no_csv"),
        (["pull", "--source", "loen", "--csv", __file__, "--documents", __file__], "usage.no_documents"),
        (["status", "--settings"], "usage.option_value"),
        (["status", "--sprog", "tlhingan"], "settings.no_language"),
        (["status", "--sprog"], "settings.no_language"),
        *(
            ([name], "settings.missing")
            for name in ("pull", "dispatch", "status", "check", "run", "simulate")
        ),
    ],
)
def test_a_wrong_call_says_what_is_wrong_and_what_to_do(words, code, capsys):
    assert run(words) == EXIT_USAGE
    people = capsys.readouterr()
    assert people.out == ""
    assert people.err.rstrip().endswith(f"[{code}]")
    assert run([*words[:1], "--json", *words[1:]]) == EXIT_USAGE
    machine = capsys.readouterr()
    assert machine.out == ""
    told = json.loads(machine.err)
    assert (told["error"], told["exit_code"]) == (code, EXIT_USAGE)
    assert told["what"] and told["do"] and "{" not in told["what"] + told["do"]


def test_missing_settings_are_made_by_init(capsys):
    run(["status"])
    assert "brevdue init" in capsys.readouterr().err


def test_a_family_says_which_commands_it_has(capsys):
    run(["cert"])
    assert "cert list, brevdue cert renew" in capsys.readouterr().err


def test_a_missing_argument_is_named(capsys):
    run(["resolve", "x", "--reason", "y"])
    assert "found|not-found|written-off" in capsys.readouterr().err


@pytest.mark.parametrize("flags", [[], ["--json"], ["--quiet"]])
@pytest.mark.parametrize(
    "words",
    [
        [NUMBER],
        ["status", NUMBER, "140868-3994"],
        ["status", f"--x={NUMBER}"],
        ["status", f"--{NUMBER}"],
        ["simulate", "--port", NUMBER + "x"],
        ["resolve", "x", NUMBER, "--reason", "y"],
        ["explain", NUMBER],
        ["pause", NUMBER],
        ["pull", "--source", NUMBER],
        ["status", "--settings", f"{NUMBER}.toml"],
        ["status", "--sprog", NUMBER],
    ],
)
def test_a_number_in_the_wrong_place_is_never_repeated(words, flags, capsys):
    assert run([*flags, *words]) == EXIT_USAGE
    said = capsys.readouterr()
    assert [shown for shown in SHOWN if shown in said.out + said.err] == []


def test_a_house_s_commands_do_not_repeat_a_number(capsys):
    assert run(["init", "--quiet"]) == 0
    for words in (["explain", NUMBER], ["pause", NUMBER], ["release", NUMBER], ["pull", "-s", NUMBER]):
        assert run(words) == EXIT_USAGE
        assert run(["--json", *words]) == EXIT_USAGE
    said = capsys.readouterr()
    assert [shown for shown in SHOWN if shown in said.out + said.err] == []


def test_the_language_is_the_option_s_then_the_environment_s(capsys, monkeypatch):
    run(["status"])
    monkeypatch.setenv("BREVDUE_SPROG", "en")
    run(["status"])
    run(["status", "--sprog", "da"])
    danish, english, again = capsys.readouterr().err.splitlines()
    assert danish == again != english
    assert english.startswith("The settings")


def test_the_house_s_language_counts_unless_another_is_asked_for(
    somewhere_without_settings, capsys, monkeypatch
):
    run(["init", "--quiet"])
    path = somewhere_without_settings / "brevdue.toml"
    path.write_text(path.read_text(encoding="utf-8").replace('language = "da"', 'language = "en"'), "utf-8")
    run(["status"])
    run(["status", "--sprog", "da"])
    monkeypatch.setenv("BREVDUE_SPROG", "da")
    run(["status"])
    out = capsys.readouterr().out
    assert out.startswith("There are no batches yet.")
    assert out.count("There are no batches yet.") == 1
    assert out.count("Der er ingen masseforsendelser endnu.") == 2


def test_all_faults_of_the_settings_are_told_at_once_without_their_values(somewhere_without_settings, capsys):
    (somewhere_without_settings / "brevdue.toml").write_text('[house]\nmode = "x-x"\nfrob = "y-y"\n', "utf-8")
    assert run(["check"]) == EXIT_USAGE
    said = capsys.readouterr().err
    assert "house.mode" in said and "house.frob" in said
    assert "x-x" not in said and "y-y" not in said


def test_init_twice_changes_nothing_and_says_so(capsys):
    assert run(["init", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["settings_written"]
    assert run(["init", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["made"] == []


@pytest.mark.parametrize("error", [ValueError(NUMBER), OSError(28, "No space left", f"/{NUMBER}.pdf")])
def test_what_nobody_foresaw_is_told_without_its_message(error):
    try:
        raise error
    except (ValueError, OSError) as caught:
        told = _unforeseen(caught)
    for language in LANGUAGES:
        said = str(explain(told.code, language, told.params))
        assert NUMBER not in said and "{" not in said
    assert told.code == ("program.broken" if isinstance(error, ValueError) else "program.disk_failed")
