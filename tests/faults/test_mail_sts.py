"""MTA-STS: only a policy that is announced, fetched in good order and enforced opens a domain at `sts`."""

from __future__ import annotations

from datetime import timedelta

import pytest

from schemas.errors import Transient, Unreachable
from tests.rigs.mail_world import DOMAIN, mail_bytes
from tests.rigs.policy_server import http_reply, policy_text

GOOD = http_reply(policy_text(f"mx.{DOMAIN}"))


@pytest.fixture
def world(mail_world):
    mail_world.server()
    mail_world.domain(f"mx.{DOMAIN}")
    return mail_world


def code_of(world, error=Unreachable):
    with pytest.raises(error) as caught:
        world.deliver("sts")
    world.assert_nothing_in_the_clear()
    assert world.n_mails == 0
    return caught.value.code


@pytest.mark.parametrize("pattern", [f"mx.{DOMAIN}", f"*.{DOMAIN}", f"MX.{DOMAIN}"])
def test_an_enforced_policy_that_lists_the_exchanger_opens_the_domain(world, pattern):
    world.policy(http_reply(policy_text("other.example", pattern)))
    evidence = world.deliver("sts").evidence
    assert (evidence.level, world.n_mails) == ("sts", 1)
    assert world.policies.asked == [(f"mta-sts.{DOMAIN}", "/.well-known/mta-sts.txt")]


def test_the_certificate_must_be_good_too(mail_world):
    mail_world.server(kind="self_signed")
    mail_world.domain(f"mx.{DOMAIN}")
    mail_world.policy(GOOD)
    assert code_of(mail_world) == "starttls.self_signed"


@pytest.mark.parametrize("pattern", ["*.example", f"*.mx.{DOMAIN}", f"mx2.{DOMAIN}", DOMAIN])
def test_an_exchanger_that_is_not_listed_closes_it(world, pattern):
    world.policy(http_reply(policy_text(pattern)))
    assert code_of(world) == "sts.mx_not_listed"


@pytest.mark.parametrize("mode", ["testing", "none"])
def test_a_policy_that_enforces_nothing_proves_nothing(world, mode):
    world.policy(http_reply(policy_text(f"mx.{DOMAIN}", mode=mode)))
    assert code_of(world) == "sts.not_enforced"


def test_no_announcement_is_no_policy(world):
    assert code_of(world) == "sts.no_policy"


@pytest.mark.parametrize(
    "announcement",
    [['"v=STSv1; id=1;"', '"v=STSv1; id=2;"'], ['"v=STSv1"'], ['"v=STSv2; id=1;"'], ['"v=STSv1; id=a b;"']],
)
def test_an_unclear_announcement_is_none(world, announcement):
    world.policy(GOOD)
    world.names.put(f"_mta-sts.{DOMAIN}", "TXT", *announcement)
    assert code_of(world) == "sts.no_policy"
    assert world.policies.asked == []


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (http_reply(b"", "302 Found", more="Location: https://other.example/\r\n"), "sts.policy_not_served"),
        (
            http_reply(policy_text(f"mx.{DOMAIN}"), "301 Moved", more="Location: /\r\n"),
            "sts.policy_not_served",
        ),
        (http_reply(b"", "404 Not Found"), "sts.policy_not_served"),
        (http_reply(policy_text(f"mx.{DOMAIN}"), kind="text/html"), "sts.policy_not_served"),
        (http_reply(b"x" * 70_000), "sts.policy_too_large"),
        (http_reply(b"version: STSv1\r\nmode: enforce\r\n"), "sts.policy_unreadable"),
        (http_reply(b"<html>hello</html>"), "sts.policy_unreadable"),
        (http_reply(policy_text(f"mx.{DOMAIN}").replace(b"STSv1", b"STSv2")), "sts.policy_unreadable"),
        (http_reply(policy_text("bad pattern")), "sts.policy_unreadable"),
        (http_reply(b"\xff\xfe"), "sts.policy_unreadable"),
        (b"hello\r\n\r\n", "sts.policy_not_served"),
    ],
)
def test_a_policy_that_is_none_closes_it(world, reply, code):
    world.policy(reply)
    assert code_of(world) == code
    assert len(world.policies.asked) == 1


