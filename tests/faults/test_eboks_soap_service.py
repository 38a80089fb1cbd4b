"""The simulator's SOAP service misbehaves on request: both ends counted, unknown never taken for success."""

from __future__ import annotations

import pytest

from schemas.errors import ConfigurationError, InDoubt, Refused, Transient, Unreachable
from tests.rigs.channels import bench_for, letter, soap_bench_for
from tests.rigs.simulator import RunningSimulator, StartSimulator


def held(simulator: RunningSimulator) -> int:
    with simulator.client() as client:
        return len(client.messages())


def fault(simulator: RunningSimulator, kind: str, **rule) -> None:
    with simulator.client() as client:
        client.add_fault(kind, **{"on": "soap_send", **rule})


@pytest.mark.parametrize("form", ["fejl", "fejl_by_alphabet", "platform", "platform_turned", "bare"])
@pytest.mark.parametrize(
    ("code", "error"), [(9033, Refused), (9032, Unreachable), (9064, ConfigurationError)]
)
def test_a_fault_means_the_same_in_every_form(simulator, form, code, error):
    fault(simulator, "soap_fault", variant=form, code=code)
    bench = soap_bench_for(simulator)
    expected = (Refused, Transient) if form == "bare" else error
    with pytest.raises(expected):
        bench.send(letter(bench.papers))
    assert held(simulator) == 0


WRONG = ["html", "empty", "truncated", "huge", "gzip_bomb", "other_operation"]


@pytest.mark.parametrize("form", [*WRONG, "entity", "entity_bomb", "external_entity"])
def test_a_wrong_200_is_doubt(simulator, form):
    fault(simulator, "wrong_soap", variant=form)
    bench = soap_bench_for(simulator)
    with pytest.raises(InDoubt):
        bench.send(letter(bench.papers))


@pytest.mark.parametrize(
    ("form", "error"), [("result_false", Refused), ("fault_as_200", (Refused, Transient))]
)
def test_a_no_is_a_no_whatever_its_status(simulator, form, error):
    fault(simulator, "wrong_soap", variant=form)
    bench = soap_bench_for(simulator)
    with pytest.raises(error):
        bench.send(letter(bench.papers))


@pytest.mark.parametrize("kind", ["drop_before", "drop_mid_body", "delay", "drip"])
def test_a_call_that_is_cut_or_drips_is_never_success(simulator, kind):
    fault(simulator, kind, delay_seconds=20)
    bench = soap_bench_for(simulator, deadline_seconds=0.5)
    with pytest.raises((Transient, InDoubt)):
        bench.send(letter(bench.papers, data=b"%PDF-1.7 " + bytes(3_000_000)))


@pytest.mark.parametrize("duplicate", ["fejl", "platform"])
def test_what_was_sent_by_rest_and_again_by_soap_lies_there_once(start_simulator: StartSimulator, duplicate):
    simulator = start_simulator(soap_duplicate=duplicate)
    by_rest = bench_for(simulator)
    by_rest.send(letter(by_rest.papers))
    by_soap = soap_bench_for(simulator, duplicate_fault_codes=["9020"])
    again = letter(by_soap.papers, earlier_unknown=True)
    assert by_soap.send(again).code == "eboks.already_accepted"
    assert held(simulator) == 1


@pytest.mark.parametrize(
    ("word", "code"),
    [
        ("valid", ""),
        ("company", ""),
        ("not_this_material", "eboks.not_enrolled"),
        ("not_found", "eboks.not_found"),
    ],
)
def test_a_voluntary_material_is_looked_up(simulator, word, code):
    bench = soap_bench_for(simulator)
    one = letter(bench.papers, 1, word, "brev")
    assert bench.run(lambda channel: channel.reaches(one)).code == code
