"""The commands that found or try out a house: init, simulate, demo, version.

Relies on `jobs.initiate`, `jobs.simulation` and `jobs.demo`. Never replaces what is there.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from jobs.commands.context import Context
from jobs.screen import EXIT_OK


def init(context: Context) -> int:
    """Writes a settings file when there is none, then makes folders, keys and database."""
    from jobs.initiate import init_house, write_template

    screen = context.screen
    wrote = write_template(context.settings_path)
    if wrote:
        screen.say("init_settings", file=context.settings_path)
    settings = context.settings()
    made = init_house(settings)
    for path in made:
        screen.say("init_made", path=path)
    screen.say("init_done" if made or wrote else "init_nothing")
    data = {"settings_written": wrote, "made": [str(path) for path in made]}
    return screen.finish(data, EXIT_OK)


def simulate(context: Context, port: int | None, record: Path | None) -> int:
    """Serves the simulators of e-Boks and of mail on loopback until it is told to stop."""
    from jobs.simulation import Listening, run_simulators

    screen = context.screen

    def started(at: Listening) -> None:
        if at.url:
            screen.say("simulate_started", url=at.url)
        if at.dns:
            screen.say("simulate_mail_started", dns=at.dns, port=at.smtp_port)
        # A machine that started us must learn the addresses now: this one object comes at the beginning.
        screen.finish({"simulator": True, **asdict(at)}, EXIT_OK)

    run_simulators(context.settings(), port, record, started)
    return EXIT_OK


def demo(context: Context, folder: Path | None, *, soap: bool) -> int:
    """Runs a whole day on simulators."""
    from jobs.demo import run_demo

    return run_demo(folder, screen=context.screen, soap=soap)


def version(context: Context) -> int:
    """Says which release this is."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as release

    try:
        number = release("brevdue")
    except PackageNotFoundError:
        number = "0.1.0"
    context.screen.line(f"brevdue {number}")
    return context.screen.finish({"version": number}, EXIT_OK)
