"""The channel `portal` under the contract of design 6: both ends counted, its own store and the mails."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from routing.channels.portal import PortalDispatch
from routing.portal.packing import Contact, PortalRules
from routing.portal.parcels import Happening, ParcelState
from schemas.channels import Cursor, Protection
from schemas.consignments import ReceiptKind, Recipient
from schemas.errors import ConfigurationError, InDoubt, Transient, Unreachable
from schemas.identity import Cvr
from schemas.portal_settings import MaterialPortal
from tests.rigs.portals import FILE_NAME, MOBILE, SENDER, TITLE, PortalBench, link_in, parsed, text_of


class Mailman:
    """Carries into the bench's maildir, or fails first as it is told; counts what it was given."""

    def __init__(self) -> None:
        self.faults: list[Exception] = []
        self.given: list[tuple[str, bytes, str]] = []

    async def deliver(self, recipient: str, mail: bytes, message_id: str) -> Mapping[str, str]:
        self.given.append((recipient, mail, message_id))
        if self.faults:
            raise self.faults.pop(0)
        return {"tls": "TLSv1.3"}

    async def close(self) -> None:
        """Nothing is open."""


class Gone:
    """A reader of documents that were deleted, as the document store answers then."""

    def read(self, consignment, document) -> bytes:
        raise ConfigurationError("store.missing")


@pytest.fixture
def mailman() -> Mailman:
    return Mailman()


@pytest.fixture
def bench(tmp_path, mailman):
    made = PortalBench(tmp_path / "portal", carrier=mailman)
    yield made
    made.close()


def run(bench: PortalBench, work):
    async def whole():
        channel = bench.channel()
        try:
            return await work(channel)
        finally:
            await channel.close()

    return asyncio.run(whole())


def send(bench: PortalBench, letter):
    return run(bench, lambda channel: channel.send(letter, channel.message_id(letter.seed)))


def words(bench: PortalBench, position: str = "", awaiting: tuple[str, ...] = ()):
    async def work(channel: PortalDispatch):
        await channel.tend()
        return [word async for word in channel.receipts(Cursor(position, awaiting))]

    return run(bench, work)


def moving(bench: PortalBench):
    """The words that move a consignment."""
    return [word for word in words(bench) if word.kind is not ReceiptKind.NOTED]


def test_a_letter_is_sealed_once_and_its_notice_says_who_sent_it_and_nothing_more(bench, mailman):
    letter = bench.consignment()
    receipt = send(bench, letter)
    assert (receipt.final, receipt.simulated, receipt.proof["tls"]) == (False, True, "TLSv1.3")
    ((recipient, raw, _),) = mailman.given
    assert recipient == letter.recipient.email
    assert raw.isascii()
    mail = parsed(raw)
    said = f"{mail['Subject']} {text_of(mail)} {text_of(mail, 'html')}"
    assert said.count(SENDER) >= 4
    assert "You have received secure mail" in said and "Du har fået sikker post" in said
    for secret in (TITLE, FILE_NAME, letter.recipient.number.digits, letter.recipient.name, "orlov", "brev"):
        assert secret not in said
    assert link_in(mail) in text_of(mail, "html")


def test_the_same_message_gives_the_same_bytes_on_every_retry_by_whichever_process(bench, mailman):
    letter = bench.consignment()
    mailman.faults = [Transient("smtp.451"), InDoubt("smtp.no_answer")]
    for error in (Transient, InDoubt):
        with pytest.raises(error):
            send(bench, letter)
        bench.clock.move(minutes=7)
    send(bench, letter)
    assert len(set(mailman.given)) == 1
    assert len(bench.store.parcels.listed(None, 10)) == 1


def test_doubt_is_cleared_by_asking_the_store(bench, mailman):
    letter = bench.consignment()
    message_id = run(bench, _id_of(letter))
    assert run(bench, lambda channel: channel.find(message_id)) is None
    mailman.faults = [InDoubt("smtp.no_answer")]
    with pytest.raises(InDoubt):
        send(bench, letter)
    assert run(bench, lambda channel: channel.find(message_id)) is None
    send(bench, letter)
    found = run(bench, lambda channel: channel.find(message_id))
    assert (found.external_id, found.code) == (message_id, "portal.already_accepted")


def _id_of(letter):
    async def work(channel):
        return channel.message_id(letter.seed)

    return work


