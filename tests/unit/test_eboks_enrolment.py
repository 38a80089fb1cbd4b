"""The look-up asks once a day at most, believes only what it can read, and asks nobody without need."""

from __future__ import annotations

from datetime import timedelta

import pytest

from eboks.simulator import person
from schemas.channels import Listed
from schemas.eboks_settings import EboksMaterial
from schemas.errors import ConfigurationError, Transient, Unreachable
from schemas.settings import MaterialSettings
from tests.rigs.channels import NOW, bench_for, letter
from tests.rigs.simulator import VOLUNTARY, StartSimulator


def reach(bench, word="valid", material="brev", **change):
    return bench.run(lambda channel: channel.reaches(letter(bench.papers, 1, word, material, **change)))


def n_lookups(simulator):
    with simulator.client() as client:
        return client.counts()["n_lookups"]


@pytest.mark.parametrize(
    ("word", "code"),
    [
        ("valid", ""),
        ("company", ""),
        ("exempt", "eboks.exempt"),
        ("dead", "eboks.dead"),
        ("minor", "eboks.minor"),
        ("not_found", "eboks.not_found"),
        ("not_this_material", "eboks.not_enrolled"),
        ("company_without_material", "eboks.not_enrolled"),
        ("never_logged_in", "eboks.not_enrolled"),
    ],
)
def test_a_voluntary_material_is_looked_up(simulator, word, code):
    found = reach(bench_for(simulator), word)
    assert (found.reached, found.code, found.cached) == (not code, code, False)
    assert found.refused is (word == "dead"), "a letter to the dead goes by no other channel"


@pytest.mark.parametrize("material", ["loenseddel", "venter"])
def test_a_mandatory_material_and_one_that_may_wait_ask_nobody(simulator, material):
    assert reach(bench_for(simulator), "never_logged_in", material).reached
    assert n_lookups(simulator) == 0


def lately(bench, word, material):
    async def work(channel):
        return channel.rejected_lately(letter(bench.papers, 1, word, material))

    return bench.run(work)


@pytest.mark.parametrize("material", ["loenseddel", "venter"])
def test_a_reject_of_a_letter_that_asks_nobody_is_remembered_for_a_day(simulator, material):
    bench = bench_for(simulator)
    with pytest.raises(Unreachable):
        bench.send(letter(bench.papers, 1, "exempt", material))
    found = lately(bench, "exempt", material)
    assert (found.reached, found.code, found.cached, found.source) == (False, "eboks.exempt", True, "reject")
    assert lately(bench, "valid", material) is None
    assert reach(bench, "exempt", material).reached, "a new letter may be taken"
    bench.kept.now += timedelta(hours=25)
    assert lately(bench, "exempt", material) is None
    assert n_lookups(simulator) == 0


def test_a_cache_of_no_hours_remembers_no_reject(simulator):
    bench = bench_for(simulator, enrolment_cache_hours=0)
    with pytest.raises(Unreachable):
        bench.send(letter(bench.papers, 1, "exempt", "loenseddel"))
    assert lately(bench, "exempt", "loenseddel") is None


@pytest.mark.parametrize("word", ["valid", "exempt"])
def test_an_answer_is_remembered_for_a_day_and_no_longer(simulator, word):
    bench = bench_for(simulator)
    first = reach(bench, word)
    bench.kept.now += timedelta(hours=23)
    again = reach(bench, word)
    assert (again.reached, again.code, again.cached) == (first.reached, first.code, True)
    assert n_lookups(simulator) == 1
    bench.kept.now += timedelta(hours=1, seconds=1)
    assert not reach(bench, word).cached


def test_a_cache_of_no_hours_remembers_nothing(simulator):
    bench = bench_for(simulator, enrolment_cache_hours=0)
    assert not reach(bench).cached
    assert not reach(bench).cached
    assert bench.kept.answers == {}


@pytest.mark.parametrize(("word", "code"), [("valid", ""), ("exempt", "eboks.not_found")])
def test_where_absence_is_a_404_both_answers_are_read(start_simulator: StartSimulator, word, code):
    simulator = start_simulator(lookup_absent="404")
    found = reach(bench_for(simulator, enrolment_absent="404"), word)
    assert (found.reached, found.code) == (not code, code)


def test_a_404_is_our_set_up_where_absence_is_an_answer(start_simulator: StartSimulator):
    simulator = start_simulator(lookup_absent="404")
    with pytest.raises(ConfigurationError):
        reach(bench_for(simulator), "exempt")


@pytest.mark.parametrize("absent", ["answer", "404"])
def test_an_unknown_material_is_our_set_up_and_not_the_recipients(start_simulator: StartSimulator, absent):
    bench = bench_for(start_simulator(lookup_absent=absent), enrolment_absent=absent)
    bench.materials["brev"] = MaterialSettings(eboks=EboksMaterial(content_type_id=1), channels=("eboks",))
    with pytest.raises(ConfigurationError):
        reach(bench)


@pytest.mark.parametrize("absent", ["answer", "404"])
@pytest.mark.parametrize("variant", ["html", "truncated", "huge", "gzip_bomb"])
def test_an_unreadable_answer_is_no_answer_and_not_remembered(
    start_simulator: StartSimulator, variant, absent
):
    simulator = start_simulator()
    with simulator.client() as client:
        client.add_fault("wrong_json", on="lookup", variant=variant)
    bench = bench_for(simulator, enrolment_absent=absent)
    with pytest.raises(Transient):
        reach(bench)
    assert bench.kept.answers == {}


