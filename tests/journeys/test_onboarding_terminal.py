"""A sender is set up as a person does it: on a terminal, with slips, a pause, a Ctrl-C and a way back."""

from __future__ import annotations

import pytest

from tests.rigs.certificates import SYSTEM_ID
from tests.rigs.conversation import Conversation, conversation
from tests.rigs.oces import CVR, OTHER_CVR, PASSWORD
from tests.rigs.senders import Desk, OpenDesk
from tests.rigs.simulator import MANDATORY


def until_channel(talk: Conversation) -> None:
    """Answers all about the sender and its one material, most of it by the proposals."""
    talk.answer("CVR-nummer", CVR)
    talk.answer("Navn", "Testvirksomhed ApS")
    talk.answer("Afleveringsmappe [loen]")
    talk.answer("Materialer [loenseddel]")
    talk.answer("Titel for loenseddel [Lønseddel]")
    talk.answer("Materialenummer for loenseddel", str(MANDATORY))
    talk.answer("Tilmeldingsgruppe for loenseddel [loenseddel]")
    talk.answer("Dataklasse for loenseddel [confidential]", "3")
    talk.answer("Kanaler for loenseddel [eboks]")
    talk.answer("Levering af loenseddel [voluntary]", "1")
    talk.answer("Dage for loenseddel [30]")


def the_channel(talk: Conversation, desk: Desk) -> None:
    talk.answer("Slags [eboks]")
    talk.answer("Adresse for eboks [https://127.0.0.1:8443]", desk.simulator.url)
    talk.answer("Afsendersystem for eboks", str(SYSTEM_ID))
    talk.answer("Udstederfil for eboks", str(desk.simulator.server_ca))
    talk.answer("Offentlig adresse")


def the_certificate(talk: Conversation, desk: Desk, password: str = PASSWORD) -> None:
    talk.answer("Certifikat [request]", "p12")
    talk.answer("Fil", str(desk.p12))
    talk.answer("Rodcertifikat", str(desk.roots))
    talk.expect("Adgangskode: ")
    talk.type(password)


def test_a_whole_walk_with_explanations_and_slips(open_desk: OpenDesk):
    desk = open_desk()
    with conversation(desk.path, "onboard", "loen") as talk:
        talk.expect("Opsætning af afsenderen loen")
        talk.expect("det skal være det samme som i certifikatet")
        talk.answer("CVR-nummer", "12345678")
        talk.expect("Det er ikke et CVR-nummer. Skriv de otte cifre")
        until_channel(talk)
        the_channel(talk, desk)
        talk.expect("Svar: færdig")
        the_certificate(talk, desk, "forkert")
        talk.expect("[own_certificate.p12_password]")
        talk.expect("Den, der må handle: jer selv.")
        talk.answer("Vil du prøve trinnet igen? [nej]", "j")
        the_certificate(talk, desk)
        talk.expect("Certifikat: færdig")
        talk.expect("SHA-256 ")
        talk.expect("Forbindelse: færdig")
        talk.expect("Generalprøve: færdig")
        talk.answer("Skal det skrives i brevdue.toml? [ja]")
        talk.expect("Alt er på plads.")
        assert talk.end() == 0
    assert PASSWORD not in talk.seen and "forkert" not in talk.seen
    settings = desk.settings
    assert settings.materials["loenseddel"].data_class == "cpr"
    assert settings.materials["loenseddel"].eboks.delivery == "mandatory"
    assert desk.simulator.held == []


@pytest.mark.parametrize("leave", ["q", "ctrl-c", "ctrl-d"])
def test_it_can_be_left_anywhere_and_gone_on_with(open_desk: OpenDesk, leave: str):
    desk = open_desk()
    with conversation(desk.path, "onboard", "loen") as talk:
        talk.answer("CVR-nummer", CVR)
        talk.answer("Navn", "Testvirksomhed ApS")
        talk.expect("Afleveringsmappe [loen]: ")
        if leave == "q":
            talk.type("q")
        elif leave == "ctrl-c":
            talk.interrupt()
        else:
            talk.press("\x04")
        talk.expect("Gå videre med: brevdue onboard loen")
        assert talk.end() == 130
    assert desk.state()["answers"] == {"cvr": CVR, "name": "Testvirksomhed ApS"}
    with conversation(desk.path, "onboard", "loen") as talk:
        came = talk.expect("Afleveringsmappe [loen]: ")
        assert "CVR-nummer:" not in came
        talk.type("q")
        assert talk.end() == 130


def test_it_goes_on_at_the_step_it_was_left_at(open_desk: OpenDesk):
    desk = open_desk()
    quick = desk.flags(p12=None, password_file=None, write=None)
    assert desk.onboard("--step=sender", *quick).code == 3
    with conversation(desk.path, "onboard", "loen", "--step=certificate", "--step=settings") as talk:
        talk.expect("Gjort i forvejen: Svar.")
        the_certificate(talk, desk)
        talk.expect("Certifikat: færdig")
        talk.answer("Skal det skrives i brevdue.toml? [ja]", "n")
        talk.expect("Indstillingerne er klar, men ikke skrevet.")
        talk.expect("Åbne trin: Forbindelse, Generalprøve, Indstillinger")
        assert talk.end() == 3
    assert desk.settings.sources == {}


def test_a_value_that_differs_is_replaced_only_after_a_yes(open_desk: OpenDesk):
    desk = open_desk()
    desk.onboard("--step=sender", "--step=certificate", "--step=settings", *desk.flags())
    desk.onboard("--step=sender", "--material=loenseddel", "--title=Nyt", "--document-days=7")
    with conversation(desk.path, "onboard", "loen", "--step=certificate", "--step=settings") as talk:
        talk.answer("materials.loenseddel.title står der allerede med en anden værdi", "n")
        talk.answer("materials.loenseddel.document_days står der allerede", "j")
        talk.answer("Skal det skrives")
        talk.end()
    material = desk.settings.materials["loenseddel"]
    assert (material.title, material.document_days) == ("Lønseddel", 7)


def test_in_english_and_without_a_name(open_desk: OpenDesk):
    desk = open_desk()
    with conversation(desk.path, "onboard", "--sprog", "en") as talk:
        talk.answer("Short name [loen]", "status")
        talk.expect("The name can't stand in the settings.")
        talk.answer("Short name [loen]")
        talk.expect("Setting up the sender loen.")
        talk.answer("CVR number", OTHER_CVR)
        talk.expect("Name: ")
        talk.type("q")
        talk.expect("Go on with: brevdue onboard loen")
        assert talk.end() == 130


def test_the_live_test_is_sent_once_and_only_after_its_host_was_typed(open_desk: OpenDesk):
    desk = open_desk()
    desk.onboard("--step=sender", "--step=certificate", "--step=settings", *desk.flags())
    words = ("onboard", "loen", "--step=sender", "--live-test")
    with conversation(desk.path, *words) as talk:
        talk.answer("Modtager af prøven (CVR eller CPR) [13748136]")
        talk.answer("Skriv 127.0.0.1 for at sende", "ja")
        talk.expect("[onboarding.live_test_not_confirmed]")
        talk.answer("Vil du prøve trinnet igen?", "n")
        talk.end()
    assert desk.simulator.held == []
    with conversation(desk.path, *words) as talk:
        talk.answer("Modtager af prøven")
        talk.answer("Skriv 127.0.0.1 for at sende", "127.0.0.1")
        talk.expect("Prøve hos modparten: færdig")
        talk.end()
    assert len(desk.simulator.held) == 1
