"""The tree of `brevdue portal`: its commands, their arguments and help.

Relies on typer. Loads nothing heavy: the work is imported when a command runs.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

if TYPE_CHECKING:
    from jobs.commands.tree import Commands

State = Literal["open", "revoked", "expired", "withdrawn", "erased"]


def add_portal(commands: "Commands") -> None:
    """Adds `brevdue portal` and what stands below it."""
    portal = commands.family("portal", run_alone=_serve(commands))
    _add_looking(portal)
    _add_changing(portal)
    _add_replies(portal)


def _serve(commands: "Commands") -> Callable[[], int]:
    def serve() -> int:
        from jobs.commands.portal import serve as work

        return work(commands.context)

    return serve


def _subject(commands: "Commands") -> Any:
    return commands.argument("CONSIGNMENT", "help_portal_subject")


def _add_looking(commands: "Commands") -> None:
    context, option = commands.context, commands.option

    @commands.add("init", help_key="help_portal_init")
    def init() -> int:
        from jobs.commands.portal import init as work

        return work(context)

    @commands.add("list", help_key="help_portal_list")
    def list_(state: Annotated[State | None, option("--state", key="help_portal_state")] = None) -> int:
        from jobs.commands.portal import listed as work

        return work(context, state)

    @commands.add("show", help_key="help_portal_show")
    def show(subject: Annotated[str, _subject(commands)]) -> int:
        from jobs.commands.portal import show as work

        return work(context, subject)


def _add_changing(commands: "Commands") -> None:
    context, option = commands.context, commands.option
    reason_option = option("--reason", "-r", key="help_reason")

    @commands.add("revoke", help_key="help_portal_revoke")
    def revoke(subject: Annotated[str, _subject(commands)], reason: Annotated[str, reason_option]) -> int:
        from jobs.commands.portal import revoke as work

        return work(context, subject, reason)

    @commands.add("erase", help_key="help_portal_erase")
    def erase(subject: Annotated[str, _subject(commands)], reason: Annotated[str, reason_option]) -> int:
        from jobs.commands.portal import erase as work

        return work(context, subject, reason)

    @commands.add("extend", help_key="help_portal_extend")
    def extend(
        subject: Annotated[str, _subject(commands)],
        days: Annotated[int, commands.argument("DAYS", "help_portal_days")],
        reason: Annotated[str, reason_option] = "",
    ) -> int:
        from jobs.commands.portal import extend as work

        return work(context, subject, days, reason)

    @commands.add("unlock", help_key="help_portal_unlock")
    def unlock(
        subject: Annotated[str, _subject(commands)], reason: Annotated[str, reason_option] = ""
    ) -> int:
        from jobs.commands.portal import unlock as work

        return work(context, subject, reason)

    @commands.add("resend-notice", help_key="help_portal_resend")
    def resend_notice(
        subject: Annotated[str, _subject(commands)],
        reason: Annotated[str, reason_option],
        email: Annotated[str | None, option("--email", key="help_portal_email")] = None,
        mobile: Annotated[str | None, option("--mobile", key="help_portal_mobile")] = None,
    ) -> int:
        from jobs.commands.portal import resend_notice as work

        return work(context, subject, reason, email, mobile)


def _add_replies(commands: "Commands") -> None:
    context, option = commands.context, commands.option

    @commands.add("reply-keys", help_key="help_portal_reply_keys")
    def reply_keys(
        source: Annotated[str, commands.argument("SOURCE", "help_portal_source")],
        folder: Annotated[Path | None, option("--folder", key="help_portal_folder")] = None,
    ) -> int:
        from jobs.commands.portal import reply_keys as work

        return work(context, source, folder or Path())

    @commands.add("open-reply", help_key="help_portal_open_reply")
    def open_reply(
        files: Annotated[list[Path], commands.argument("FILE...", "help_portal_reply")],
        key: Annotated[Path, option("--key", key="help_portal_key")],
        into: Annotated[Path | None, option("--into", key="help_portal_into")] = None,
    ) -> int:
        from jobs.commands.portal import open_replies as work

        return work(context, files, key, into or Path())
