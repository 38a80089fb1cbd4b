"""The commands about secure mail: their names, arguments and help, each handed on to the module that does it.

Relies on `tree` for how a command is added. Loads nothing heavy.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

if TYPE_CHECKING:
    from jobs.commands.tree import Commands


def add_cert_import(family: "Commands") -> None:
    """Adds `import` to the family `cert`."""
    context = family.context

    @family.add("import")
    def import_certificates(
        files: Annotated[list[Path], family.argument("FILE…", "help_cert_files")],
    ) -> int:
        from jobs.commands.cert_import import import_certificates as work

        return work(context, files)


def add_mail(commands: "Commands") -> None:
    """Adds the family `mail`."""
    family = commands.family("mail")
    context, option = family.context, family.option

    @family.add("open")
    def open_mail(
        file: Annotated[Path, family.argument("FILE", "help_mail_file")],
        out: Annotated[Path | None, option("--out", "-o", key="help_mail_out")] = None,
        show: Annotated[bool, option("--show", key="help_mail_show")] = False,
    ) -> int:
        from jobs.commands.mail_open import open_mail as work

        return work(context, file, out, show)


def add_tunnel(commands: "Commands") -> None:
    """Adds the family `tunnel`."""
    family = commands.family("tunnel")
    context, option = family.context, family.option
    channel_option = option("--channel", key="help_tunnel_channel")

    @family.add("list")
    def show_list(channel: Annotated[str | None, channel_option] = None) -> int:
        from jobs.commands.tunnel import show_list as work

        return work(context, channel)

    @family.add("import")
    def import_list(
        file: Annotated[Path | None, family.argument("FILE", "help_tunnel_file")] = None,
        directory: Annotated[bool, option("--directory", key="help_tunnel_directory")] = False,
        channel: Annotated[str | None, channel_option] = None,
    ) -> int:
        from jobs.commands.tunnel import import_list as work

        return work(context, channel, file, directory)

    @family.add("check")
    def check_domain(
        domain: Annotated[str, family.argument("DOMAIN", "help_tunnel_domain")],
        channel: Annotated[str | None, channel_option] = None,
    ) -> int:
        from jobs.commands.tunnel import check_domain as work

        return work(context, channel, domain)
