"""`brevdue portal …` on a founded house: what an operator sees, changes and leaves in the audit trail."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import ssl
import sys
import time
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
from sqlalchemy import text

from eboks.simulator import person
from jobs.commands import portal
from jobs.commands.checking import check
from jobs.commands.context import Context
from jobs.commands.tree import run_tree
from jobs.house import open_house, utc_now
from jobs.portal import available, build_channel, build_portal, build_site, carrier, first_portal, open_store
from jobs.screen import Screen
from routing.portal.links import parse_token
from routing.portal.parcels import ParcelState
from routing.portal.reply_box import Reply, ReplyFile, read_public_key, seal_reply
from routing.portal.web.serving import make_server
from routing.portal.web.website import tell_nobody
from schemas.channels import Channel
from schemas.errors import BadInput, ConfigurationError
from schemas.portal_proof_settings import PortalMitId, PortalSms
from schemas.portal_settings import MaterialPortal, PortalChannel, PortalServer
from schemas.settings import Settings
from tests.rigs.houses import FoundHouse
from tests.rigs.outsiders import secret_file
from tests.rigs.pdfs import text_pdf
from tests.rigs.portals import link_in, parsed
from tests.rigs.ports import free_port


@dataclass(slots=True)
class GivenContext(Context):
    """A call of the command line whose settings are given."""

    given: Settings | None = field(default=None)

    def settings(self) -> Settings:
        assert self.given is not None
        return self.given


@dataclass
class Desk:
    """An operator at a house with a portal, and one letter in it."""

    settings: Settings
    consignment_id: str = ""

    def run(self, *words: str) -> tuple[int, dict[str, Any]]:
        out = io.StringIO()
        screen = Screen(as_json=True, out=out, err=io.StringIO())
        code = run_tree(GivenContext(screen, Path("x"), given=self.settings), ["portal", *words])
        return code, json.loads(out.getvalue().splitlines()[-1])

    def mails(self) -> list[Path]:
        folder = self.settings.house.data / "portal" / "mails" / "new"
        return sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns)

    def acts(self) -> list[tuple[str, str, str]]:
        with open_house(self.settings) as house, house.ledger._store.database.reading() as connection:
            rows = connection.execute(text("SELECT verb, subject, reason FROM act ORDER BY id"))
            return [tuple(row) for row in rows]


def put_drop(inbox: Path) -> None:
    """Puts a sealed drop with one letter into the inbox."""
    number = person("valid").number
    drop = inbox / "brev"
    drop.mkdir()
    (drop / "1.pdf").write_bytes(text_pdf([["Et brev"]]))
    head = "modtager;modtagertype;materiale;titel;fil;email;mobil;reference\n"
    row = f"{number};cpr;loenseddel;Hemmelig titel;1.pdf;gammel@post.example;+4520123456;sag-1\n"
    (drop / "index.csv").write_text(head + row, encoding="utf-8")
    (inbox / "brev.klar").touch()


@pytest.fixture
def desk(found_house: FoundHouse) -> Desk:
    house_on_disk = found_house()
    base = house_on_disk.settings
    keys = base.house.data / "portal"
    channel = PortalChannel(
        kind="portal",
        url="https://portal.example",
        key=keys / "portal.key",
        link_key=keys / "link.key",
        from_address="post@eksempel.example",
    )
    portal_rules = {"data_class": "ordinary", "portal": MaterialPortal(identity=("mail_code",))}
    materials = {name: one.model_copy(update=portal_rules) for name, one in base.materials.items()}
    channels = {**base.channels, "portal": channel}
    made = Desk(base.model_copy(update={"channels": channels, "materials": materials}))
    put_drop(house_on_disk.inbox)
    assert house_on_disk.brevdue("pull").code == 0
    assert made.run("init")[0] == 0
    with open_house(made.settings) as house:
        (batch,) = house.ledger.batches()
        (line,) = house.ledger.lines(batch.id)
        made.consignment_id = line.consignment_id
        asyncio.run(_send(house, house.ledger.standing(line.consignment_id).consignment))
    return made


async def _send(house, consignment) -> None:
    name, settings = first_portal(house.settings)
    channel = build_channel(house, name, settings)
    await channel.send(consignment, channel.message_id(consignment.seed))
    await channel.close()


def locators(desk: Desk) -> list[str]:
    return [link_in(parsed(path.read_bytes())) for path in desk.mails()]


def parcel_of(desk: Desk):
    _, channel = first_portal(desk.settings)
    store = open_store(desk.settings, channel, utc_now)
    try:
        return store.parcels.by_subject(desk.consignment_id)
    finally:
        store.close()


def test_init_makes_keys_and_database_once(desk):
    assert desk.run("init")[1]["made"] == []
    for name in ("portal.key", "link.key"):
        assert (desk.settings.house.data / "portal" / name).stat().st_mode & 0o777 == 0o600


def test_list_and_show_tell_what_happened_and_nothing_of_the_person(desk):
    code, data = desk.run("list", "--state", "open")
    assert (code, [p["consignment"] for p in data["parcels"]]) == (0, [desk.consignment_id])
    code, shown = desk.run("show", desk.consignment_id)
    assert [e["event"] for e in shown["events"]] == ["sealed", "notice_sent"]
    said = json.dumps([data, shown])
    for secret in ("Hemmelig", "gammel@", "+45", person("valid").number, "1.pdf", locators(desk)[0]):
        assert secret not in said
    assert desk.run("list", "--state", "revoked")[1]["parcels"] == []


def test_revoke_ends_it_and_is_kept_as_an_act(desk):
    code, data = desk.run("revoke", desk.consignment_id, "--reason", "forkert modtager")
    assert (code, data["changed"]) == (0, 1)
    assert parcel_of(desk).state is ParcelState.REVOKED
    assert desk.acts() == [("portal revoke", desk.consignment_id, "forkert modtager")]
    assert desk.run("revoke", desk.consignment_id, "--reason", "igen")[0] == 1
    with pytest.raises(BadInput, match="has_ended"):
        desk.run("resend-notice", desk.consignment_id, "--reason", "x")


def test_extend_and_unlock(desk):
    before = parcel_of(desk).expires_at
    assert desk.run("extend", desk.consignment_id, "60")[0] == 0
    assert parcel_of(desk).expires_at > before
    assert desk.run("unlock", desk.consignment_id)[0] == 0
    assert [verb for verb, _, _ in desk.acts()] == ["portal extend", "portal unlock"]
    with pytest.raises(BadInput, match="bad_days"):
        desk.run("extend", desk.consignment_id, "0")


def test_a_wrong_address_is_put_right_under_a_new_link_and_the_old_link_is_dead(desk):
    code, data = desk.run(
        "resend-notice", desk.consignment_id, "--email", "ny@post.example", "--reason", "tastefejl"
    )
    assert (code, data["corrected"]) == (0, ["email"])
    old, new = locators(desk)
    assert parsed(desk.mails()[1].read_bytes())["To"] == "ny@post.example"
    assert parcel_of(desk).locator == parse_token(new).locator != parse_token(old).locator
    assert desk.acts() == [("portal resend-notice email", desk.consignment_id, "tastefejl")]
    with pytest.raises(BadInput, match="bad_address"):
        desk.run("resend-notice", desk.consignment_id, "--email", "nej", "--reason", "x")


def test_without_the_ledgers_copy_no_new_link_is_made_and_the_command_says_so(desk):
    for pack in desk.settings.sources["loen"].folder.rglob("*.pack"):
        pack.unlink()
    before = parcel_of(desk)
    with pytest.raises(ConfigurationError, match="copy_gone"):
        desk.run("resend-notice", desk.consignment_id, "--reason", "x")
    assert parcel_of(desk).locator == before.locator


def test_an_unknown_subject_is_told(desk):
    for words in (("show", "x"), ("revoke", "x", "--reason", "y"), ("extend", "x", "3")):
        with pytest.raises(BadInput, match="unknown_subject"):
            desk.run(*words)


def test_a_reply_is_opened_with_the_sources_own_key(desk, tmp_path):
    assert desk.run("reply-keys", "loen", "--folder", str(tmp_path))[0] == 0
    files = (ReplyFile("svar.txt", "text/plain", b"hej"),)
    reply = Reply("r1", "portal-1", "sag-1", "Tak for brevet", "2026-11-25", "mitid", files)
    sealed = tmp_path / "r1.brevsvar"
    sealed.write_bytes(seal_reply(read_public_key(tmp_path / "loen-svar.pem"), reply))
    key = tmp_path / "loen-svar.key"
    assert key.stat().st_mode & 0o777 == 0o600
    second = tmp_path / "r2.brevsvar"
    second.write_bytes(seal_reply(read_public_key(tmp_path / "loen-svar.pem"), replace(reply, id="r2")))
    open_both = ("open-reply", str(sealed), str(second), "--key", str(key), "--into", str(tmp_path / "ud"))
    for _ in range(2):  # what was opened before stays
        assert desk.run(*open_both)[0] == 0
    assert sorted(one.name for one in (tmp_path / "ud").iterdir()) == ["r1", "r2"]
    assert "Tak for brevet" in (tmp_path / "ud" / "r1" / "besked.txt").read_text(encoding="utf-8")
    assert (tmp_path / "ud" / "r1" / "1-svar.txt").read_bytes() == b"hej"
    with pytest.raises(ConfigurationError, match="key_not_writable"):
        desk.run("reply-keys", "loen", "--folder", str(tmp_path))


@pytest.mark.parametrize("reply_id", ["../ud", "..", "a/b", ""])
def test_a_reply_whose_id_would_lead_elsewhere_is_damaged(desk, tmp_path, reply_id):
    assert desk.run("reply-keys", "loen", "--folder", str(tmp_path))[0] == 0
    reply = Reply(reply_id, "portal-1", "sag-1", "Tak", "2026-11-25", "mitid")
    sealed = tmp_path / "r.brevsvar"
    sealed.write_bytes(seal_reply(read_public_key(tmp_path / "loen-svar.pem"), reply))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(BadInput, match="reply_damaged"):
        desk.run(
            *(
                "open-reply",
                str(sealed),
                "--key",
                str(tmp_path / "loen-svar.key"),
                "--into",
                str(tmp_path / "x"),
            )
        )
    assert sorted(tmp_path.rglob("*")) == before


def test_a_portal_without_tls_or_proxy_does_not_start(desk):
    with pytest.raises(ConfigurationError, match="no_tls"):
        portal.serve(GivenContext(Screen(as_json=True), Path("x"), given=desk.settings))


@pytest.mark.parametrize(
    ("kind", "material", "identity", "warned"),
    [
        ("cvr", None, ("mail_code",), True),
        (None, "loenseddel", ("mail_code", "sms"), True),
        ("cvr", "another", ("mail_code",), False),
        ("cpr", None, ("mail_code",), False),
        ("cvr", None, ("mail_code", "shared_secret"), False),
        ("cvr", None, ("mitid", "mail_code"), True),  # no broker is set up
    ],
)
def test_check_warns_where_nothing_would_prove_a_company(desk, kind, material, identity, warned):
    change = {"recipient_type": kind, "material": material}
    rules = MaterialPortal(identity=identity, secret_column="kode")
    settings = desk.settings
    sources = {name: one.model_copy(update=change) for name, one in settings.sources.items()}
    given = {"portal": rules, "channels": ("eboks", "portal")}
    materials = {name: one.model_copy(update=given) for name, one in settings.materials.items()}
    settings = settings.model_copy(update={"sources": sources, "materials": materials})
    out = io.StringIO()
    check(GivenContext(Screen(as_json=True, out=out, err=io.StringIO()), Path("x"), given=settings))
    points = json.loads(out.getvalue().splitlines()[-1])["points"]
    told = [one["params"]["material"] for one in points if one["code"] == "portal.company_unproved"]
    assert ("loenseddel" in told) == warned
    assert all(one["warning"] for one in points if one["code"] == "portal.company_unproved")


@pytest.mark.parametrize(("methods", "warned"), [(("mitid",), True), (("mitid", "shared_secret"), False)])
def test_check_warns_where_a_class_of_data_closes_a_material(desk, methods, warned):
    channel = desk.settings.channels["portal"].model_copy(update={"identity": {"confidential": methods}})
    rules = MaterialPortal(identity=("shared_secret",), secret_column="kode")
    given = {"portal": rules, "channels": ("eboks", "portal"), "data_class": "confidential"}
    materials = {name: one.model_copy(update=given) for name, one in desk.settings.materials.items()}
    update = {"materials": materials, "channels": {**desk.settings.channels, "portal": channel}}
    settings = desk.settings.model_copy(update=update)
    out = io.StringIO()
    check(GivenContext(Screen(as_json=True, out=out, err=io.StringIO()), Path("x"), given=settings))
    points = json.loads(out.getvalue().splitlines()[-1])["points"]
    closed = [one for one in points if one["code"] == "portal.class_closed"]
    assert bool(closed) == warned
    assert all(one["warning"] for one in closed)


def test_the_house_builds_the_channel_by_its_name(desk):
    with open_house(desk.settings) as house:
        channel: Channel = build_portal(house, "portal")
        channel.check()
        assert asyncio.run(channel.find(parcel_of(desk).message_id)) is not None
        asyncio.run(channel.close())
        with pytest.raises(ConfigurationError, match="no_channel"):
            build_portal(house, "eboks")


def test_mitid_and_sms_are_offered_where_the_settings_have_them_and_nowhere_else(desk, tmp_path):
    _, plain = first_portal(desk.settings)
    secret = secret_file(tmp_path, "secret", "s")
    given = {
        "mitid": PortalMitId(
            issuer="https://b.example", client_id="x", client_secret=secret, levels=("substantial",)
        ),
        "sms": PortalSms(url="http://127.0.0.1:1/", token=secret, sender="Eksempel"),
    }
    built_in = {"shared_secret", "mail_code"}
    store = open_store(desk.settings, plain, utc_now)
    for names in ((), ("mitid",), ("sms",), ("mitid", "sms")):
        channel = plain.model_copy(update={one: given[one] for one in names})
        site = build_site(desk.settings, channel, store, tell_nobody)
        assert set(site.methods) == available(channel) == built_in | set(names)
    store.close()


def test_settings_without_a_portal_are_told(found_house: FoundHouse):
    desk = Desk(found_house().settings)
    with pytest.raises(ConfigurationError, match="no_channel"):
        desk.run("list")


def test_a_live_house_sends_no_notice_into_a_folder(desk):
    live = desk.settings.house.model_copy(update={"mode": "live"})
    _, channel = first_portal(desk.settings)
    with pytest.raises(ConfigurationError, match="no_carrier"):
        carrier(desk.settings.model_copy(update={"house": live}), channel, utc_now)


def _serve(settings: Settings) -> None:
    sys.exit(portal.serve(GivenContext(Screen(quiet=True), Path("x"), given=settings)))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_portal_serves_by_its_own_certificate_and_ends_in_order(desk, tmp_path, number):
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    issued.private_key_pem.write_to_path(str(tmp_path / "tls.key"))
    issued.cert_chain_pems[0].write_to_path(str(tmp_path / "tls.pem"))
    port = free_port()
    server = PortalServer(port=port, certificate=tmp_path / "tls.pem", key=tmp_path / "tls.key")
    url = f"https://localhost:{port}"
    context = make_server(_no_pages, server).config.ssl
    assert context is not None and context.minimum_version is ssl.TLSVersion.TLSv1_2
    channel = first_portal(desk.settings)[1].model_copy(update={"server": server, "url": url})
    house = desk.settings.house.model_copy(update={"log_file": tmp_path / "brevdue.log"})
    settings = desk.settings.model_copy(update={"channels": {"portal": channel}, "house": house})
    process = get_context("forkserver").Process(target=_serve, args=(settings,))
    process.start()
    context = ssl.create_default_context()
    authority.configure_trust(context)
    try:
        with httpx.Client(verify=context, base_url=url) as client:
            assert _alive(client, process) == "ok\n"
            page = client.get(f"/b/{locators(desk)[0]}")
            assert page.status_code == 200
            assert "Øvelse" in page.text  # every page of a simulated house says so
            assert "server" not in page.headers
        os.kill(process.pid or 0, number)
        process.join(60)
        assert process.exitcode == 0
    finally:
        if process.is_alive():
            process.kill()
        process.join(60)
        process.close()
    log = (tmp_path / "portal.log").read_text(encoding="utf-8")
    assert [json.loads(line)["event"] for line in log.splitlines()] == ["portal.started", "portal.ended"]


async def _no_pages(scope: Any, receive: Any, send: Any) -> None:
    """Stands where an application would."""


def _alive(client: httpx.Client, process: Any) -> str:
    for _ in range(1200):
        try:
            return client.get("/liv").text
        except httpx.ConnectError:
            assert process.is_alive()
            time.sleep(0.05)
    raise AssertionError("the portal did not answer")
