"""The tree of commands: their names, arguments and help, each handed on to the module that does the work.

Relies on typer. Help is Danish or English like everything else said to people. Loads nothing heavy: the work
modules are imported when their command runs.
"""

from pathlib import Path
from typing import Annotated, Literal

import typer

from jobs.commands.context import Context
from jobs.screen import EXIT_USAGE
from schemas.errors import ConfigurationError

Source = Annotated[str | None, typer.Option("--source", "-s")]
Subject = Annotated[str, typer.Argument(metavar="BATCH|CONSIGNMENT")]
Reason = Annotated[str, typer.Option("--reason", "-r")]
Verdict = Literal["found", "not-found", "written-off"]


def run_tree(context: Context, arguments: list[str]) -> int:
    """Runs the command that the arguments name; returns its exit code (2 for wrong usage)."""
    command = typer.main.get_command(build(context))
    try:
        outcome = command.main(args=arguments or ["--help"], prog_name="brevdue", standalone_mode=False)
    except typer.Abort:
        return 130
    except typer.Exit as ended:
        return ended.exit_code
    except typer.TyperException as error:
        if context.screen.as_json or not hasattr(error, "show"):
            raise ConfigurationError("usage.wrong", why=str(error)) from None
        error.show(file=context.screen.err)
        return EXIT_USAGE
    return outcome if isinstance(outcome, int) else 0


def build(context: Context) -> typer.Typer:
    """Returns the application, its help in the screen's language."""
    text = context.screen.text
    app = typer.Typer(
        name="brevdue",
        help=text("help_brevdue"),
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )

    @app.callback(epilog=text("help_epilog"))
    def _everywhere(
        sprog: Annotated[str, typer.Option("--sprog", help=text("help_sprog"))] = "da",
        settings: Annotated[Path, typer.Option("--settings", help=text("help_settings"))] = Path(
            "brevdue.toml"
        ),
        as_json: Annotated[bool, typer.Option("--json", help=text("help_json"))] = False,
        quiet: Annotated[bool, typer.Option("--quiet", "-q", help=text("help_quiet"))] = False,
    ) -> None:
        """These four are known everywhere and were taken out of the arguments before typer saw them."""

    _add_verbs(app, context)
    _add_people(app, context)
    _add_showing(app, context)
    _add_house(app, context)
    return app


def _add_verbs(app: typer.Typer, context: Context) -> None:
    text = context.screen.text

    @app.command("pull", help=text("help_pull"))
    def pull(
        source: Source = None,
        csv: Annotated[Path | None, typer.Option("--csv", help=text("help_pull_csv"))] = None,
        documents: Annotated[
            Path | None, typer.Option("--documents", help=text("help_pull_documents"))
        ] = None,
    ) -> int:
        from jobs.commands.verbs import pull as work

        return work(context, source, csv, documents)

    @app.command("dispatch", help=text("help_dispatch"))
    def dispatch() -> int:
        from jobs.commands.verbs import dispatch as work

        return work(context)

    @app.command("collect", help=text("help_collect"))
    def collect() -> int:
        from jobs.commands.verbs import collect as work

        return work(context)

    @app.command("close", help=text("help_close"))
    def close() -> int:
        from jobs.commands.verbs import close as work

        return work(context)

    @app.command("purge", help=text("help_purge"))
    def purge() -> int:
        from jobs.commands.verbs import purge as work

        return work(context)

    @app.command("run", help=text("help_run"))
    def run() -> int:
        from jobs.commands.verbs import run as work

        return work(context)


def _add_people(app: typer.Typer, context: Context) -> None:
    text = context.screen.text

    @app.command("release", help=text("help_release"))
    def release(
        subject: Subject,
        rows: Annotated[bool, typer.Option("--rows", help=text("help_rows"))] = False,
        reason: Reason = "",
    ) -> int:
        from jobs.commands.people import release as work

        return work(context, subject, rows, reason)

    @app.command("hold", help=text("help_hold"))
    def hold(subject: Subject, reason: Reason) -> int:
        from jobs.commands.people import hold as work

        return work(context, subject, reason)

    @app.command("cancel", help=text("help_cancel"))
    def cancel(subject: Subject, reason: Reason) -> int:
        from jobs.commands.people import cancel as work

        return work(context, subject, reason)

    @app.command("resolve", help=text("help_resolve"))
    def resolve(
        consignment: Annotated[str, typer.Argument(metavar="CONSIGNMENT")], verdict: Verdict, reason: Reason
    ) -> int:
        from jobs.commands.people import resolve as work

        return work(context, consignment, verdict, reason)

    @app.command("pause", help=text("help_pause"))
    def pause(channel: Annotated[str, typer.Argument(metavar="CHANNEL")]) -> int:
        from jobs.commands.people import pause as work

        return work(context, channel)

    @app.command("resume", help=text("help_resume"))
    def resume(channel: Annotated[str, typer.Argument(metavar="CHANNEL")]) -> int:
        from jobs.commands.people import resume as work

        return work(context, channel)


def _add_showing(app: typer.Typer, context: Context) -> None:
    text = context.screen.text

    @app.command("status", help=text("help_status"))
    def status(batch: Annotated[str | None, typer.Argument(metavar="[BATCH]")] = None) -> int:
        from jobs.commands.showing import status as work

        return work(context, batch)

    @app.command("explain", help=text("help_explain"))
    def explain(subject: Annotated[str, typer.Argument(metavar="CONSIGNMENT|CPR|CVR")]) -> int:
        from jobs.commands.showing import explain as work

        return work(context, subject)

    @app.command("check", help=text("help_check"))
    def check() -> int:
        from jobs.commands.checking import check as work

        return work(context)


def _add_house(app: typer.Typer, context: Context) -> None:
    text = context.screen.text

    @app.command("init", help=text("help_init"))
    def init() -> int:
        from jobs.commands.founding import init as work

        return work(context)

    @app.command("simulate", help=text("help_simulate"))
    def simulate(
        port: Annotated[int | None, typer.Option("--port", help=text("help_simulate_port"))] = None,
        record: Annotated[Path | None, typer.Option("--record", help=text("help_simulate_record"))] = None,
    ) -> int:
        from jobs.commands.founding import simulate as work

        return work(context, port, record)

    @app.command("demo", help=text("help_demo"))
    def demo(
        folder: Annotated[Path | None, typer.Option("--folder", help=text("help_demo_folder"))] = None,
    ) -> int:
        from jobs.commands.founding import demo as work

        return work(context, folder)

    @app.command("version", help=text("help_version"))
    def version() -> int:
        from jobs.commands.founding import version as work

        return work(context)
