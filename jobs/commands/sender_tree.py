"""The tree of what sets a sender up: `enrolment`, `onboard` and `cert`, their arguments and help.

Relies on typer. Loads nothing heavy: the work is imported when a command runs.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from jobs.commands.mail_tree import add_cert_import

if TYPE_CHECKING:
    from jobs.commands.tree import Commands


def add_enrolment(commands: "Commands") -> None:
    """Adds `brevdue enrolment` and what stands below it."""
    family = commands.family("enrolment")
    context, option = family.context, family.option

    @family.add("import")
    def import_list(
        file: Annotated[Path, family.argument("FILE", "help_enrolment_list")],
        channel: Annotated[str | None, option("--channel", "-c", key="help_enrolment_channel")] = None,
        force: Annotated[bool, option("--force", key="help_enrolment_force")] = False,
        errors: Annotated[Path | None, option("--errors", key="help_enrolment_errors")] = None,
    ) -> int:
        from jobs.commands.importing import import_list as work

        return work(context, file, channel, force, errors)

    @family.add("check")
    def check(
        file: Annotated[Path, family.argument("FILE", "help_enrolment_rows")],
        source: Annotated[str | None, option("--source", "-s", key="help_enrolment_source")] = None,
        material: Annotated[str | None, option("--material", "-m", key="help_enrolment_material")] = None,
        out: Annotated[Path | None, option("--out", "-o", key="help_enrolment_out")] = None,
    ) -> int:
        from jobs.commands.reaching import check as work

        return work(context, file, source, material, out)


def add_onboarding(commands: "Commands") -> None:
    """Adds `brevdue onboard`."""
    context, option = commands.context, commands.option

    @commands.add("onboard")
    def onboard(
        sender: Annotated[str | None, commands.argument("SENDER|status", "help_onboard_sender")] = None,
        answers: Annotated[Path | None, option("--answers", key="help_onboard_answers")] = None,
        cvr: Annotated[str | None, option("--cvr", key="help_onboard_cvr")] = None,
        name: Annotated[str | None, option("--name", key="help_onboard_name")] = None,
        folder: Annotated[Path | None, option("--folder", key="help_onboard_folder")] = None,
        public_address: Annotated[str | None, option("--public-address", key="help_onboard_address")] = None,
        material: Annotated[str | None, option("--material", key="help_onboard_material")] = None,
        title: Annotated[str | None, option("--title", key="help_onboard_title")] = None,
        content_type_id: Annotated[int | None, option("--content-type", key="help_onboard_type")] = None,
        group: Annotated[str | None, option("--group", key="help_onboard_group")] = None,
        data_class: Annotated[str | None, option("--data-class", key="help_onboard_class")] = None,
        channels: Annotated[str | None, option("--channels", key="help_onboard_channels")] = None,
        delivery: Annotated[str | None, option("--delivery", key="help_onboard_delivery")] = None,
        document_days: Annotated[int | None, option("--document-days", key="help_onboard_days")] = None,
        channel: Annotated[str | None, option("--channel", key="help_onboard_channel")] = None,
        kind: Annotated[str | None, option("--kind", key="help_onboard_kind")] = None,
        url: Annotated[str | None, option("--url", key="help_onboard_url")] = None,
        system_id: Annotated[int | None, option("--system-id", key="help_onboard_system")] = None,
        ca: Annotated[Path | None, option("--ca", key="help_onboard_ca")] = None,
        request: Annotated[bool, option("--request", key="help_onboard_request")] = False,
        p12: Annotated[Path | None, option("--p12", key="help_cert_p12")] = None,
        pem: Annotated[Path | None, option("--pem", key="help_cert_pem")] = None,
        key: Annotated[Path | None, option("--key", key="help_cert_key")] = None,
        roots: Annotated[Path | None, option("--roots", key="help_cert_roots")] = None,
        password_file: Annotated[Path | None, option("--password-file", key="help_cert_password")] = None,
        step: Annotated[list[str] | None, option("--step", key="help_onboard_step")] = None,
        again: Annotated[list[str] | None, option("--again", key="help_onboard_again")] = None,
        write: Annotated[bool, option("--write", key="help_onboard_write")] = False,
        force: Annotated[bool, option("--force", key="help_onboard_force")] = False,
        live_test: Annotated[bool, option("--live-test", key="help_onboard_live")] = False,
        recipient: Annotated[str | None, option("--recipient", key="help_onboard_recipient")] = None,
        confirm: Annotated[str, option("--confirm", key="help_onboard_confirm")] = "",
        no_questions: Annotated[bool, option("--no-questions", key="help_onboard_quiet")] = False,
    ) -> int:
        from jobs.commands.onboarding import onboard as work
        from jobs.commands.onboarding_flags import gather

        return work(context, sender, gather(locals()))


def add_certificates(commands: "Commands") -> None:
    """Adds `brevdue cert` and what stands below it."""
    family = commands.family("cert")
    context, option = family.context, family.option

    @family.add("list")
    def list_certificates() -> int:
        from jobs.commands.certificates import list_certificates as work

        return work(context)

    @family.add("renew")
    def renew(
        channel: Annotated[str, family.argument("CHANNEL", "help_channel")],
        p12: Annotated[Path | None, option("--p12", key="help_cert_p12")] = None,
        pem: Annotated[Path | None, option("--pem", key="help_cert_pem")] = None,
        key: Annotated[Path | None, option("--key", key="help_cert_key")] = None,
        roots: Annotated[Path | None, option("--roots", key="help_cert_roots")] = None,
        password_file: Annotated[Path | None, option("--password-file", key="help_cert_password")] = None,
        no_contact: Annotated[bool, option("--no-contact", key="help_cert_no_contact")] = False,
    ) -> int:
        from jobs.commands.certificates import Replacement
        from jobs.commands.certificates import renew as work

        return work(context, channel, Replacement(p12, pem, key, roots, password_file, not no_contact))

    add_cert_import(family)
