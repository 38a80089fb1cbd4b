"""What explain tells of a bare mail address, and how the evidence reads on a narrow terminal; nothing is
sent."""

from __future__ import annotations

import re
from typing import Any

import pytest

from jobs.house import House, open_house
from jobs.reasoning import look_at_address
from jobs.settings_file import read_settings
from routing.reasoning import Reason
from tests.rigs.commands import PATIENCE_SECONDS, said, start, terminal
from tests.rigs.mail_simulator import FoundMailHouse, MailHouse, exempt, numbers

ANNA, EVA = "anna@klinik.example", "eva@kommune.example"
HANS, KAREN = "hans@firma.example", "karen@gammel.example"


def ways(house: MailHouse, address: str) -> dict[str, Any]:
    ran = house.brevdue("explain", address)
    assert ran.code == 0
    return {one["channel"]: one for one in ran.data["ways"]}


@pytest.mark.parametrize(
    ("address", "codes"),
    [
        (ANNA, ["", "tunnel.not_listed", ""]),
        (EVA, ["certificate.none_found", "", ""]),
        (HANS, ["certificate.none_found", "tunnel.not_listed", ""]),
        (KAREN, ["certificate.none_found", "tunnel.not_listed", "starttls.not_offered"]),
        ("nogen@findes-ikke.example", ["certificate.none_found", "tunnel.not_listed", "mx.no_such_domain"]),
    ],
)
def test_an_address_has_an_answer_of_every_channel_by_mail(
    found_mail_house: FoundMailHouse, address: str, codes: list[str]
) -> None:
    house = found_mail_house()
    found = ways(house, address)
    assert [found[name]["code"] for name in ("smime", "tunnel", "tls")] == codes
    assert [found[name]["open"] for name in ("smime", "tunnel", "tls")] == [not code for code in codes]
    assert "eboks" not in found
    assert house.received() == []


def test_the_evidence_of_each_way_is_told(found_mail_house: FoundMailHouse) -> None:
    house = found_mail_house()
    (certificate,) = ways(house, ANNA)["smime"]["evidence"]
    assert {"subject", "issuer", "days_left", "sha256", "revocation"} <= set(certificate)
    entry, gateway = ways(house, EVA)["tunnel"]["evidence"]
    assert (entry["domain"], entry["listed_by"]) == ("kommune.example", "simulator")
    assert "Gateway kommune.example" in gateway["subject"]
    (exchanger,) = ways(house, HANS)["tls"]["evidence"]
    assert (exchanger["mx"], exchanger["found"]) == ("mx.firma.example", "passed")
    assert exchanger["tls_version"] and exchanger["peer_certificate_subject"]


def test_one_process_looks_at_a_domain_once_in_minutes(found_mail_house: FoundMailHouse) -> None:
    house = found_mail_house()
    text = house.house.path.read_text(encoding="utf-8")
    house.house.path.write_text(text.replace("verdict_minutes = 0", "verdict_minutes = 10"), encoding="utf-8")
    settings = read_settings(house.house.path)
    with open_house(settings) as opened:
        first = tls_way(opened)
        house.faults({"kind": "no_starttls"})
        assert tls_way(opened) == first
        assert first.open
    with open_house(settings) as opened:
        assert tls_way(opened).code == "starttls.not_offered"


def tls_way(opened: House) -> Reason:
    """Returns what the channel tls says of an address, on an event loop of its own."""
    return next(one for one in look_at_address(opened, HANS) if one.channel == "tls")


def test_a_server_that_is_down_is_told_with_what_was_seen(found_mail_house: FoundMailHouse) -> None:
    house = found_mail_house()
    text = house.house.path.read_text(encoding="utf-8")
    house.house.path.write_text(re.sub(r"\nport = \d+", "\nport = 1", text), encoding="utf-8")
    tls = ways(house, HANS)["tls"]
    assert (tls["open"], tls["code"]) == (False, "smtp.not_connected")
    assert [one["found"] for one in tls["evidence"]] == ["unknown"]


def test_a_letter_to_a_server_that_is_down_has_the_same_evidence(found_mail_house: FoundMailHouse) -> None:
    house = found_mail_house(route=("smime", "tls"))
    house.drop("november", [(numbers(1)[0], HANS)])
    text = house.house.path.read_text(encoding="utf-8")
    house.house.path.write_text(re.sub(r"\nport = \d+", "\nport = 1", text), encoding="utf-8")
    tls = house.told()["outlook"]["reasons"][1]
    assert (tls["channel"], tls["open"], tls["code"]) == ("tls", False, "smtp.not_connected")
    assert [(one["mx"], one["found"]) for one in tls["evidence"]] == [("mx.firma.example", "unknown")]
    assert house.brevdue("dispatch").code == 4
    assert house.house.states() == {"ready": 1}
    assert house.received() == []


def test_people_see_a_row_for_every_channel_and_what_would_be_sent(found_mail_house: FoundMailHouse) -> None:
    house = found_mail_house(material='data_class = "special_category"')
    (gone,) = exempt(house, "valid")
    house.drop("november", [(gone, EVA)])
    consignment = house.told()["consignment"]
    told = said(house.house, "explain", consignment).out
    assert "Veje lige nu" in told
    assert re.search(r"Kanal +Beskyttelse +Åben +Tilladt +Hvorfor", told)
    rows = {cells[0]: cells for cells in map(str.split, told.splitlines()) if len(cells) > 3}
    assert [rows[name][-1] for name in ("eboks", "smime", "tls")] == [
        "[eboks.exempt]",
        "[certificate.none_found]",
        "[policy.never]",
    ]
    assert [rows[name][1:4] for name in ("tunnel", "tls")] == [
        ["domæne", "ja", "ja"],
        ["forbindelsen", "ja", "nej"],
    ]
    assert "Lige nu ville den gå med tunnel." in told
    grounds = told[told.index("Grundlag for tunnel:") : told.index("Grundlag for tls:")]
    assert "domain kommune.example" in grounds
    assert re.search(r"subject CN=Gateway kommune.example,.*issuer CN=.*days_left \d+", grounds)
    assert re.search(r"mx mx.kommune.example, .*found passed.*tls_version TLSv1", told)
    assert house.received() == []


def test_what_is_no_address_is_told_and_nobody_is_asked(found_mail_house: FoundMailHouse) -> None:
    house = found_mail_house()
    ran = house.brevdue("explain", "Anna <anna@klinik.example>")
    assert (ran.code, ran.data if ran.out else {}) == (2, {})
    assert "mail.address_" in ran.err


def test_a_house_without_mail_says_so(found_house: Any) -> None:
    ran = said(found_house(), "explain", ANNA)
    assert ran.code == 0
    assert "ingen kanal for mail" in ran.out


def test_all_of_it_fits_a_narrow_terminal(found_mail_house: FoundMailHouse) -> None:
    house = found_mail_house()
    (gone,) = exempt(house, "valid")
    house.drop("november", [(gone, KAREN), (numbers(1)[0], "")])
    house.send()
    batch = house.house.status()["batches"][0]["batch"]
    for subject in (f"{batch}-00002", ANNA, EVA, HANS):
        with terminal() as (descriptor, read):
            start(house.house, "explain", subject, out=descriptor).communicate(timeout=PATIENCE_SECONDS)
            shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", read())
        assert [line for line in shown.splitlines() if len(line.rstrip()) > 80] == []
        assert "Grundlag for tls:" in shown
