"""A batch over the real house with every way there is: each recipient gets the strongest that is open and
allowed, with a reason, and both ends are compared."""

from __future__ import annotations

from pathlib import Path

from jobs.house import open_house
from jobs.rules import ration_of
from tests.rigs.mail_reports import report
from tests.rigs.mail_simulator import FoundMailHouse, MailHouse, exempt, numbers

ANNA, EVA = "anna@klinik.example", "eva@kommune.example"
HANS, KAREN = "hans@firma.example", "karen@gammel.example"


def all_ways(house: MailHouse) -> None:
    """Sends one letter to one whom e-Boks reaches, and one to each whom it does not."""
    gone = exempt(house, "valid", "minor", "not_found", "never_logged_in")
    enrolled = numbers(1)[0]
    house.drop("november", [(enrolled, ""), *zip(gone, (ANNA, EVA, HANS, KAREN), strict=True)])
    house.send()


def n_at_eboks(house: MailHouse) -> int:
    with house.house.simulator.client() as client:
        return int(client.counts()["n_messages"])


def test_each_gets_the_strongest_way_that_is_open_and_one_waits(found_mail_house: FoundMailHouse) -> None:
    house = found_mail_house()
    all_ways(house)
    assert house.house.states() == {"delivered": 4, "held": 1}
    assert n_at_eboks(house) == 1
    mails = house.by_recipient()
    assert {address: (one["layers"], one["intact"]) for address, one in mails.items()} == {
        ANNA: (["encrypted", "signed"], True),
        EVA: (["encrypted", "signed", "wrapped"], True),
        HANS: ([], False),
    }
    assert all(one["under_tls"] for one in mails.values())
    assert len({one["documents"][0] for one in mails.values()}) == 3


def test_the_receipts_tell_how_each_was_protected(found_mail_house: FoundMailHouse) -> None:
    house = found_mail_house()
    all_ways(house)
    proofs = {line: house.told(line)["receipt"]["proof"] for line in (3, 4, 5)}
    assert [proofs[line]["protection"] for line in (3, 4, 5)] == ["end_to_end", "domain", "transport"]
    assert proofs[3]["certificate_sha256"] and proofs[3]["revocation"]
    assert proofs[4]["tunnel_domain"] == "kommune.example"
    assert (proofs[5]["mx"], proofs[5]["address"]) == ("mx.firma.example", "127.0.10.3")
    assert proofs[5]["tls_version"].startswith("TLSv1.") and proofs[5]["peer_certificate_sha256"]
    assert all(house.told(line)["receipt"]["simulated"] for line in (2, 3, 4, 5))


def test_the_one_without_a_way_has_every_reason_in_its_answer(found_mail_house: FoundMailHouse) -> None:
    house = found_mail_house()
    all_ways(house)
    told = house.told(6)
    assert (told["state"], told["code"]) == ("held", "route.no_way_open")
    reasons = {one["channel"]: (one["open"], one["code"]) for one in told["outlook"]["reasons"]}
    assert reasons == {
        "eboks": (False, "eboks.exempt"),
        "smime": (False, "certificate.none_found"),
        "tunnel": (False, "tunnel.not_listed"),
        "tls": (False, "starttls.not_offered"),
    }
    (evidence,) = told["outlook"]["reasons"][3]["evidence"]
    assert (evidence["mx"], evidence["found"]) == ("mx.gammel.example", "failed")
    house.brevdue("close")
    (receipt,) = house.house.answers("kvittering.csv")
    assert "tunnel: tunnel.not_listed; tls: starttls.not_offered" in receipt.read_text(encoding="utf-8-sig")


def test_it_goes_once_its_domain_is_on_the_tunnel_list(found_mail_house: FoundMailHouse) -> None:
    house = found_mail_house()
    all_ways(house)
    assert house.brevdue("dispatch").data["opened"] == 0
    list_domain(house, "gammel.example")
    assert house.brevdue("dispatch").data["opened"] == 1
    assert house.house.states() == {"delivered": 5}
    mail = house.by_recipient()[KAREN]
    # Its server can't encrypt; the content does.
    assert (mail["under_tls"], mail["layers"]) == (False, ["encrypted", "signed", "wrapped"])


def test_it_goes_once_its_certificate_is_in_the_store(found_mail_house: FoundMailHouse) -> None:
    house = found_mail_house(route=("smime",), material='no_way = "hold"')
    (gone,) = exempt(house, "valid")
    store = house.folder / "published"
    aside = (store / f"{ANNA}.pem").rename(house.folder / "aside.pem")
    house.drop("november", [(gone, ANNA)])
    house.send()
    assert house.house.states() == {"held": 1}
    assert house.brevdue("cert", "import", str(aside)).code == 0
    assert house.brevdue("dispatch").data["opened"] == 1
    assert house.house.states() == {"delivered": 1}
    assert house.by_recipient()[ANNA]["encrypted"]