@pytest.mark.parametrize(
    "reply", [http_reply(b"", "503 Busy"), b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nver"]
)
def test_a_policy_that_can_not_be_had_now_waits(world, reply):
    world.policy(reply)
    assert code_of(world, (Transient, Unreachable)) in ("sts.host_not_reached", "sts.policy_not_served")


def test_a_policy_host_with_a_bad_certificate_closes_it(world):
    world.policy(GOOD)
    world.names.put("_mta-sts.other.example", "TXT", '"v=STSv1; id=1;"')
    world.names.put("mta-sts.other.example", "A", world.policies.address)
    world.names.put("other.example", "MX", f"10 mx.{DOMAIN}.")
    world.policies.put("other.example", GOOD)
    verdict = world.run(lambda courier: courier.verdict("other.example", "sts"))
    assert (verdict.open, verdict.code) == (False, "sts.host_certificate_bad")
    assert world.policies.asked == []


def test_a_policy_that_is_kept_outlives_its_announcement(world):
    world.policy(GOOD)
    world.change["verdict_minutes"] = 0
    moment = world.now()
    world.now = lambda: moment

    async def act(courier):
        nonlocal moment
        opened = [(await courier.verdict(DOMAIN, "sts")).open]
        world.names.remove(f"_mta-sts.{DOMAIN}", "TXT")
        world.policies.put(DOMAIN, http_reply(b"", "404 Not Found"))
        for hours in (2, 21, 2):
            moment += timedelta(hours=hours)
            opened.append((await courier.verdict(DOMAIN, "sts")).open)
        return opened

    assert world.run(act) == [True, True, True, False]  # for a day, as it says itself


def test_a_policy_outlives_the_process_that_fetched_it_and_not_its_own_time(world, tmp_path):
    world.policy(GOOD)
    world.shelf = tmp_path / "mta-sts"
    moment = world.now()
    world.now = lambda: moment
    world.deliver("sts")
    (kept,) = world.shelf.iterdir()
    assert (kept.stat().st_mode & 0o777, DOMAIN in kept.name) == (0o600, False)
    world.names.remove(f"_mta-sts.{DOMAIN}", "TXT")
    world.policies.put(DOMAIN, None)
    moment += timedelta(hours=23)
    world.deliver("sts")
    assert (world.n_mails, len(world.policies.asked)) == (2, 1)
    for change in (timedelta(hours=2), timedelta(hours=-48)):
        moment += change
        with pytest.raises(Unreachable) as caught:
            world.deliver("sts")
        assert caught.value.code == "sts.no_policy"


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"id": 1, "at": 2, "policy": 3}', b"\xff"])
def test_a_kept_policy_that_is_damaged_is_fetched_again(world, tmp_path, damage):
    world.policy(GOOD)
    world.shelf = tmp_path / "mta-sts"
    world.deliver("sts")
    (kept,) = world.shelf.iterdir()
    kept.write_bytes(damage)
    world.deliver("sts")
    assert (world.n_mails, len(world.policies.asked)) == (2, 2)
    world.deliver("sts")
    assert len(world.policies.asked) == 2


def test_a_new_id_brings_the_new_policy_and_the_same_id_none(world):
    world.policy(GOOD, policy_id="1")
    world.change["verdict_minutes"] = 0
    moment = world.now()
    world.now = lambda: moment

    async def act(courier):
        nonlocal moment
        found = []
        for policy_id in ("1", "1", "2"):
            world.policy(
                GOOD if policy_id == "1" else http_reply(policy_text("x.example")), policy_id=policy_id
            )
            found.append(((await courier.verdict(DOMAIN, "sts")).open, len(world.policies.asked)))
            moment += timedelta(hours=2)
        return found

    assert world.run(act) == [(True, 1), (True, 1), (False, 2)]


def test_a_new_policy_that_can_not_be_had_leaves_the_kept_one_in_force(world):
    world.policy(GOOD, policy_id="1")
    world.change["verdict_minutes"] = 0
    moment = world.now()
    world.now = lambda: moment

    async def act(courier):
        nonlocal moment
        opened = [(await courier.verdict(DOMAIN, "sts")).open]
        world.policy(http_reply(b"", "503 Busy"), policy_id="2")
        moment += timedelta(hours=2)
        opened.append((await courier.verdict(DOMAIN, "sts")).open)
        return opened, len(world.policies.asked)

    assert world.run(act) == ([True, True], 2)


def test_an_exchanger_that_a_new_policy_leaves_out_closes_a_domain_whose_verdict_is_kept(world):
    world.server(f"mx2.{DOMAIN}")
    world.names.put(DOMAIN, "MX", f"10 mx.{DOMAIN}.", f"20 mx2.{DOMAIN}.", ttl=0)
    world.policy(http_reply(policy_text(f"*.{DOMAIN}")), policy_id="1")
    moment = world.now()
    world.now = lambda: moment
    world.names.put(f"_mta-sts.{DOMAIN}", "TXT", '"v=STSv1; id=1;"', ttl=0)

    async def act(courier):
        nonlocal moment
        assert (await courier.verdict(DOMAIN, "sts")).open
        world.policy(GOOD, policy_id="2")
        moment += timedelta(minutes=2)
        with pytest.raises(Unreachable) as caught:
            await courier.deliver("a@b.example", f"c@{DOMAIN}", mail_bytes(), "sts", 20)
        return caught.value.code

    assert world.run(act) == "sts.mx_not_listed"
    assert world.n_mails == 0


def test_a_policy_is_fetched_anew_before_it_closes_a_domain(world):
    world.policy(http_reply(policy_text(f"old.{DOMAIN}")))
    world.change["verdict_minutes"] = 0
    moment = world.now()
    world.now = lambda: moment

    async def act(courier):
        nonlocal moment
        before = await courier.verdict(DOMAIN, "sts")
        world.policies.put(DOMAIN, GOOD)
        moment += timedelta(minutes=2)
        return before.open, (await courier.verdict(DOMAIN, "sts")).open

    assert world.run(act) == (False, True)


def test_an_exchanger_added_after_the_probe_is_held_to_the_policy(world):
    world.policy(GOOD)
    world.names.put(DOMAIN, "MX", f"10 mx.{DOMAIN}.", ttl=0)
    stranger = world.server("mx.fremmed.example")

    async def act(courier):
        assert (await courier.verdict(DOMAIN, "sts")).open
        world.names.put(DOMAIN, "MX", "10 mx.fremmed.example.", ttl=0)
        with pytest.raises(Unreachable) as caught:
            await courier.deliver("a@b.example", f"c@{DOMAIN}", mail_bytes(), "sts", 20)
        return caught.value.code

    assert world.run(act) == "sts.mx_not_listed"
    assert stranger.talks == []


def test_it_never_overrides_dane(world):
    world.policy(GOOD)
    world.change["dns_validates"] = True
    world.names.sign(DOMAIN)
    world.names.put(f"_25._tcp.mx.{DOMAIN}", "TLSA", "3 1 1 " + "00" * 32)
    assert code_of(world) == "dane.no_match"
    world.names.bogus.add(f"_25._tcp.mx.{DOMAIN}")
    assert code_of(world, Transient) == "dns.bogus"
