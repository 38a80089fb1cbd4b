"""A sender over SOAP is set up like one over REST: the fields of its kind are asked for too."""

from __future__ import annotations

import json

from tests.rigs.senders import OpenDesk

UUID = "12345678-1234-1234-1234-123456789012"


def test_a_sender_over_soap(open_desk: OpenDesk):
    desk = open_desk()
    flags = desk.flags(kind="eboks_soap")
    ran = desk.onboard(*flags)
    fault = json.loads(ran.err)
    assert fault["error"] == "onboarding.answers_missing"
    uuids = [f"channels.eboks.{name}" for name in ("service_agreement_uuid", "user_system_uuid", "user_uuid")]
    assert fault["params"]["keys"].split(", ") == uuids
    answers = desk.file(
        "soap.toml",
        b"[channels.eboks]\n" + "".join(f'{one.split(".")[-1]} = "{UUID}"\n' for one in uuids).encode(),
    )
    ran = desk.onboard(*flags, "--answers", str(answers))
    assert ran.code == 0, ran.out + ran.err
    assert ran.data["done"]
    assert desk.settings.channels["eboks"].kind == "eboks_soap"