def test_a_mandatory_letter_that_waits_is_not_tried_again_and_again(found_mail_house: FoundMailHouse) -> None:
    house = found_mail_house()
    text = house.house.path.read_text(encoding="utf-8")
    house.house.path.write_text(text.replace('delivery = "voluntary"', 'delivery = "mandatory"'))
    (gone,) = exempt(house, "exempt")
    house.drop("november", [(gone, KAREN)])
    house.send()
    before = house.told()["history"]
    assert next(one["code"] for one in before if one["cause"] == "rerouted") == "eboks.exempt"
    for _ in range(2):
        assert house.brevdue("dispatch").data["opened"] == 0
    assert house.told()["history"] == before
    assert house.told()["outlook"]["channel"] == ""


def test_the_sixth_person_to_one_address_does_not_go_by_tls(found_mail_house: FoundMailHouse) -> None:
    house = found_mail_house(route=("tls", "smime"))
    house.drop("november", [(number, HANS) for number in numbers(6)])
    house.send()
    assert house.house.states() == {"delivered": 5, "held": 1}
    assert len(house.received()) == 5
    rerouted = [
        (one["channel"], one["code"])
        for line in range(2, 8)
        for one in house.told(line)["history"]
        if one["cause"] == "rerouted"
    ]
    assert rerouted == [("tls", "policy.too_much")]
    (held,) = (told for told in map(house.told, range(2, 8)) if told["state"] == "held")
    tls = held["outlook"]["reasons"][0]
    assert (tls["open"], tls["allowed"], tls["code"]) == (True, False, "policy.too_much")


def test_a_second_channel_of_forced_tls_carries_no_more(found_mail_house: FoundMailHouse) -> None:
    house = found_mail_house(route=("tls", "tls2"))
    text = house.house.path.read_text(encoding="utf-8")
    second = text[text.index("[channels.tls]") :].replace("[channels.tls]", "[channels.tls2]")
    house.house.path.write_text(f"{text}\n{second}", encoding="utf-8")
    house.drop("november", [(number, HANS) for number in numbers(6)])
    house.send()
    assert house.house.states() == {"delivered": 5, "held": 1}
    assert len(house.received()) == 5


def test_an_internationalised_address_is_one_mailbox_however_it_is_written(
    found_mail_house: FoundMailHouse,
) -> None:
    with open_house(found_mail_house().house.settings) as opened:
        ration = ration_of(opened, "tls")
    assert ration is not None
    ways = ("bo@\u00f8l.example", " bo@\u00d8L.example", "bo@XN--L-4GA.example")
    assert {ration.mailbox(one) for one in ways} == {"bo@xn--l-4ga.example"}
    assert ration.mailbox("ingen") == "ingen"


def test_special_categories_never_go_by_tls(found_mail_house: FoundMailHouse) -> None:
    house = found_mail_house(route=("smime", "tls"), material='data_class = "special_category"')
    house.drop("november", [(numbers(1)[0], HANS)])
    house.send()
    told = house.told()
    assert told["left_out"] == {"tls": "policy.never"}
    assert told["state"] in ("held", "failed")
    assert house.received() == []


def test_a_mail_that_comes_back_goes_the_next_way(found_mail_house: FoundMailHouse, tmp_path: Path) -> None:
    box = maildir(tmp_path)
    house = found_mail_house(route=("tls", "smime"), mail=f'reports = "{box}"')
    house.drop("november", [(numbers(1)[0], ANNA)])
    house.send()
    assert house.house.states() == {"accepted": 1}
    assert house.brevdue("collect").data["moved"] == 0
    (box / "new" / "1.report").write_bytes(report(message_id=house.told()["receipt"]["id"]))
    assert house.brevdue("collect").data["moved"] == 1
    house.send()
    assert [one["layers"] for one in house.received()] == [[], ["encrypted", "signed"]]
    causes = [(one["channel"], one["cause"]) for one in house.told()["history"]]
    assert ("tls", "returned") in causes and ("smime", "accepted") in causes
    assert house.told()["state"] == "accepted"


def test_a_way_that_gave_it_back_is_never_gone_again(
    found_mail_house: FoundMailHouse, tmp_path: Path
) -> None:
    box = maildir(tmp_path)
    house = found_mail_house(route=("tls", "smime"), mail=f'reports = "{box}"')
    house.drop("november", [(numbers(1)[0], HANS)])
    house.send()
    (box / "new" / "1.report").write_bytes(report(message_id=house.told()["receipt"]["id"]))
    assert house.brevdue("collect").data["moved"] == 1
    house.send()
    told = house.told()
    assert (told["state"], told["code"]) == ("held", "route.no_way_open")
    reasons = {one["channel"]: (one["open"], one["code"]) for one in told["outlook"]["reasons"]}
    assert reasons == {"tls": (True, "route.taken_before"), "smime": (False, "certificate.none_found")}
    assert told["outlook"]["channel"] == ""
    assert house.brevdue("dispatch").data["opened"] == 0
    assert len(house.received()) == 1


