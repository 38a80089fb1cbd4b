"""Whatever the mail servers do, no document reaches anybody in the clear, nobody gets another's, and nobody
gets two; compared at the receiving end."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rigs.mail_simulator import FoundMailHouse, MailHouse, exempt, numbers

ADDRESSES = ("anna@klinik.example", "bo@klinik.example", "eva@kommune.example", "hans@firma.example")
STRIPPED = {"kind": "no_starttls"}
FAULTS: dict[str, list[dict[str, Any]]] = {
    "no server offers TLS": [STRIPPED],
    "TLS is gone between the probe and the delivery": [{**STRIPPED, "after": 1}],
    "TLS is there every other time": [{**STRIPPED, "after": n, "count": 1} for n in range(0, 12, 2)],
    "every sender is put off": [{"kind": "status", "at": "mail", "status": 451}],
    "recipients are refused": [{"kind": "status", "at": "rcpt", "status": 550}],
    "mails are put off twice at the end": [{"kind": "status", "at": "dot", "status": 452, "count": 2}],
    "mails are refused at the end": [{"kind": "status", "at": "dot", "status": 554}],
    "connections drop within a mail": [{"kind": "drop_before_dot"}],
    "mails are taken and nothing is said": [{"kind": "drop_after_dot"}],
    "all of it by turns": [
        {**STRIPPED, "after": 2, "count": 1},
        {"kind": "status", "at": "rcpt", "status": 451, "count": 1},
        {"kind": "drop_after_dot", "after": 1, "count": 1},
        {"kind": "status", "at": "dot", "status": 554, "count": 1, "domain": "kommune.example"},
    ],
}
DOUBTFUL = {"mails are taken and nothing is said", "all of it by turns"}


def drop(house: MailHouse) -> None:
    gone = exempt(house, "valid", "minor", "not_found", "never_logged_in")
    house.drop("november", list(zip(gone, ADDRESSES, strict=True)))


def batch(house: MailHouse) -> None:
    drop(house)
    house.send()


def assert_kept(house: MailHouse) -> None:
    mails = house.received()
    for one in mails:
        assert one["encrypted"] or one["under_tls"], "a document came in the clear"
        assert one["encrypted"] == (one["domain"] != "firma.example") or one["under_tls"]
        assert len(one["documents"]) == 1
    recipients = [address for one in mails for address in one["recipients"]]
    assert len(recipients) == len(set(recipients)), "somebody got two"
    assert len({one["documents"][0] for one in mails}) == len(mails)


@pytest.mark.parametrize("fault", FAULTS)
def test_nothing_is_in_the_clear_and_nobody_gets_two(found_mail_house: FoundMailHouse, fault: str) -> None:
    house = found_mail_house()
    house.faults(*FAULTS[fault])
    batch(house)
    assert_kept(house)
    states = house.house.states()
    assert states.get("delivered", 0) <= len(house.received())
    assert sum(states.values()) == len(ADDRESSES)
    if fault not in DOUBTFUL:
        assert states.get("delivered", 0) == len(house.received())


@pytest.mark.parametrize("fault", ["no server offers TLS", "TLS is gone between the probe and the delivery"])
def test_without_tls_only_what_is_encrypted_goes(found_mail_house: FoundMailHouse, fault: str) -> None:
    house = found_mail_house()
    house.faults(*({**one, "domain": "firma.example"} for one in FAULTS[fault]))
    batch(house)
    assert [one["domain"] for one in house.received() if not one["encrypted"]] == []
    assert house.house.states() == {"delivered": 3, "held": 1}
    assert house.told(5)["code"] == "route.no_way_open"


def test_what_may_have_been_taken_is_held_and_goes_no_other_way(found_mail_house: FoundMailHouse) -> None:
    house = found_mail_house(route=("tls", "smime"))
    house.faults({"kind": "drop_after_dot"})
    house.drop("november", [(numbers(1)[0], "anna@klinik.example")])
    house.send()
    (mail,) = house.received()
    assert (mail["layers"], mail["under_tls"]) == ([], True)
    told = house.told()
    assert (told["state"], told["needs_person"]) == ("in_doubt", True)
    house.faults({"kind": "no_starttls"})
    outlook = house.told()["outlook"]
    assert {one["channel"]: one["open"] for one in outlook["reasons"]} == {"tls": False, "smime": True}
    assert outlook["channel"] == ""  # its own is closed now, and no other may be tried


def test_resend_once_sends_the_same_mail_once_more(found_mail_house: FoundMailHouse) -> None:
    house = found_mail_house(route=("tls", "smime"), channels={"tls": 'when_in_doubt = "resend_once"'})
    house.faults({"kind": "drop_after_dot", "count": 1})
    house.drop("november", [(numbers(1)[0], "anna@klinik.example")])
    house.send()
    first, second = house.received()
    assert first["message_id"] == second["message_id"]
    assert first["sha256"] == second["sha256"]
    assert house.house.states() == {"delivered": 1}


def test_all_is_delivered_once_the_trouble_is_over(found_mail_house: FoundMailHouse) -> None:
    house = found_mail_house(backoff=0.3, attempts=100)
    house.faults(*FAULTS["no server offers TLS"], *FAULTS["every sender is put off"])
    drop(house)
    house.brevdue("dispatch")
    assert (house.house.states(), house.received()) == ({"ready": 3, "held": 1}, [])
    house.faults()
    house.send()
    assert house.house.states() == {"delivered": 4}
    assert_kept(house)


def test_one_domain_that_is_down_does_not_stop_the_others(found_mail_house: FoundMailHouse) -> None:
    house = found_mail_house(route=("tls", "smime"), channels={"tls": "breaker_failures = 2"}, backoff=1.0)
    house.faults({"kind": "status", "at": "mail", "status": 451, "domain": "firma.example"})
    rows = [(number, f"p{n}@firma.example") for n, number in enumerate(numbers(5))]
    rows += [(number, f"q{n}@kommune.example") for n, number in enumerate(numbers(4, seed=8))]
    house.drop("november", rows)
    ran = house.brevdue("dispatch")
    assert ran.data["channels"]["tls"]["stopped_by"] == ""
    assert [one["domain"] for one in house.received()] == ["kommune.example"] * 4
    house.faults()
    house.send()
    assert house.house.states() == {"delivered": 9}
