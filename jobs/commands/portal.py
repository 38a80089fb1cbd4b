"""The commands of the portal: serve it, look into it, revoke, erase, extend, unlock, resend, open replies.

Relies on `jobs.portal` for the parts. What a person changes is kept as an act in the ledger, and as an event
of the parcel. Shows no name, title, address or number.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.commands.context import Context
from jobs.commands.people import actor
from jobs.house import utc_now
from jobs.portal import build_channel, build_site, first_portal, found_portal, open_store
from jobs.screen import EXIT_ERROR_LIST, EXIT_OK
from schemas.errors import BadInput, ConfigurationError, SendError, ServiceDown

if TYPE_CHECKING:
    from jobs.house import House
    from routing.portal.parcels import Parcel
    from routing.portal.reply_box import Reply
    from routing.portal.store import PortalStore

MAX_LISTED = 500
MAX_DAYS = 730


def serve(context: Context) -> int:
    """Serves the portal until it is told to stop."""
    from jobs.logs import open_log
    from routing.portal.web.application import make_application
    from routing.portal.web.serving import make_server

    settings = context.settings()
    _, channel = first_portal(settings)
    log_file = settings.house.log_file
    store = open_store(settings, channel, utc_now)
    try:
        with open_log(log_file.with_name("portal.log") if log_file else None) as (log, _):
            site = build_site(settings, channel, store, lambda event, **fields: log.warning(event, **fields))
            server = make_server(make_application(site), channel.server)
            log.info("portal.started", mode=settings.house.mode)
            context.screen.say("portal_started", url=channel.url)
            with context.stopping():
                _run(server.run, channel.server.host, channel.server.port)
            log.info("portal.ended")
    finally:
        store.close()
    return context.screen.finish({"portal": "ended"}, EXIT_OK)


def _run(run: Callable[[], object], host: str, port: int) -> None:
    try:
        run()
    except SystemExit:  # how the server says that it could not listen
        raise ServiceDown("portal.address_in_use", host=host, port=port) from None


def init(context: Context) -> int:
    """Makes the portal's keys and database, or brings the database to this release's schema."""
    settings = context.settings()
    first_portal(settings)
    made = found_portal(settings, utc_now)
    for path in made:
        context.screen.say("init_made", path=path)
    context.screen.say("portal_ready")
    return context.screen.finish({"made": [str(path) for path in made]}, EXIT_OK)


def listed(context: Context, state: str | None) -> int:
    """Lists the newest parcels, of one state or of all."""
    screen = context.screen
    with _opened(context) as (store, _):
        parcels = store.parcels.listed(state, MAX_LISTED)
        waiting = store.replies.n_waiting()
    screen.table(
        "",
        [screen.text(f"portal_column_{name}") for name in ("consignment", "state", "until", "read")],
        [
            [p.consignment_id, p.state.value, screen.moment(p.expires_at), screen.moment(p.read_at)]
            for p in parcels
        ],
    )
    screen.say("portal_replies_waiting", n_replies=waiting)
    return screen.finish({"parcels": [_shown(p) for p in parcels], "replies_waiting": waiting}, EXIT_OK)


def show(context: Context, subject: str) -> int:
    """Shows a parcel and everything that has happened to it."""
    screen = context.screen
    with _opened(context) as (store, _):
        parcel = _demand(store, subject)
        events = store.parcels.events(message_ids=[parcel.message_id])
    for name, value in _shown(parcel).items():
        screen.line(f"{name}: {value}")
    rows = [[screen.moment(e.at, seconds=True), e.kind.value, e.detail] for e in events]
    screen.table("", [screen.text(f"portal_column_{name}") for name in ("at", "event", "detail")], rows)
    told = [{"seq": e.seq, "at": e.at, "event": e.kind.value, "detail": e.detail} for e in events]
    return screen.finish({"parcel": _shown(parcel), "events": told}, EXIT_OK)


def revoke(context: Context, subject: str, reason: str) -> int:
    """Ends a parcel and destroys what could open it."""
    from routing.portal.parcels import ParcelState

    return _change(
        context, "revoke", subject, reason, lambda store, p: store.parcels.end(p.id, ParcelState.REVOKED)
    )


def erase(context: Context, subject: str, reason: str) -> int:
    """Destroys what could open a parcel before its time is over, read or not; what happened to it stays."""
    from routing.portal.parcels import ParcelState

    return _change(
        context, "erase", subject, reason, lambda store, p: store.parcels.end(p.id, ParcelState.ERASED)
    )


def extend(context: Context, subject: str, days: int, reason: str) -> int:
    """Moves a parcel's end to so many days from now."""
    if not 1 <= days <= MAX_DAYS:
        raise BadInput("portal.bad_days")
    return _change(
        context,
        "extend",
        subject,
        reason,
        lambda store, p: store.parcels.extend(p.id, utc_now() + timedelta(days=days)),
    )


def unlock(context: Context, subject: str, reason: str) -> int:
    """Takes the lock off a parcel that wrong answers have closed."""
    return _change(context, "unlock", subject, reason, lambda store, p: store.parcels.unlock(p.id))