@pytest.mark.parametrize("kind", ["accept_then_drop", "delay"])
def test_a_look_up_without_an_answer_is_asked_again_later(simulator, kind):
    with simulator.client() as client:
        client.add_fault(kind, on="lookup", delay_seconds=1.0)
    with pytest.raises(Transient):
        reach(bench_for(simulator, deadline_seconds=0.4))


def test_what_the_channel_can_not_carry_is_said_before_anybody_is_asked(simulator):
    bench = bench_for(simulator, max_bytes=100)
    two = (bench.papers.keep(b"a"), bench.papers.keep(b"b", ordinal=1))
    said = [
        reach(bench, material="uden_eboks"),
        reach(bench, data=bytes(101)),
        reach(bench, documents=(bench.papers.keep(b"x", "exe"),)),
        reach(bench, documents=two),
    ]
    assert [one.code for one in said] == [
        "eboks.no_material",
        "eboks.too_large",
        "eboks.extension_not_carried",
        "eboks.attachments_not_supported",
    ]
    assert n_lookups(simulator) == 0


def test_attachments_go_where_the_settings_allow_them(simulator):
    bench = bench_for(simulator, attachments=True)
    two = (bench.papers.keep(b"a"), bench.papers.keep(b"b", ordinal=1))
    assert bench.send(letter(bench.papers, documents=two)).final


def with_list(simulator, order, listed, **change):
    """Returns a bench whose channel asks these sources, with a list of words → what it says."""
    bench = bench_for(simulator, enrolment=order, **change)
    bench.kept.list = {person(word).number: Listed(NOW, *said) for word, said in listed.items()}
    return bench


def enrolled_for(*places):
    return "enrolled", frozenset(map(str, places))


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (enrolled_for(VOLUNTARY), ""),
        (enrolled_for("*"), ""),
        (enrolled_for("g:breve"), ""),
        (enrolled_for(VOLUNTARY + 1, "g:loen"), "eboks.not_enrolled"),
        (("not_for_this_material",), "eboks.not_enrolled"),
        (("exempt",), "eboks.exempt"),
        (("not_found",), "eboks.not_found"),
        (("dead",), "eboks.dead"),
        (("minor",), "eboks.minor"),
    ],
)
def test_the_list_is_read_by_material_and_by_its_registration_group(simulator, said, code):
    bench = with_list(simulator, ["list"], {"valid": said})
    eboks = EboksMaterial(content_type_id=VOLUNTARY, enrolment_group="breve")
    bench.materials["brev"] = MaterialSettings(eboks=eboks, channels=("eboks",))
    found = reach(bench)
    assert (found.reached, found.code, found.source) == (not code, code, "list")
    assert n_lookups(simulator) == 0
    assert bench.kept.answers == {}, "a list's answer is not kept beyond the list"


def test_one_who_is_missing_on_a_list_is_enrolled_for_nothing(simulator):
    assert reach(with_list(simulator, ["list"], {})).code == "eboks.not_enrolled"


@pytest.mark.parametrize(
    ("order", "listed", "reached", "source", "n_asked"),
    [
        (["list"], {"valid": ("exempt",)}, False, "list", 0),
        (["list", "lookup"], {"valid": ("exempt",)}, False, "list", 0),
        (["list", "lookup"], {"valid": ("unknown",)}, True, "lookup", 1),
        (["lookup", "list"], {"valid": ("exempt",)}, True, "lookup", 1),
        (["lookup"], {"valid": ("exempt",)}, True, "lookup", 1),
    ],
)
def test_sources_are_asked_in_order_until_one_can_say(simulator, order, listed, reached, source, n_asked):
    found = reach(with_list(simulator, order, listed))
    assert (found.reached, found.source, n_lookups(simulator)) == (reached, source, n_asked)


@pytest.mark.parametrize("listed", [{"valid": ("unknown",)}, {"valid": ("a word of a later release",)}])
def test_where_nobody_can_say_the_letter_waits_an_hour(simulator, listed):
    with pytest.raises(Transient) as waits:
        reach(with_list(simulator, ["list"], listed))
    assert (waits.value.code, waits.value.retry_after_seconds) == ("eboks.enrolment_unknown", 3600.0)


def test_a_list_that_is_too_old_says_nothing(simulator):
    bench = with_list(simulator, ["list"], {"valid": enrolled_for("*")}, enrolment_list_hours=30)
    bench.kept.now += timedelta(hours=30)
    assert reach(bench).reached
    bench.kept.now += timedelta(seconds=1)
    with pytest.raises(Transient) as waits:
        reach(bench)
    assert waits.value.code == "eboks.enrolment_unknown"


def test_a_look_up_that_fails_is_told_as_itself_when_the_list_can_not_say_either(simulator):
    with simulator.client() as client:
        client.add_fault("status", on="lookup", status=503)
    bench = with_list(simulator, ["lookup", "list"], {"valid": ("unknown",)})
    with pytest.raises(Transient) as waits:
        reach(bench)
    assert waits.value.code == "eboks.not_now"


def test_a_look_up_that_turns_us_down_is_not_covered_up_by_the_list(simulator):
    bench = with_list(simulator, ["lookup", "list"], {"valid": enrolled_for("*")}, client="other_system")
    with pytest.raises(ConfigurationError):
        reach(bench)
