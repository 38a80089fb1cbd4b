"""A server that drips, or never ends: it is cut by the deadline and by a cap, and gets no mail."""

from __future__ import annotations

import pytest

from schemas.errors import InDoubt, Transient
from tests.rigs.mail_world import DOMAIN, mail_bytes


def test_a_greeting_that_drips_is_given_up(mail_world):
    server = mail_world.server(drip_seconds=0.2)
    mail_world.domain(f"mx.{DOMAIN}")
    mail_world.change["probe_seconds"] = 0.5
    with pytest.raises(Transient) as caught:
        mail_world.deliver()
    assert caught.value.code == "smtp.too_slow"
    assert server.clear == b""


def test_answers_that_drip_are_cut_by_the_total_deadline(mail_world):
    server = mail_world.server()
    mail_world.domain(f"mx.{DOMAIN}")

    async def act(courier):
        assert (await courier.verdict(DOMAIN, "encrypt")).open
        server.behaviour.drip_seconds = 0.005
        with pytest.raises(Transient) as caught:
            await courier.deliver("a@b.example", f"c@{DOMAIN}", mail_bytes(), "encrypt", 0.5)
        return caught.value.code

    assert mail_world.run(act) == "smtp.deadline"
    assert server.mails == []
    mail_world.assert_nothing_in_the_clear()


@pytest.mark.parametrize(
    "flood",
    [
        "250-" + "x" * 10_000,
        "\r\n".join(["250-x"] * 10_000),
        "\r\n".join(["250-" + "y" * 900] * 1000),
        "y" * 200_000,
    ],
)
@pytest.mark.parametrize("step", ["greeting", "ehlo", "mail"])
def test_an_answer_without_end_is_not_read_to_it(mail_world, step, flood):
    server = mail_world.server(replies={step: flood})
    mail_world.domain(f"mx.{DOMAIN}")
    with pytest.raises(Transient) as caught:
        mail_world.deliver()
    assert caught.value.code in ("smtp.reply_unreadable", "smtp.connection_lost")
    assert server.n_data == 0


def test_an_answer_without_end_after_the_dot_is_doubt(mail_world):
    mail_world.server(replies={"dot": "\r\n".join(["250-x"] * 10_000)})
    mail_world.domain(f"mx.{DOMAIN}")
    with pytest.raises(InDoubt):
        mail_world.deliver()