def test_the_same_message_again_is_the_same_receipt_and_no_second_mail(bench, mailman):
    first, again = send(bench, bench.consignment()), send(bench, bench.consignment())
    assert (first.external_id, again.code) == (again.external_id, "portal.already_accepted")
    assert len(mailman.given) == 1


def test_another_document_under_the_same_id_is_a_conflict_for_a_person(bench):
    send(bench, bench.consignment(1))
    with pytest.raises(InDoubt) as caught:
        send(bench, bench.consignment(2, seed=bench.consignment(1).seed))
    assert caught.value.needs_person


@pytest.mark.parametrize("error", [Unreachable("smtp.550")])
def test_a_notice_that_is_refused_leaves_no_parcel_behind(bench, mailman, error):
    mailman.faults = [error]
    with pytest.raises(type(error)):
        send(bench, bench.consignment())
    (parcel,) = bench.store.parcels.listed(None, 10)
    assert (parcel.state, parcel.wrapped_key) == (ParcelState.WITHDRAWN, b"")
    send(bench, bench.consignment())  # the address was put right, and the step is tried once more
    (parcel,) = bench.store.parcels.listed(None, 10)
    assert parcel.state is ParcelState.OPEN


@pytest.mark.parametrize(
    ("material", "change", "code"),
    [
        ("brev", {"email": ""}, "portal.no_address"),
        ("brev", {"email": "a@b.example,c@d.example"}, "portal.no_address"),
        ("nowhere", {}, "portal.no_material"),
        ("sms", {"mobile": ""}, "portal.no_identity"),
        ("streng", {}, "portal.no_identity"),
    ],
)
def test_whom_it_does_not_reach_is_told_with_a_code_and_nothing_is_sent(
    bench, mailman, material, change, code
):
    bench.rules["sms"] = PortalRules("confidential", MaterialPortal(identity=("sms",)))
    bench.rules["streng"] = PortalRules("cpr", MaterialPortal(identity=("mail_code",)))
    letter = bench.consignment(material=material)
    recipient = letter.recipient
    given = {"email": recipient.email, "mobile": MOBILE} | change
    letter = bench.consignment(material=material, recipient=Recipient(recipient.number, "N", **given))
    reach = run(bench, lambda channel: channel.reaches(letter))
    assert (reach.reached, reach.code) == (False, code)
    with pytest.raises(Unreachable):
        send(bench, letter)
    assert mailman.given == []


@pytest.mark.parametrize(
    ("change", "code"),
    [({"extensions": ["pdf"]}, "extension_not_carried"), ({"max_bytes": 100}, "documents_too_large")],
)
def test_what_the_channel_may_not_carry_is_not_sealed(tmp_path, mailman, change, code):
    bench = PortalBench(tmp_path / "other", carrier=mailman, change=change)
    with pytest.raises(Unreachable, match=code):
        send(bench, bench.consignment())
    assert (mailman.given, bench.store.parcels.listed(None, 10)) == ([], [])
    bench.close()


def test_a_company_can_be_reached_by_its_number(bench):
    letter = bench.consignment(
        material="mitid", recipient=Recipient(Cvr("12345674"), "Firma", "post@firma.example")
    )
    assert run(bench, lambda channel: channel.reaches(letter)).reached


def test_a_method_that_is_not_set_up_is_no_way_in(bench):
    bench.available = frozenset({"shared_secret", "mail_code"})
    letter = bench.consignment(material="mitid")
    assert run(bench, lambda channel: channel.reaches(letter)).code == "portal.no_identity"


@pytest.mark.parametrize(
    ("mobile", "available", "ways"),
    [
        ("+4520123456", {"mitid", "sms"}, "mitid, sms"),
        ("20 12 34 56", {"sms"}, "sms"),
        ("nej tak", {"mitid", "sms"}, "mitid"),
        ("nej tak", {"sms"}, ""),
        ("", {"sms"}, ""),
    ],
)
def test_a_number_that_can_not_be_a_mobile_is_no_way_in(bench, mobile, available, ways):
    bench.available = frozenset(available)
    letter = bench.consignment(material="mitid")
    letter = replace(letter, recipient=replace(letter.recipient, mobile=mobile))
    reach = run(bench, lambda channel: channel.reaches(letter))
    assert (reach.reached, reach.code) == ((True, "") if ways else (False, "portal.no_identity"))
    if ways:
        assert bench.send(letter).methods == tuple(ways.split(", "))


def test_a_secret_that_nobody_told_is_no_way_in(bench):
    letter = bench.consignment(material="hemmelig", extra={"kode": "kort"})
    assert run(bench, lambda channel: channel.reaches(letter)).code == "portal.no_identity"


