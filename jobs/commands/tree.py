"""The tree of commands: their names, arguments and help, each handed on to the module that does the work.

Relies on typer. Help is Danish or English like everything else said to people. Loads nothing heavy: the work
modules are imported when their command runs.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup

from jobs.commands.context import Context
from jobs.commands.mail_tree import add_mail, add_tunnel
from jobs.commands.portal_tree import add_portal
from jobs.commands.sender_tree import add_certificates, add_enrolment, add_onboarding
from jobs.commands.usage import explain_usage
from jobs.screen import EXIT_INTERRUPTED
from schemas.catalogue import phrase

Work = TypeVar("Work", bound=Callable[..., int])
Verdict = Literal["found", "not-found", "written-off"]
# What typer itself says on a page of help, and what we have for it; longest first.
CHROME = {
    "Show this message and exit.": "help_help",
    "[required]": "help_required",
    "Arguments:": "help_arguments",
    "Commands:": "help_commands",
    "Options:": "help_options",
    "Usage:": "help_usage",
    "[OPTIONS]": "help_options_word",
    "[ARGS]": "help_arguments_word",
    "COMMAND": "help_command_word",
}


def run_tree(context: Context, arguments: list[str]) -> int:
    """Runs the command that the arguments name; returns its exit code.

    Raises ConfigurationError (`usage.…`) for a wrong command line.
    """
    command = typer.main.get_command(build(context))
    try:
        outcome = command.main(args=arguments or ["--help"], prog_name="brevdue", standalone_mode=False)
    except typer.Abort:
        return EXIT_INTERRUPTED
    except typer.Exit as ended:
        return ended.exit_code
    except typer.TyperException as error:
        raise explain_usage(error) from None
    return outcome if isinstance(outcome, int) else 0


def _translated(page: str, context: Context) -> str:
    for english, key in CHROME.items():
        page = page.replace(english, phrase(key, context.screen.language))
    return page


def _group(context: Context) -> type[TyperGroup]:
    """Returns the kind of group whose help is in the screen's language."""

    class Group(TyperGroup):
        def get_help(self, ctx: Any) -> str:
            return _translated(super().get_help(ctx), context)

    return Group


def build(context: Context) -> typer.Typer:
    """Returns the application, its help in the screen's language."""
    text = context.screen.text

    app = typer.Typer(
        name="brevdue",
        cls=_group(context),
        help=text("help_brevdue"),
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )

    @app.callback(epilog=text("help_epilog"))
    def _everywhere(
        sprog: Annotated[str, typer.Option("--sprog", help=text("help_sprog"), show_default=False)] = "da",
        settings: Annotated[
            Path, typer.Option("--settings", help=text("help_settings"), show_default=False)
        ] = Path("brevdue.toml"),
        as_json: Annotated[bool, typer.Option("--json", help=text("help_json"))] = False,
        quiet: Annotated[bool, typer.Option("--quiet", "-q", help=text("help_quiet"))] = False,
    ) -> None:
        """These four are known everywhere and were taken out of the arguments before typer saw them."""

    for add in (
        *(_add_verbs, _add_deciding, _add_channels, _add_showing, _add_house),
        *(add_enrolment, add_onboarding, add_certificates, add_mail, add_tunnel, add_portal),
    ):
        add(Commands(app, context))
    return app


class Commands:
    """Adds commands to the application, each with the help of its name."""

    def __init__(self, app: typer.Typer, context: Context, family: str = "") -> None:
        self.context = context
        self.text = context.screen.text
        self._app = app
        self._family = family

    def family(self, name: str, *, run_alone: Callable[[], int] | None = None) -> "Commands":
        """Returns the commands behind a common word; `run_alone` runs when the word stands by itself."""
        app = typer.Typer(
            cls=_group(self.context),
            help=self.text(f"help_{name}"),
            invoke_without_command=run_alone is not None,
            rich_markup_mode=None,
        )
        if run_alone is not None:

            @app.callback()
            def _alone(ctx: typer.Context) -> int | None:
                return run_alone() if ctx.invoked_subcommand is None else None

        self._app.add_typer(app, name=name, help=self.text(f"help_{name}"))
        return Commands(app, self.context, f"{name}_")

    def add(self, name: str, *, help_key: str = "") -> Callable[[Work], Work]:
        """Returns the decorator for the function behind a command."""
        context = self.context

        class Command(TyperCommand):
            def get_help(self, ctx: Any) -> str:
                return _translated(super().get_help(ctx), context)

        key = help_key or f"help_{self._family}{name}"
        return self._app.command(name, cls=Command, help=self.text(key))

    def argument(self, name: str, key: str) -> Any:
        """Returns how an argument looks on the command line."""
        return typer.Argument(metavar=name, help=self.text(key))

    def option(self, *names: str, key: str, **limits: Any) -> Any:
        """Returns how an option looks on the command line; a number may have limits, `min` and `max`."""
        return typer.Option(*names, help=self.text(key), **limits)


