"""The questions follow from the settings and the answers so far, and each checks its own answer."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

import pytest
from pydantic import Field, model_validator

from jobs.onboarding import kinds
from jobs.onboarding.answers import joined, look, put
from jobs.onboarding.kinds import (
    _classes,
    asked_fields,
    channel_classes,
    read_value,
    still_required,
    wants_certificate,
)
from jobs.onboarding.questions import Question, channel_names, next_question, own_channels
from schemas.eboks_settings import EboksSettings
from schemas.errors import BadInput
from schemas.section import ChannelSettings
from schemas.settings import MaterialSettings, Settings
from tests.rigs.oces import CVR


class Soap(EboksSettings):
    """Another kind, as a later release may have it."""

    kind: Literal["soap"] = "soap"
    agreement: str


class Proxy(Soap):
    """A kind with fields that are required only together with others."""

    client: str = ""
    number: str = ""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        missing = [name for name in ("client", "number") if not getattr(self, name)]
        if missing:
            raise ValueError("; ".join(f"{name}: required by this contract" for name in missing))
        return self


class Mail(ChannelSettings):
    """A kind without a certificate of this sort."""

    kind: Literal["mail"] = "mail"
    relay: str


def asked(settings: Settings, answers: dict[str, Any], sender: str = "loen") -> list[str]:
    """Returns the paths of all questions, each answered by its proposal or by something that fits."""
    given = {
        "cvr": CVR,
        "name": "X",
        "content_type_id": "7",
        "system_id": "4711",
        "agreement": "a",
        "relay": "r",
    }
    paths = []
    while (question := next_question(sender, answers, settings)) is not None:
        text = "" if question.default or question.optional else given[question.path[-1]]
        put(answers, question.path, question.answer(text))
        paths.append(".".join(question.path))
    return paths


def test_an_empty_house_is_asked_everything_once():
    assert asked(Settings(), {}) == [
        *("cvr", "name", "folder", "material_names"),
        *(
            f"materials.loenseddel.{key}"
            for key in (
                "title",
                "content_type_id",
                "group",
                "data_class",
                "channels",
                "delivery",
                "document_days",
            )
        ),
        *(f"channels.eboks.{key}" for key in ("kind", "url", "system_id", "ca")),
        "public_address",
    ]


def test_what_the_settings_know_is_not_asked():
    settings = Settings(materials={"loenseddel": MaterialSettings(channels=("eboks",))})
    answers = {"material_names": ["loenseddel"]}
    assert not [path for path in asked(settings, answers) if path.startswith(("materials", "channels"))]
    assert channel_names(answers, settings) == ("eboks",)
    assert own_channels(answers, settings) == ()


def test_a_second_sender_gets_names_of_its_own():
    taken = Settings(
        materials={"loenseddel": MaterialSettings()},
        channels={
            "eboks": {"url": "https://e.invalid", "system_id": 1, "certificate": "c", "key": "k"}  # type: ignore[dict-item]
        },
    )
    answers: dict[str, Any] = {}
    asked(taken, answers, "bog")
    assert answers["material_names"] == ["bog_loenseddel"]
    assert answers["materials"]["bog_loenseddel"]["channels"] == ["eboks_bog"]


@pytest.mark.parametrize(
    ("path", "text", "code"),
    [
        (("cvr",), "13748137", "onboarding.bad_cvr"),
        (("cvr",), "", "onboarding.answer_empty"),
        (("folder",), "x" * 101, "onboarding.too_long"),
        (("material_names",), "a, B", "onboarding.bad_name"),
        (("materials", "loenseddel", "title"), "x" * 51, "onboarding.too_long"),
        (("materials", "loenseddel", "group"), "Løn og gage", "onboarding.bad_group"),
        (("materials", "loenseddel", "content_type_id"), "0", "onboarding.bad_number"),
        (("materials", "loenseddel", "content_type_id"), "syv", "onboarding.bad_number"),
        (("materials", "loenseddel", "data_class"), "9", "onboarding.no_such_choice"),
        (("channels", "eboks", "kind"), "fax", "onboarding.no_such_choice"),
        (("channels", "eboks", "url"), "http://e-boks", "onboarding.bad_value"),
        (("channels", "eboks", "system_id"), "1000000", "onboarding.bad_value"),
        (("public_address",), "her", "onboarding.bad_address"),
    ],
)
def test_a_slip_is_said_at_once(path, text: str, code: str):
    answers: dict[str, Any] = {}
    while (question := next_question("loen", answers, Settings())) is not None:
        if question.path == path:
            break
        put(answers, question.path, question.answer("" if question.default else _fitting(question)))
    with pytest.raises(BadInput) as raised:
        question.answer(text)
    assert raised.value.code == code


def _fitting(question: Question) -> str:
    return {"cvr": CVR, "content_type_id": "7", "system_id": "1"}.get(question.path[-1], "x")


def test_kinds_come_from_the_settings_and_from_what_can_be_built(monkeypatch: pytest.MonkeyPatch):
    """A further kind needs its class and its line in CHANNELS, and nothing here."""
    union = dict[str, Annotated[Soap | Mail, Field(discriminator="kind")]]
    assert list(_classes(union)) == [Soap, Mail]
    assert "eboks" in channel_classes()
    monkeypatch.setattr(kinds, "channel_classes", lambda: {"soap": Soap, "mail": Mail})
    assert asked_fields("soap") == ["url", "system_id", "ca", "agreement"]
    assert asked_fields("mail") == ["relay"]
    assert (wants_certificate("soap"), wants_certificate("mail")) == (True, False)
    with pytest.raises(BadInput):
        read_value("soap", "system_id", "ikke et tal")
    assert read_value("soap", "system_id", "4711") == 4711
    assert read_value("soap", "agreement", "0042") == "0042"


def test_what_a_kind_requires_only_in_company_is_asked_last(monkeypatch: pytest.MonkeyPatch):
    told = {"url": "https://e.invalid", "system_id": 1, "agreement": "a"}
    monkeypatch.setattr(kinds, "channel_classes", lambda: {"soap": Proxy})
    assert still_required("soap", {"url": "https://e.invalid"}) == []
    assert still_required("soap", told) == ["client", "number"]
    assert still_required("soap", {**told, "client": "c"}) == ["number"]
    assert still_required("soap", {**told, "client": "c", "number": "n"}) == []


def test_later_answers_join_earlier_ones_table_by_table():
    earlier: dict[str, Any] = {"cvr": "1", "materials": {"a": {"title": "A", "group": "g"}}}
    later = {"cvr": None, "materials": {"a": {"title": "B"}, "b": {}}}
    out = joined(earlier, later)
    assert out == {"cvr": "1", "materials": {"a": {"title": "B", "group": "g"}, "b": {}}}
    assert earlier["materials"]["a"]["title"] == "A"
    assert (look(out, ("materials", "a", "group")), look(out, ("cvr", "x"))) == ("g", None)