@pytest.mark.parametrize(
    ("happening", "code"), [(Happening.READ, "portal.read"), (Happening.DOWNLOADED, "portal.downloaded")]
)
def test_what_was_read_is_told_and_can_be_told_again(bench, happening, code):
    receipt = send(bench, bench.consignment())
    parcel = bench.store.parcels.by_message(receipt.external_id)
    assert moving(bench) == []
    bench.store.parcels.set_read(parcel.id, happening, "mail_code")
    (word,) = moving(bench)
    assert (word.external_id, word.kind, word.code) == (receipt.external_id, ReceiptKind.READ, code)
    assert word.proof["identity"] == "mail_code"
    assert moving(bench) == [word]
    assert words(bench, position=word.position) == []


def test_every_event_comes_back_as_a_word_in_its_order_and_from_any_position(bench):
    receipt = send(bench, bench.consignment())
    other = send(bench, bench.consignment(2))
    parcel = bench.store.parcels.by_message(receipt.external_id)
    ends = {*(Happening(state.value) for state in ParcelState if state.value != "open")}
    for happening in set(Happening) - ends - {Happening.SEALED, Happening.NOTICE_SENT}:
        bench.store.parcels.note(parcel.id, happening)
    bench.store.parcels.end(parcel.id, ParcelState.REVOKED)
    whole = words(bench)
    events = bench.store.parcels.events()
    assert {event.kind for event in events} == set(Happening) - ends | {Happening.REVOKED}
    assert [word.position for word in whole] == [str(event.seq) for event in events]
    assert len({word.code for word in whole}) == len({event.kind for event in events})
    for n in (1, 5, len(whole)):
        assert words(bench, whole[n - 1].position) == whole[n:]
    own = [word for word in whole if word.external_id == other.external_id]
    assert [word.code for word in own] == ["portal.sealed", "portal.notice_sent"]
    assert words(bench, awaiting=(other.external_id,)) == own


def test_what_expires_after_it_was_read_moves_nothing_any_more(bench):
    receipt = send(bench, bench.consignment())
    bench.store.parcels.set_read(
        bench.store.parcels.by_message(receipt.external_id).id, Happening.READ, "sms"
    )
    bench.clock.move(days=31)
    assert [word.code for word in moving(bench)] == ["portal.read"]
    assert words(bench)[-1].code == "portal.expired"


@pytest.mark.parametrize(
    ("setting", "kind"), [("return", ReceiptKind.RETURNED), ("refuse", ReceiptKind.REFUSED)]
)
def test_what_expires_unread_comes_back_as_the_settings_say(tmp_path, setting, kind):
    bench = PortalBench(tmp_path / "other", change={"expired_unread": setting})
    bench.send(bench.consignment())
    bench.clock.move(days=30, seconds=1)
    assert [(w.kind, w.code) for w in moving(bench)] == [(kind, "portal.expired_unread")]
    (parcel,) = bench.store.parcels.listed("expired", 10)
    assert parcel.wrapped_key == b""
    bench.close()


def test_after_the_end_nothing_of_what_was_sealed_is_left_in_any_file(bench):
    send(bench, bench.consignment())
    (parcel,) = bench.store.parcels.listed(None, 1)
    chunk = next(iter(bench.store.parcels.chunks(parcel.id, 0)))
    secrets = (parcel.wrapped_key, parcel.envelope, parcel.notice_box, chunk)
    assert all(secret in _files_of(bench) for secret in secrets)
    bench.clock.move(days=31)
    words(bench)
    assert [secret for secret in secrets if secret in _files_of(bench)] == []


def _files_of(bench: PortalBench) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(bench.folder.glob("portal.db*")))


def test_a_revoked_letter_and_a_bounced_notice_end_it(bench):
    first, second = (send(bench, bench.consignment(n)) for n in (1, 2))
    bench.store.parcels.end(bench.store.parcels.by_message(first.external_id).id, ParcelState.REVOKED)

    async def bounce(channel):
        assert channel.bounced(second.external_id)
        assert not channel.bounced(second.external_id)

    run(bench, bounce)
    found = {w.external_id: (w.kind, w.code) for w in moving(bench)}
    assert found == {
        first.external_id: (ReceiptKind.REFUSED, "portal.revoked"),
        second.external_id: (ReceiptKind.RETURNED, "portal.notice_bounced"),
    }


