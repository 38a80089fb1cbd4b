"""The SOAP look-up says yes and no only; what that means is found out by asking twice, and never guessed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from schemas.errors import ConfigurationError, Transient
from tests.rigs.channels import letter
from tests.rigs.soap_desk import (
    LET_GO,
    enrolled_answer,
    fault_answer,
    fejl_xml,
    http,
    sent_answer,
    soap_desk,
)


def reach(desk, word="valid", material="brev"):
    return desk.bench.run(lambda channel: channel.reaches(letter(desk.bench.papers, 1, word, material)))


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        (["true"], ""),
        (["1"], ""),
        (["false", "true"], "eboks.not_enrolled"),
        (["false", "false"], "eboks.not_found"),
        (["0", "0"], "eboks.not_found"),
    ],
)
def test_a_no_is_asked_about_once_more_without_the_material(certificates, answers, code):
    with soap_desk(certificates, *map(enrolled_answer, answers)) as desk:
        found = reach(desk)
    assert (found.reached, found.code) == (not code, code)
    named = [b"IndholdstypeIdentifikator" in body for body in desk.service.bodies]
    assert named == [True, False][: len(answers)]


@pytest.mark.parametrize(("word", "element"), [("valid", b"CPRnummer"), ("company", b"CVRnummer")])
def test_a_person_is_asked_about_by_cpr_and_a_company_by_cvr(certificates, word, element):
    with soap_desk(certificates, enrolled_answer()) as desk:
        assert reach(desk, word).reached
    assert element in desk.service.bodies[0]
    assert b'SOAPAction: "http' in desk.service.heads[0]
    assert b"Print/2/spoergTilmelding" in desk.service.heads[0]


def test_an_answer_is_remembered_for_a_day_and_no_longer(certificates):
    with soap_desk(certificates, enrolled_answer()) as desk:
        reach(desk)
        desk.bench.kept.now += timedelta(hours=23)
        assert reach(desk).cached
        desk.bench.kept.now += timedelta(hours=1, seconds=1)
        assert not reach(desk).cached
    assert len(desk.service.bodies) == 2


@pytest.mark.parametrize("material", ["loenseddel", "venter"])
def test_a_mandatory_material_and_one_that_may_wait_ask_nobody(certificates, material):
    with soap_desk(certificates, enrolled_answer("false")) as desk:
        assert reach(desk, material=material).reached
    assert desk.service.bodies == []


@pytest.mark.parametrize(
    ("number", "code"),
    [(9032, "eboks.exempt"), (9033, "eboks.dead"), (9034, "eboks.minor"), (9031, "eboks.not_found")],
)
def test_a_fault_about_the_recipient_is_an_answer(certificates, number, code):
    with soap_desk(certificates, fault_answer(fejl_xml(number))) as desk:
        assert reach(desk).code == code


@pytest.mark.parametrize(
    "answer",
    [
        enrolled_answer("måske"),
        enrolled_answer(""),
        sent_answer(),
        http(b""),
        http(b"<html/>"),
        http(b"", 502),
        fault_answer(),
        fault_answer(fejl_xml(4007)),
        fault_answer(fejl_xml(4007), status=200),
        LET_GO,
    ],
)
def test_what_is_no_answer_is_asked_again_and_not_remembered(certificates, answer):
    with soap_desk(certificates, answer) as desk, pytest.raises(Transient):
        reach(desk)
    assert desk.bench.kept.answers == {}


def test_a_refusal_of_us_is_our_set_up(certificates):
    with soap_desk(certificates, fault_answer(fejl_xml(3000))) as desk, pytest.raises(ConfigurationError):
        reach(desk)
