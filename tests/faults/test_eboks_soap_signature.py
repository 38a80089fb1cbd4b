"""WS-Security on the SOAP channel: our certificate signs, and only the partner's word counts."""

from __future__ import annotations

import pytest

from schemas.errors import ConfigurationError, InDoubt, Transient
from tests.rigs.channels import letter, soap_bench_for
from tests.rigs.soap_desk import fault_answer, fejl_xml, soap_desk


def signed_bench(start_simulator, certificates, *, ours="good", partner="good", **change):
    """Returns a simulator that wants signatures, and a channel that trusts this partner."""
    theirs = certificates.partner()
    files = {"certificate": str(theirs.certificate), "key": str(theirs.key)}
    simulator = start_simulator(soap_security="signed", soap_partner=files)
    trusted = certificates.partner(partner).certificate
    change = {
        "security": "signed",
        "partner_certificate": trusted,
        "duplicate_fault_codes": ["9020"],
        **change,
    }
    return simulator, soap_bench_for(simulator, ours, **change)


def test_a_signed_letter_is_taken_and_so_is_its_duplicate_fault(start_simulator, certificates):
    simulator, bench = signed_bench(start_simulator, certificates)
    assert bench.send(letter(bench.papers)).final
    assert bench.send(letter(bench.papers, earlier_unknown=True)).code == "eboks.already_accepted"
    one = letter(bench.papers, 1, "not_this_material", "brev")
    assert bench.run(lambda channel: channel.reaches(one)).code == "eboks.not_enrolled"
    assert len(simulator.running.simulation.messages) == 1


@pytest.mark.parametrize("form", ["unsigned", "altered", "stale"])
def test_an_answer_that_is_not_rightly_signed_is_doubt(start_simulator, certificates, form):
    simulator, bench = signed_bench(start_simulator, certificates)
    with simulator.client() as client:
        client.add_fault("wrong_soap", on="soap_send", variant=form)
    with pytest.raises(InDoubt) as caught:
        bench.send(letter(bench.papers))
    assert caught.value.code.startswith("wsse.")


@pytest.mark.parametrize(("partner", "own"), [("other", False), ("good", True)])
def test_an_answer_is_the_partners_and_never_ones_own(start_simulator, certificates, partner, own):
    change = {"partner_certificate": certificates.client().certificate} if own else {}
    simulator, bench = signed_bench(start_simulator, certificates, partner=partner, **change)
    with pytest.raises(InDoubt) as caught:
        bench.send(letter(bench.papers))
    assert caught.value.code == "wsse.wrong_certificate"
    assert len(simulator.running.simulation.messages) == 1


def test_a_fault_that_nobody_signed_may_be_anybodys(certificates):
    """It says "not taken", but whoever stands in between could say that too."""
    trusted = certificates.partner().certificate
    with (
        soap_desk(
            certificates, fault_answer(fejl_xml()), security="signed", partner_certificate=trusted
        ) as desk,
        pytest.raises(Transient) as caught,
    ):
        desk.bench.send(letter(desk.bench.papers))
    assert caught.value.maybe_taken
    assert b"Signature" in desk.service.bodies[0]


def test_an_unsigned_letter_is_turned_down_where_signatures_are_wanted(start_simulator, certificates):
    simulator, bench = signed_bench(start_simulator, certificates, security="context")
    with pytest.raises(ConfigurationError):
        bench.send(letter(bench.papers))
    assert len(simulator.running.simulation.messages) == 0


@pytest.mark.parametrize("name", ["key", "partner_certificate"])
def test_check_finds_what_can_not_sign_or_be_trusted(start_simulator, certificates, tmp_path, name):
    (tmp_path / "broken.pem").write_text("no certificate and no key")
    (tmp_path / "broken.pem").chmod(0o600)
    _, bench = signed_bench(start_simulator, certificates, **{name: tmp_path / "broken.pem"})
    with pytest.raises(ConfigurationError) as caught:
        bench.build().check()
    assert caught.value.code in ("wsse.key_unusable", "wsse.partner_unreadable")
