"""Founds a house: folders, keys, database, and in simulated mode the simulator's certificates.

Relies on `batch` and on the simulator's certificates. Replaces nothing that is there: run twice, it only adds
what is missing.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from jobs.house import utc_now
from jobs.mail_simulation import prepare_mail
from schemas.errors import ConfigurationError
from schemas.settings import Settings


def write_template(path: Path) -> bool:
    """Writes the commented settings file when there is none; returns whether it did."""
    template = (files("jobs") / "template.toml").read_text(encoding="utf-8")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(template)
    except FileExistsError:
        return False
    except OSError as error:
        raise ConfigurationError("settings.not_writable", file=path.name, why=error.strerror) from None
    return True


def init_house(settings: Settings) -> list[Path]:
    """Makes what a house needs and returns what was made.

    Raises ConfigurationError when a folder can't be made, the keys are damaged or the database is of another
    mode; ServiceDown when the database can't be reached.
    """
    from batch.drop_folder import prepare_folders
    from batch.ledger import Ledger
    from batch.vault import Vault

    house = settings.house
    made = [path for path in (house.data, house.keys_folder) if not path.exists()]
    try:
        house.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigurationError("settings.data_not_writable", why=error.strerror) from None
    if not house.keys_folder.exists():
        Vault.create(house.keys_folder)
    Ledger.open(
        house.database,
        vault=Vault.open(house.keys_folder),
        tenant=house.tenant,
        mode=house.mode,
        now=utc_now,
        create=True,
    ).close()
    for source in settings.sources.values():
        made += [] if source.folder.exists() else [source.folder]
        prepare_folders(source.folder)
    return made + _certificates(settings) + prepare_mail(settings) + _portal(settings)


def _portal(settings: Settings) -> list[Path]:
    from jobs.portal import found_portal

    return found_portal(settings, utc_now)


def simulator_folder(settings: Settings) -> Path:
    """Returns where the simulator's certificates and its record lie."""
    return settings.house.data / "simulator"


def _certificates(settings: Settings) -> list[Path]:
    folder = simulator_folder(settings)
    wanted = any(folder in channel.certificate.parents for channel in settings.mailboxes.values())
    if settings.house.mode != "simulated" or not wanted or (folder / "client-good.pem").exists():
        return []
    from eboks.simulator.certificates import make_certificates

    make_certificates(folder, utc_now())
    return [folder]
