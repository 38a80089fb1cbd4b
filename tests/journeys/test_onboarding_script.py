"""A sender is set up by flags or by an answers file: every step for real, settings written, report filed."""

from __future__ import annotations

import json
import tomllib

import pytest

from tests.rigs.certificates import SYSTEM_ID
from tests.rigs.oces import CVR, OTHER_CVR, PASSWORD
from tests.rigs.oces_simulator import fingerprint
from tests.rigs.senders import QUICK, OpenDesk, bad_codes, codes
from tests.rigs.simulator import MANDATORY, VOLUNTARY


def test_by_flags_a_sender_is_set_up_and_can_send(open_desk: OpenDesk):
    desk = open_desk()
    before = desk.path.read_text(encoding="utf-8")
    ran = desk.onboard(*desk.flags())
    assert ran.code == 0, ran.out + ran.err
    data = ran.data
    assert (data["done"], data["open_steps"]) == (True, [])
    assert {name: step["status"] for name, step in data["steps"].items()} == {
        **dict.fromkeys(("sender", "certificate", "connection", "rehearsal", "settings"), "done"),
        "live_test": "open",
    }
    assert [bad_codes(data, step) for step in data["steps"]] == [[]] * 6
    # What was there stands as it was, comments and all.
    after = desk.path.read_text(encoding="utf-8")
    assert after.startswith(before)
    written = tomllib.loads(after)
    assert written["sources"] == {"loen": {"folder": "loen", "material": "loenseddel"}}
    assert written["materials"]["loenseddel"]["eboks"] == {
        "content_type_id": MANDATORY,
        "enrolment_group": "loenseddel",
        "delivery": "mandatory",
    }
    assert written["channels"]["eboks"]["certificate"] == "data/certificates/loen/current/certificate.pem"
    # The certificate lies in its place, and e-Boks is told its fingerprint.
    told = data["for_eboks"]
    assert told["certificate"]["sha256"].replace(":", "").lower() == fingerprint(desk.issued)
    assert told["channels"]["eboks"]["system_id"] == SYSTEM_ID
    assert set(desk.simulator.seen) == {fingerprint(desk.issued)}
    key = desk.settings.channels["eboks"].key
    assert key.resolve().stat().st_mode & 0o777 == 0o600
    # Nothing of the rehearsal reached the other side, and the house works as it stands.
    assert desk.simulator.held == []
    assert desk.brevdue("init").code == desk.brevdue("check").code == 0


def test_the_rehearsal_compares_everybody_of_the_test_set(open_desk: OpenDesk):
    desk = open_desk()
    ran = desk.onboard(*desk.flags(delivery="voluntary", content_type=VOLUNTARY, step="sender"))
    ran = desk.onboard("--step", "rehearsal")
    (check,) = ran.data["steps"]["rehearsal"]["checks"]
    # Everybody but: not this material, never logged in, exempt, dead, minor, not found, company without it.
    assert check["facts"] == {"letters": 14, "arrived": 7}
    assert check["level"] == "good"


def test_a_live_house_rehearses_on_this_machine_alone(open_desk: OpenDesk):
    desk = open_desk()
    text = desk.path.read_text(encoding="utf-8")
    desk.path.write_text(text.replace('tenant = "testhus"', 'tenant = "testhus"\nmode = "live"'), "utf-8")
    flags = desk.flags(url="https://eboks.invalid", step="sender")
    ran = desk.onboard(*flags, "--step=rehearsal")
    (check,) = ran.data["steps"]["rehearsal"]["checks"]
    assert (check["level"], check["facts"]) == ("good", {"letters": 14, "arrived": 10})
    assert ran.data["mode"] == "live" and desk.simulator.n_connections == 0
    assert "SIMULERET" not in (desk.sender_folder / "rapport.html").read_text(encoding="utf-8")


