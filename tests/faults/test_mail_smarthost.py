"""A relay of ours: only over verified TLS, marked as such, and no stand-in for what it can't prove."""

from __future__ import annotations

import pytest

from schemas.errors import ConfigurationError, Transient, Unreachable
from tests.rigs.mail_world import DOMAIN, mail_bytes

RELAY = "relay.afsender.example"


def use_relay(world, kind="good", **behaviour):
    server = world.server(RELAY, kind, **behaviour)
    world.change["smarthost"] = {"host": f"{RELAY}:{server.port}", "ca": world.authority.roots}
    return server


@pytest.mark.parametrize("level", ["encrypt", "verify", None])
def test_every_mail_goes_by_it_and_says_so(mail_world, level):
    relay = use_relay(mail_world)
    proof = mail_world.deliver(level).proof()
    assert (proof["smarthost"], proof["mx"], proof["level"]) == ("yes", RELAY, "verify")
    assert [mail.content for mail in relay.mails] == [mail_bytes()]
    assert mail_world.names.asked[(DOMAIN, "MX")] == 0


def test_the_verdict_shows_it_too(mail_world):
    use_relay(mail_world)
    verdict = mail_world.run(lambda courier: courier.verdict(DOMAIN, "encrypt"))
    assert verdict.open
    assert [one["smarthost"] for one in verdict.evidence()] == ["yes"]


@pytest.mark.parametrize(
    ("kind", "behaviour", "reason"),
    [
        ("self_signed", {}, "starttls.self_signed"),
        ("expired", {}, "starttls.certificate_expired"),
        ("wrong_name", {}, "starttls.wrong_name"),
        ("good", {"starttls": False}, "starttls.not_offered"),
    ],
)
@pytest.mark.parametrize("level", ["encrypt", None])
def test_one_that_is_not_verified_gets_nothing(mail_world, kind, behaviour, reason, level):
    relay = use_relay(mail_world, kind, **behaviour)
    with pytest.raises(ConfigurationError) as caught:
        mail_world.deliver(level)
    assert (caught.value.code, caught.value.params["reason"]) == ("smarthost.unfit", reason)
    assert relay.n_data == 0
    mail_world.assert_nothing_in_the_clear()


@pytest.mark.parametrize("level", ["sts", "dane"])
def test_it_stands_in_for_no_level_of_the_recipients(mail_world, level):
    relay = use_relay(mail_world)
    with pytest.raises(ConfigurationError) as caught:
        mail_world.deliver(level)
    assert caught.value.code == "smarthost.level_not_provable"
    assert relay.talks == []


def test_one_that_is_down_is_for_the_breaker(mail_world):
    relay = use_relay(mail_world)
    relay.stop()
    mail_world.servers.clear()
    with pytest.raises(Transient) as caught:
        mail_world.deliver()
    assert caught.value.reached is False


def test_one_that_will_not_send_for_us_is_our_own_fault(mail_world):
    use_relay(mail_world, replies={"mail": "550 5.7.1 who are you"})
    with pytest.raises(ConfigurationError) as caught:
        mail_world.deliver()
    assert caught.value.code == "smarthost.refuses_us"


def test_its_word_about_a_recipient_is_about_the_recipient(mail_world):
    use_relay(mail_world, replies={"rcpt": "550 5.1.1 nobody"})
    with pytest.raises(Unreachable) as caught:
        mail_world.deliver()
    assert caught.value.code == "smtp.550"