def test_what_a_person_holds_goes_on_where_it_was(found_mail_house: FoundMailHouse) -> None:
    house = found_mail_house(route=("smime", "tls"), channels={"tls": "parallel = 1"})
    store = house.folder / "published"
    aside = (store / f"{ANNA}.pem").rename(house.folder / "aside.pem")
    house.faults({"kind": "status", "at": "mail", "status": 451})
    house.drop("november", [(numbers(1)[0], ANNA)])
    house.brevdue("dispatch")
    assert (house.told()["state"], house.told()["step"]) == ("ready", 1)
    house.brevdue("hold", house.told()["consignment"], "--reason", "vent")
    aside.rename(store / f"{ANNA}.pem")
    assert house.told()["outlook"]["channel"] == "tls"
    house.faults()
    house.brevdue("release", house.told()["consignment"], "--reason", "videre")
    house.send()
    assert [one["layers"] for one in house.received()] == [[]]


def test_what_nobody_reports_back_in_time_counts_as_delivered(
    found_mail_house: FoundMailHouse, tmp_path: Path
) -> None:
    box = maildir(tmp_path)
    house = found_mail_house(route=("tls",), mail=f'reports = "{box}"\nreport_hours = 1e-9')
    house.drop("november", [(numbers(1)[0], HANS)])
    house.send()
    assert house.house.states() == {"accepted": 1}
    assert house.brevdue("collect").data["moved"] == 1
    told = house.told()
    assert (told["state"], told["history"][-1]["code"]) == ("delivered", "mail.no_report")


def test_what_is_not_reported_back_waits_for_its_time(
    found_mail_house: FoundMailHouse, tmp_path: Path
) -> None:
    house = found_mail_house(route=("tls",), mail=f'reports = "{maildir(tmp_path)}"')
    house.drop("november", [(numbers(1)[0], HANS)])
    house.send()
    assert house.brevdue("collect").data["moved"] == 0
    assert house.house.states() == {"accepted": 1}


def test_check_looks_at_every_channel(found_mail_house: FoundMailHouse) -> None:
    house = found_mail_house()
    ran = house.brevdue("check")
    points = {one["what"]: one["code"] for one in ran.data["points"]}
    assert {f"channel {name}" for name in ("eboks", "smime", "tunnel", "tls")} <= set(points)
    assert (ran.code, [one for one in points.items() if one[1]]) == (0, [])


def test_check_warns_of_a_policy_that_allows_more_than_the_default(found_mail_house: FoundMailHouse) -> None:
    house = found_mail_house()
    wider = '\n[policy.criminal]\ntransport = "limited"\n[policy.limits]\npersons_per_recipient = 6\n'
    text = house.house.path.read_text(encoding="utf-8")
    house.house.path.write_text(text + wider, encoding="utf-8")
    ran = house.brevdue("check")
    (point,) = (one for one in ran.data["points"] if one["code"] == "policy.widened")
    assert point["warning"] is True
    assert point["params"]["where"] == "policy.criminal.transport, policy.limits.persons_per_recipient"
    assert ran.code == 0


def test_check_tells_what_a_channel_by_mail_lacks(found_mail_house: FoundMailHouse) -> None:
    house = found_mail_house()
    (house.folder / "server-roots.pem").write_text("nothing", encoding="utf-8")
    (house.folder / "ours.key").chmod(0o644)
    points = {one["what"]: one["code"] for one in house.brevdue("check").data["points"]}
    assert points["channel smime"] == "certificate.key_open_to_others"
    assert points["channel tls"] == "starttls.roots_unreadable"
    assert points["channel eboks"] == ""


def test_a_channel_that_can_not_be_built_does_not_stop_the_others(
    found_mail_house: FoundMailHouse, tmp_path: Path
) -> None:
    house = found_mail_house()
    (gone,) = exempt(house, "valid")
    house.drop("november", [(numbers(1)[0], ""), (gone, ANNA)])
    text = house.house.path.read_text(encoding="utf-8")
    broken = '\n[materials.brev.mail]\ntext_da = "mangler.txt"\n'
    house.house.path.write_text(text + broken, encoding="utf-8")
    assert house.brevdue("dispatch").code == 4
    assert house.house.states() == {"delivered": 1, "ready": 1}
    assert house.brevdue("status").data["paused"] == {"smime": "mail.text_unreadable"}
    house.house.path.write_text(text, encoding="utf-8")
    house.send()
    assert house.house.states() == {"delivered": 2}


def list_domain(house: MailHouse, domain: str) -> None:
    """Imports a domain onto the tunnel list, with the gateway's certificate of the simulator."""
    rows = house.folder / "gateways" / "partner.csv"
    rows.write_text(f"domain;certificate\n{domain};kommune.example.pem\n", encoding="utf-8")
    assert house.brevdue("tunnel", "import", str(rows)).code == 0


def maildir(folder: Path) -> Path:
    box = folder / "reports"
    for part in ("tmp", "new", "cur"):
        (box / part).mkdir(parents=True)
    return box