def test_by_an_answers_file_with_two_materials(open_desk: OpenDesk):
    desk = open_desk()
    answers = desk.file(
        "answers.toml",
        f"""
cvr = "{CVR}"
name = "Testvirksomhed ApS"
public_address = "198.51.100.4"
[materials.loenseddel]
title = "Lønseddel"
content_type_id = {MANDATORY}
channels = ["eboks"]
delivery = "mandatory"
[materials.brev]
content_type_id = {VOLUNTARY}
group = "breve"
channels = ["eboks"]
document_days = 90
[channels.eboks]
kind = "eboks"
url = "{desk.simulator.url}"
system_id = {SYSTEM_ID}
ca = "{desk.simulator.server_ca}"
parallel = 3
[certificate]
way = "p12"
file = "{desk.p12.name}"
roots = "{desk.roots.name}"
password_file = "{desk.password.name}"
""".encode(),
    )
    ran = desk.onboard("--answers", str(answers), "--write")
    assert ran.code == 0, ran.out + ran.err
    settings = desk.settings
    assert settings.materials["brev"].document_days == 90
    assert settings.materials["brev"].eboks.enrolment_group == "breve"
    assert settings.materials["loenseddel"].eboks.enrolment_group == "loenseddel"
    assert settings.channels["eboks"].parallel == 3
    assert "material" not in tomllib.loads(desk.path.read_text(encoding="utf-8"))["sources"]["loen"]
    assert ran.data["for_eboks"]["materials"]["brev"]["group"] == "breve"
    assert len(ran.data["steps"]["rehearsal"]["checks"]) == 2


def test_every_missing_answer_is_told_at_once_and_what_was_given_is_kept(open_desk: OpenDesk):
    desk = open_desk()
    ran = desk.onboard("--name", "Testvirksomhed ApS")
    assert ran.code == 2
    fault = json.loads(ran.err)
    assert fault["error"] == "onboarding.answers_missing"
    assert fault["params"]["keys"].split(", ") == [
        "cvr",
        "materials.loenseddel.content_type_id",
        "channels.eboks.system_id",
    ]
    assert desk.state()["answers"]["name"] == "Testvirksomhed ApS"
    ran = desk.onboard(*QUICK, *desk.flags(name=None))
    assert (ran.code, ran.data["open_steps"]) == (3, ["rehearsal"]), ran.out + ran.err


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("cvr = 'x'", "onboarding.answers_invalid"),
        ("frob = 1", "onboarding.answers_invalid"),
        ("[materials.a]\ndelivery = 'maybe'", "onboarding.answers_invalid"),
        ("cvr = ", "onboarding.answers_not_toml"),
    ],
)
def test_a_wrong_answers_file_is_refused_before_anything(open_desk: OpenDesk, text: str, code: str):
    desk = open_desk()
    ran = desk.onboard("--answers", str(desk.file("answers.toml", text.encode())))
    assert (ran.code, json.loads(ran.err)["error"]) == (2, code)
    assert not desk.sender_folder.exists()


def test_a_request_is_made_awaited_and_answered(open_desk: OpenDesk):
    from cryptography import x509

    desk = open_desk()
    ran = desk.onboard(*QUICK, *desk.flags(p12=None, password_file=None, request=True))
    assert ran.code == 3
    assert codes(ran.data, "certificate") == {"certificate": "own_certificate.awaited"}
    assert ran.data["open_steps"] == ["certificate", "connection", "rehearsal", "settings"]
    assert "loen" not in desk.settings.sources
    folder = desk.data / "certificates" / "loen" / "request"
    request = x509.load_pem_x509_csr((folder / "request.pem").read_bytes())
    status = desk.brevdue("onboard", "status")
    assert status.code == 3
    awaited = status.data["senders"]["loen"]["open_steps"]["certificate"]
    assert awaited == [{"code": "own_certificate.awaited", "who": "issuer", "subject": ""}]
    # Asked again it makes no second key: a certificate may be on its way for the first.
    kept = (folder / "key.pem").read_bytes()
    assert desk.onboard("--step=certificate", "--request").code == 3
    assert (folder / "key.pem").read_bytes() == kept
    # The certificate comes. The simulator stands for e-Boks, which is told the fingerprint by hand.
    pem = desk.oces.issue_for(request)
    desk.simulator.guests[_sha256(pem)] = (SYSTEM_ID,)
    ran = desk.onboard(*QUICK, "--pem", str(desk.file("issued.pem", pem)), "--write")
    assert (ran.code, ran.data["open_steps"]) == (3, ["rehearsal"]), ran.out + ran.err
    assert not folder.exists()
    assert list(desk.brevdue("onboard", "status").data["senders"]["loen"]["open_steps"]) == ["rehearsal"]


