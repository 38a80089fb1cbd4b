"""What e-Boks may answer, and what we make of it: both ends counted, unknown never taken for success."""

from __future__ import annotations

import asyncio

import pytest

from schemas.errors import ConfigurationError, InDoubt, Refused, Transient, Unreachable
from tests.rigs.channels import bench_for, letter, soap_bench_for
from tests.rigs.simulator import RunningSimulator, StartSimulator

EACH_WAY = pytest.mark.parametrize("way", [bench_for, soap_bench_for], ids=["rest", "soap"])


def held(simulator: RunningSimulator) -> int:
    with simulator.client() as client:
        return len(client.messages())


def fault(simulator: RunningSimulator, kind: str, **rule) -> None:
    with simulator.client() as client:
        client.add_fault(kind, **rule)


def test_the_message_id_is_the_system_id_in_six_digits_and_the_seed(simulator):
    bench = bench_for(simulator)
    receipt = bench.send(letter(bench.papers, 7))
    assert receipt.external_id == f"001234{7:032x}"
    assert receipt.final


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_2xx_of_the_direct_profile_is_final(start_simulator: StartSimulator, status):
    bench = bench_for(start_simulator(success_status=status))
    assert bench.send(letter(bench.papers)).final


def test_a_400_is_final(simulator):
    fault(simulator, "status", status=400)
    bench = bench_for(simulator)
    with pytest.raises(Refused):
        bench.send(letter(bench.papers))
    assert held(simulator) == 0


@pytest.mark.parametrize(
    ("retry_after", "least", "most"),
    [("7", 7, 7), ("date:900", 600, 900), ("soon", None, None), ("-5", 0, 0), ("999999", 3600, 3600)],
)
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_read_in_every_form_and_capped(simulator, status, retry_after, least, most):
    fault(simulator, "status", status=status, retry_after=retry_after)
    bench = bench_for(simulator)
    with pytest.raises(Transient) as caught:
        bench.send(letter(bench.papers))
    asked = caught.value.retry_after_seconds
    assert asked is None if least is None else least <= asked <= most


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_server_error_may_have_been_taken(simulator, status):
    fault(simulator, "status", status=status)
    bench = bench_for(simulator)
    with pytest.raises(Transient) as caught:
        bench.send(letter(bench.papers))
    assert caught.value.maybe_taken


def test_a_server_error_that_took_the_letter_ends_as_one_letter(simulator):
    fault(simulator, "status", status=500, stores=True, count=1)
    bench = bench_for(simulator)
    with pytest.raises(Transient):
        bench.send(letter(bench.papers))
    assert bench.send(letter(bench.papers, earlier_unknown=True)).code == "eboks.already_accepted"
    assert held(simulator) == 1


@pytest.mark.parametrize("kind", ["drop_before", "drop_mid_body"])
def test_a_connection_cut_before_the_end_is_never_success(simulator, kind):
    fault(simulator, kind, count=1)
    bench = bench_for(simulator)
    with pytest.raises((Transient, InDoubt)):
        bench.send(letter(bench.papers, data=b"%PDF-1.7 " + bytes(3_000_000)))
    assert held(simulator) == 0


@pytest.mark.parametrize("kind", ["delay", "drip"])
def test_a_slow_answer_is_cut_by_the_total_deadline(simulator, kind):
    fault(simulator, kind, delay_seconds=20)
    bench = bench_for(simulator, deadline_seconds=2.0)  # enough for the letter to arrive
    with pytest.raises(InDoubt):
        bench.send(letter(bench.papers))


@pytest.mark.parametrize("variant", ["html", "empty", "truncated", "other_recipient", "huge", "gzip_bomb"])
def test_a_wrong_200_of_the_proxy_is_doubt(start_simulator: StartSimulator, variant):
    simulator = start_simulator(profile="proxy")
    fault(simulator, "wrong_json", variant=variant)
    bench = bench_for(simulator, profile="proxy")
    with pytest.raises(InDoubt):
        bench.send(letter(bench.papers))


@pytest.mark.parametrize(
    ("word", "error"),
    [("dead", Refused), ("exempt", Unreachable), ("minor", Unreachable), ("not_found", Unreachable)],
)
@EACH_WAY
def test_a_recipient_who_can_not_receive_is_told_by_the_direct_profile(simulator, way, word, error):
    bench = way(simulator)
    with pytest.raises(error) as caught:
        bench.send(letter(bench.papers, 1, word))
    assert caught.value.code == f"eboks.{word}"
    assert held(simulator) == 0


@EACH_WAY
@pytest.mark.parametrize("kind", ["expired", "wrong_host", "unknown_ca"])
def test_a_wrong_server_certificate_gets_not_one_byte_of_a_letter(start_simulator: StartSimulator, way, kind):
    simulator = start_simulator(server=kind)
    bench = way(simulator)
    with pytest.raises(ConfigurationError) as caught:
        bench.send(letter(bench.papers))
    assert caught.value.code.startswith("tls.")
    assert bench.papers.n_reads <= 1
    assert len(simulator.running.simulation.messages) == 0


def test_a_certificate_of_another_authority_gets_no_byte_of_a_letter_taken(simulator):
    bench = bench_for(simulator, "stranger")
    with pytest.raises((ConfigurationError, Transient)):  # the server may cut the handshake without a word
        bench.send(letter(bench.papers))
    assert held(simulator) == 0


def test_what_settings_no_longer_carry_stays_in_doubt_when_it_may_have_left(simulator):
    bench = bench_for(simulator)
    with pytest.raises(InDoubt) as caught:
        bench.send(letter(bench.papers, 1, "valid", "uden_eboks", earlier_unknown=True))
    assert caught.value.needs_person


@pytest.mark.parametrize("client", ["expired", "other_system", "unlisted"])
@EACH_WAY
def test_our_own_wrong_certificate_is_our_set_up_and_no_doubt(simulator, way, client):
    bench = way(simulator, client)
    with pytest.raises(ConfigurationError):
        bench.send(letter(bench.papers))
    assert held(simulator) == 0


@EACH_WAY
def test_connections_stay_within_the_limit_and_are_kept(simulator, way):
    bench = way(simulator, parallel=4)

    async def many(channel):
        letters = [letter(bench.papers, number) for number in range(60)]
        await asyncio.gather(*(channel.send(one, channel.message_id(one.seed)) for one in letters))

    with simulator.client() as client:
        before = client.counts()["n_connections"]
        bench.run(many)
        assert client.counts()["n_connections"] - before <= 4
    assert held(simulator) == 60


@EACH_WAY
def test_an_enrolment_answer_is_kept_and_a_reject_forgets_it(simulator, way):
    bench = way(simulator)
    one = letter(bench.papers, 1, "valid", "brev")
    assert bench.run(lambda channel: channel.reaches(one)).reached
    assert bench.run(lambda channel: channel.reaches(one)).cached
    with simulator.client() as client:
        client.flip_person("valid", status="exempt")
    with pytest.raises(Unreachable):
        bench.send(one)
    again = bench.run(lambda channel: channel.reaches(one))
    assert (again.reached, again.cached) == (False, False)