def resend_notice(context: Context, subject: str, reason: str, email: str | None, mobile: str | None) -> int:
    """Seals a parcel again under a new link and sends a notice; a wrong address or number is put right."""
    from routing.portal.packing import reachable_by_mail

    if email is not None and not reachable_by_mail(email):
        raise BadInput("portal.bad_address")
    with context.house() as house, _store_of(house) as store:
        parcel = _demand(store, subject)
        if not parcel.is_open(house.now()):
            raise BadInput("portal.has_ended", state=parcel.state.value)
        changed = [name for name, value in (("email", email), ("mobile", mobile)) if value is not None]
        asyncio.run(_renewed(house, parcel, email, mobile, " ".join(changed)))
        verb = "portal resend-notice" + "".join(f" {name}" for name in changed)
        house.ledger.note_act(verb, parcel.consignment_id, actor=actor(), reason=reason)
    context.screen.say("portal_resent", subject=subject)
    return context.screen.finish({"subject": subject, "corrected": changed}, EXIT_OK)


async def _renewed(house: House, parcel: Parcel, email: str | None, mobile: str | None, detail: str) -> None:
    from jobs.portal import rules
    from routing.portal.packing import Contact, PortalRules, contact_of

    name, settings = first_portal(house.settings)
    standing = house.ledger.standing(parcel.consignment_id)
    consignment = standing.consignment if standing else None
    if consignment is None:
        raise ConfigurationError("portal.copy_gone")
    rule: PortalRules = rules(house.settings, settings)[consignment.material]
    told = contact_of(consignment, rule)
    contact = Contact(
        told.email if email is None else email, told.mobile if mobile is None else mobile, told.secret
    )
    channel = build_channel(house, name, settings)
    try:
        fresh = await asyncio.to_thread(channel.renew, parcel, consignment, contact, detail)
        if fresh is None:
            raise BadInput("portal.has_ended", state=parcel.state.value)
        await channel.notify_again(fresh)
    except SendError as error:
        raise ServiceDown(error.code, **error.params) from None
    finally:
        await channel.close()


def reply_keys(context: Context, source: str, folder: Path) -> int:
    """Makes a pair of keys for the replies to a source: the private half belongs to the source alone."""
    from routing.portal.reply_box import make_reply_keys

    private, public = folder / f"{source}-svar.key", folder / f"{source}-svar.pem"
    make_reply_keys(private, public)
    context.screen.say("portal_reply_keys", private=private, public=public)
    return context.screen.finish({"private": str(private), "public": str(public)}, EXIT_OK)


def open_replies(context: Context, files: Sequence[Path], key: Path, into: Path) -> int:
    """Opens replies with the source's private key; needs neither settings nor the portal.

    A reply that was opened before stays as it is. Raises BadInput at the first that can't be opened.
    """
    from routing.portal.reply_box import open_reply, read_private_key

    private = read_private_key(key)
    opened = []
    for file in files:
        try:
            reply = open_reply(private, file.read_bytes())
        except OSError:
            raise BadInput("portal.reply_damaged") from None
        folder = _put_down(reply, into)
        context.screen.say("portal_reply_opened", folder=folder)
        opened.append({"folder": str(folder), "files": len(reply.files)})
    return context.screen.finish({"replies": opened}, EXIT_OK)


# --- inside


def _put_down(reply: Reply, into: Path) -> Path:
    """Puts an opened reply into a folder of its own, whole or not at all."""
    from routing.portal.web.file_types import bare_name

    folder, part = into / reply.id, into / f".{reply.id}.part"
    if folder.is_dir():
        return folder
    try:
        part.mkdir(mode=0o700, parents=True, exist_ok=True)
        about = f"{reply.message_id}\n{reply.at}\n{reply.method}\n{reply.reference}\n\n{reply.text}\n"
        (part / "besked.txt").write_text(about, encoding="utf-8")
        for place, one in enumerate(reply.files, start=1):
            (part / f"{place}-{bare_name(one.name)}").write_bytes(one.data)
        part.rename(folder)
    except OSError:
        raise ConfigurationError("portal.key_not_writable", file=folder.name) from None
    return folder


@contextmanager
def _opened(context: Context) -> Iterator[tuple[PortalStore, House]]:
    with context.house() as house, _store_of(house) as store:
        yield store, house


@contextmanager
def _store_of(house: House) -> Iterator[PortalStore]:
    _, channel = first_portal(house.settings)
    store = open_store(house.settings, channel, house.now)
    try:
        yield store
    finally:
        store.close()


def _demand(store: PortalStore, subject: str) -> Parcel:
    parcel = store.parcels.by_subject(subject)
    if parcel is None:
        raise BadInput("portal.unknown_subject")
    return parcel


def _change(
    context: Context,
    verb: str,
    subject: str,
    reason: str,
    act: Callable[[PortalStore, Parcel], bool],
) -> int:
    with _opened(context) as (store, house):
        parcel = _demand(store, subject)
        changed = act(store, parcel)
        if changed:
            house.ledger.note_act(f"portal {verb}", parcel.consignment_id, actor=actor(), reason=reason)
    context.screen.say("portal_changed" if changed else "nothing_changed", subject=subject)
    return context.screen.finish(
        {"subject": subject, "changed": int(changed)}, EXIT_OK if changed else EXIT_ERROR_LIST
    )


def _shown(parcel: Parcel) -> dict[str, object]:
    """What may be seen of a parcel: nothing that lies in its envelope."""
    return {
        "consignment": parcel.consignment_id,
        "message_id": parcel.message_id,
        "source": parcel.source,
        "material": parcel.material,
        "state": parcel.state.value,
        "identity": list(parcel.methods),
        "documents": parcel.n_documents,
        "created_at": parcel.created_at,
        "expires_at": parcel.expires_at,
        "notice_at": parcel.notice_at,
        "reminded_at": parcel.reminded_at,
        "read_at": parcel.read_at,
        "locks": parcel.n_locks,
        "link_generation": parcel.generation,
    }