def _sha256(pem: bytes) -> str:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    return x509.load_pem_x509_certificate(pem).fingerprint(hashes.SHA256()).hex()


def test_nothing_secret_is_kept_and_only_the_user_can_read_it(open_desk: OpenDesk):
    desk = open_desk()
    desk.onboard(*QUICK, *desk.flags(recipient="1408683994"))
    kept = [path for path in desk.sender_folder.rglob("*") if path.is_file()]
    assert {path.name for path in kept} == {"state.json", "rapport.html", "rapport.json"}
    for path in kept:
        assert path.stat().st_mode & 0o777 == 0o600
        text = path.read_text(encoding="utf-8")
        assert PASSWORD not in text and "PRIVATE" not in text and "1408683994" not in text
        assert "password" not in text


def test_the_report_reads_back_and_names_who_must_act(open_desk: OpenDesk):
    desk = open_desk()
    ran = desk.onboard(*QUICK, *desk.flags(public_address=None, write=None))
    page = (desk.sender_folder / "rapport.html").read_text(encoding="utf-8")
    filed = json.loads((desk.sender_folder / "rapport.json").read_text(encoding="utf-8"))
    assert filed == {name: value for name, value in ran.data.items() if name in filed}
    assert codes(filed, "settings") == {"settings": "onboarding.settings_not_written"}
    assert filed["for_eboks"]["certificate"]["sha256"] in page
    for words in (CVR, "SIMULERET", "Testvirksomhed ApS er ikke klar endnu", "jer selv", str(MANDATORY)):
        assert words in page
    assert "onboard." not in page and "<script" not in page


def test_the_settings_are_not_overwritten_without_force(open_desk: OpenDesk):
    desk = open_desk()
    assert desk.onboard(*QUICK, *desk.flags()).code == 3
    before = desk.path.read_bytes()
    ran = desk.onboard(*QUICK, "--material", "loenseddel", "--title", "Noget andet", "--write")
    assert ran.code == 1
    assert bad_codes(ran.data, "settings") == ["onboarding.settings_differ"]
    assert desk.path.read_bytes() == before
    assert desk.onboard(*QUICK, "--write", "--force").code == 3
    assert desk.settings.materials["loenseddel"].title == "Noget andet"
    assert "# efter aftale" in desk.path.read_text(encoding="utf-8")


def test_a_simulator_that_has_not_heard_of_a_material_says_how_it_learns_of_it(open_desk: OpenDesk):
    desk = open_desk()
    ran = desk.onboard(*QUICK, *desk.flags(content_type=555))
    (unaware,) = [one for one in ran.data["steps"]["connection"]["checks"] if one["level"] == "bad"]
    assert (ran.code, unaware["code"], unaware["who"]) == (1, "connection.simulator_unaware", "us")
    assert desk.settings.materials["loenseddel"].eboks.content_type_id == 555


def test_two_senders_live_side_by_side(open_desk: OpenDesk):
    desk = open_desk()
    assert desk.onboard(*QUICK, *desk.flags()).code == 3
    other = desk.oces.issue(cvr=OTHER_CVR)
    desk.simulator.guests[fingerprint(other)] = (SYSTEM_ID,)
    p12 = desk.file("other.p12", other.p12())
    flags = desk.flags(cvr=OTHER_CVR, material="faktura", channels="eboks_b", p12=p12)
    ran = desk.brevdue("onboard", "bogholderi", *QUICK, *flags)
    assert ran.code == 3, ran.out + ran.err
    assert sorted(desk.settings.sources) == ["bogholderi", "loen"]
    assert desk.settings.channels["eboks_b"].certificate != desk.settings.channels["eboks"].certificate
    assert sorted(desk.brevdue("onboard", "status").data["senders"]) == ["bogholderi", "loen"]