def test_who_has_not_read_is_reminded_once_with_the_same_link(bench, mailman):
    send(bench, bench.consignment(1))
    read = send(bench, bench.consignment(2))
    bench.store.parcels.set_read(bench.store.parcels.by_message(read.external_id).id, Happening.READ, "x")
    bench.clock.move(days=8)
    words(bench)
    words(bench)
    assert len(mailman.given) == 3
    assert link_in(parsed(mailman.given[2][1])) == link_in(parsed(mailman.given[0][1]))


def test_a_renewed_link_opens_the_same_documents_and_the_old_one_nothing(bench, mailman):
    letter = bench.consignment()
    receipt = send(bench, letter)
    old = bench.store.parcels.by_message(receipt.external_id)

    async def renew(channel: PortalDispatch):
        fresh = channel.renew(old, letter, Contact("ny@post.example", "", ""), "email")
        assert fresh is not None
        await channel.notify_again(fresh)

    run(bench, renew)
    links = [link_in(parsed(raw)) for _, raw, _ in mailman.given]
    assert (len(set(links)), mailman.given[1][0]) == (2, "ny@post.example")
    new = bench.store.parcels.by_message(receipt.external_id)
    assert (new.id, new.generation, new.expires_at) == (old.id, 1, old.expires_at)
    assert bench.store.parcels.by_locator(old.locator) is None
    assert bench.store.parcels.by_locator(new.locator) is not None


def test_a_link_is_not_renewed_without_the_houses_own_copy(bench):
    letter = bench.consignment()
    receipt = send(bench, letter)
    parcel = bench.store.parcels.by_message(receipt.external_id)
    bench.papers = Gone()

    async def renew(channel: PortalDispatch):
        channel.renew(parcel, letter, Contact("a@b.example", "", ""))

    with pytest.raises(ConfigurationError, match="copy_gone"):
        run(bench, renew)
    assert bench.store.parcels.by_locator(parcel.locator) is not None


def test_replies_land_in_the_sources_folder_once_and_the_sender_is_told(bench, mailman):
    receipt = send(bench, bench.consignment())
    parcel = bench.store.parcels.by_message(receipt.external_id)
    bench.store.replies.keep("r1", parcel.id, b"sealed reply", 0)
    words(bench)
    (path,) = bench.answers.iterdir()
    assert path.read_bytes() == b"sealed reply"
    assert path.stat().st_mode & 0o777 == 0o600
    assert mailman.given[-1][0] == "loen@eksempel.example"
    words(bench)
    assert len(list(bench.answers.iterdir())) == 1
    assert bench.store.replies.n_waiting() == 0


def test_a_reply_whose_folder_is_missing_waits_and_is_told_of(bench):
    receipt = send(bench, bench.consignment(source="ukendt"))
    parcel = bench.store.parcels.by_message(receipt.external_id)
    bench.store.replies.keep("r1", parcel.id, b"sealed reply", 0)

    async def work(channel):
        await channel.tend()
        said = [word.code async for word in channel.receipts(Cursor())]
        assert said == ["portal.sealed", "portal.notice_sent", "portal.replied"]
        return channel.findings()

    assert [code for code, _ in run(bench, work)] == ["portal.no_answer_folder"]
    assert bench.store.replies.n_waiting() == 1


def test_check_is_content_with_a_good_set_up_and_finds_a_weak_one(bench):
    async def check(channel):
        await asyncio.to_thread(channel.check)

    bench.rules.pop("mitid")
    run(bench, check)
    bench.rules["cpr"] = PortalRules("cpr", MaterialPortal(identity=("mail_code",)))
    with pytest.raises(ConfigurationError, match="mail_code_class"):
        run(bench, check)


def test_it_protects_as_a_portal_and_its_ids_follow_from_the_seed(bench):
    channel = bench.channel()
    assert channel.protection is Protection.PORTAL
    assert channel.message_id("a") == channel.message_id("a") != channel.message_id("b")


def test_the_errors_and_values_name_no_recipient_and_no_title(bench, mailman):
    letter = bench.consignment()
    mailman.faults = [Transient("smtp.451")]
    with pytest.raises(Transient) as caught:
        send(bench, letter)
    (parcel,) = bench.store.parcels.listed(None, 1)
    said = f"{caught.value!r} {caught.value} {parcel!r} {bench.store.parcels.events()!r}"
    for secret in (letter.title, letter.recipient.number.digits, letter.recipient.email, FILE_NAME):
        assert secret not in said
    assert timedelta(days=30) == parcel.expires_at - parcel.created_at