def _add_verbs(commands: Commands) -> None:
    context, option = commands.context, commands.option

    @commands.add("pull")
    def pull(
        source: Annotated[str | None, option("--source", "-s", key="help_pull_source")] = None,
        csv: Annotated[Path | None, option("--csv", key="help_pull_csv")] = None,
        documents: Annotated[Path | None, option("--documents", key="help_pull_documents")] = None,
    ) -> int:
        from jobs.commands.verbs import pull as work

        return work(context, source, csv, documents)

    @commands.add("dispatch")
    def dispatch() -> int:
        from jobs.commands.verbs import dispatch as work

        return work(context)

    @commands.add("collect")
    def collect() -> int:
        from jobs.commands.verbs import collect as work

        return work(context)

    @commands.add("close")
    def close() -> int:
        from jobs.commands.verbs import close as work

        return work(context)

    @commands.add("purge")
    def purge() -> int:
        from jobs.commands.verbs import purge as work

        return work(context)

    @commands.add("run")
    def run() -> int:
        from jobs.commands.verbs import run as work

        return work(context)


def _add_deciding(commands: Commands) -> None:
    context, option = commands.context, commands.option
    subject_argument = commands.argument("BATCH|CONSIGNMENT", "help_subject")
    reason_option = option("--reason", "-r", key="help_reason")

    @commands.add("release")
    def release(
        subject: Annotated[str, subject_argument],
        rows: Annotated[bool, option("--rows", key="help_rows")] = False,
        reason: Annotated[str, reason_option] = "",
    ) -> int:
        from jobs.commands.people import release as work

        return work(context, subject, rows, reason)

    @commands.add("hold")
    def hold(subject: Annotated[str, subject_argument], reason: Annotated[str, reason_option]) -> int:
        from jobs.commands.people import hold as work

        return work(context, subject, reason)

    @commands.add("cancel")
    def cancel(subject: Annotated[str, subject_argument], reason: Annotated[str, reason_option]) -> int:
        from jobs.commands.people import cancel as work

        return work(context, subject, reason)

    @commands.add("resolve")
    def resolve(
        consignment: Annotated[str, commands.argument("CONSIGNMENT", "help_consignment")],
        verdict: Annotated[Verdict, commands.argument("found|not-found|written-off", "help_verdict")],
        reason: Annotated[str, reason_option],
    ) -> int:
        from jobs.commands.people import resolve as work

        return work(context, consignment, verdict, reason)


def _add_channels(commands: Commands) -> None:
    context = commands.context
    channel_argument = commands.argument("CHANNEL", "help_channel")

    @commands.add("pause")
    def pause(channel: Annotated[str, channel_argument]) -> int:
        from jobs.commands.people import pause as work

        return work(context, channel)

    @commands.add("resume")
    def resume(channel: Annotated[str, channel_argument]) -> int:
        from jobs.commands.people import resume as work

        return work(context, channel)


def _add_showing(commands: Commands) -> None:
    context = commands.context

    @commands.add("status")
    def status(batch: Annotated[str | None, commands.argument("BATCH", "help_status_batch")] = None) -> int:
        from jobs.commands.showing import status as work

        return work(context, batch)

    @commands.add("explain")
    def explain(
        subject: Annotated[str, commands.argument("CONSIGNMENT|CPR|CVR", "help_explain_subject")],
    ) -> int:
        from jobs.commands.explaining import explain as work

        return work(context, subject)

    @commands.add("check")
    def check() -> int:
        from jobs.commands.checking import check as work

        return work(context)


def _add_house(commands: Commands) -> None:
    context, option = commands.context, commands.option

    @commands.add("init")
    def init() -> int:
        from jobs.commands.founding import init as work

        return work(context)

    @commands.add("simulate")
    def simulate(
        port: Annotated[int | None, option("--port", key="help_simulate_port", min=0, max=65535)] = None,
        record: Annotated[Path | None, option("--record", key="help_simulate_record")] = None,
    ) -> int:
        from jobs.commands.founding import simulate as work

        return work(context, port, record)

    @commands.add("demo")
    def demo(
        folder: Annotated[Path | None, option("--folder", key="help_demo_folder")] = None,
        soap: Annotated[bool, option("--soap", key="help_demo_soap")] = False,
    ) -> int:
        from jobs.commands.founding import demo as work

        return work(context, folder, soap=soap)

    @commands.add("version")
    def version() -> int:
        from jobs.commands.founding import version as work

        return work(context)
