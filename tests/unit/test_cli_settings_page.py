"""The page of settings names every key with its true default and no other, and its examples are good."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from schemas.eboks_settings import EboksChannel, EboksMaterial, EboksSettings, EboksSoapChannel, SoapOperation
from schemas.mail_settings import (
    LdapDirectory,
    LdapServer,
    MailChannelSettings,
    MailSettings,
    MaterialMail,
    Smarthost,
    SmimeChannel,
    TlsChannel,
    TunnelChannel,
    TunnelDirectory,
    TunnelPartner,
)
from schemas.policy import DATA_CLASSES, AmountLimits, ClassPolicy, PolicySettings
from schemas.portal_proof_settings import PortalMitId, PortalSms
from schemas.portal_settings import MaterialPortal, PortalBrand, PortalChannel, PortalRates, PortalServer
from schemas.section import ChannelSettings
from schemas.settings import (
    DEFAULT_TIMETABLE,
    HouseSettings,
    MaterialSettings,
    RetentionSettings,
    Settings,
    SourceSettings,
    TimetableEntry,
)
from tests.rigs.source import ROOT

PAGE = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
TABLES: dict[str, type[BaseModel]] = {
    "house": HouseSettings,
    "sources.<name>": SourceSettings,
    "materials.<name>": MaterialSettings,
    "materials.<name>.eboks": EboksMaterial,
    "channels.<name>": EboksChannel,
    "channels.<name> eboks_soap": EboksSoapChannel,
    "channels.<name>.send": SoapOperation,
    "materials.<name>.mail": MaterialMail,
    "channels.<name> smime": SmimeChannel,
    "channels.<name> tunnel": TunnelChannel,
    "channels.<name>.partners.<domain>": TunnelPartner,
    "channels.<name>.directory": TunnelDirectory,
    "channels.<name> tls": TlsChannel,
    "materials.<name>.portal": MaterialPortal,
    "channels.<name> portal": PortalChannel,
    "channels.<name>.brands.<source>": PortalBrand,
    "channels.<name>.rates": PortalRates,
    "channels.<name>.server": PortalServer,
    "channels.<name>.mitid": PortalMitId,
    "channels.<name>.sms": PortalSms,
    "mail": MailSettings,
    "mail.ldap.<name>": LdapDirectory,
    "mail.smarthost": Smarthost,
    "timetable.<name>": TimetableEntry,
    "retention": RetentionSettings,
    "policy.limits": AmountLimits,
}
# Told as a matrix, not as keys in a row.
MATRICES = {"policy"}
# Tables of their own on the page, not keys in a row.
SUBTABLES = {
    ("materials.<name>", "eboks"),
    ("materials.<name>", "mail"),
    ("materials.<name>", "portal"),
    ("channels.<name> portal", "brands"),
    ("channels.<name> portal", "rates"),
    ("channels.<name> portal", "server"),
    ("channels.<name> portal", "mitid"),
    ("channels.<name> portal", "sms"),
    ("channels.<name> tunnel", "partners"),
    ("channels.<name> tunnel", "directory"),
    ("mail", "ldap"),
    ("mail", "smarthost"),
    ("channels.<name> eboks_soap", "send"),
    ("channels.<name> eboks_soap", "lookup"),
}
# What the kinds of channel to e-Boks share is described once, with the first of them.
SHARED: dict[str, type[BaseModel]] = {
    "channels.<name> eboks_soap": EboksSettings,
    "channels.<name> tunnel": MailChannelSettings,
    "channels.<name> tls": MailChannelSettings,
    "channels.<name>.directory": LdapServer,
}
# What every channel has stands with the first kind; what is here by mail differs.
EVERYWHERE = {
    "channels.<name> smime": set(ChannelSettings.model_fields) - {"deadline_seconds"},
    "channels.<name> portal": set(ChannelSettings.model_fields),
}
REQUIRED = "required"


def sections() -> dict[str, str]:
    """Returns the text under each heading that names a table."""
    parts = re.split(r"^##+ `\[(.+?)\]`( of kind `\w+`)?$", PAGE, flags=re.MULTILINE)
    kinds = [(kind or "").replace("`", "").removeprefix(" of kind") for kind in parts[2::3]]
    names = [name + kind for name, kind in zip(parts[1::3], kinds, strict=True)]
    return dict(zip(names, parts[3::3], strict=True))


def rows(table: str) -> dict[str, str]:
    """Returns key → default as written."""
    found = re.findall(r"^\| `(\w+)` \| (.+?) \| .+ \| .+ \|$", sections()[table], flags=re.MULTILINE)
    assert len(found) == len({key for key, _ in found}), "a key stands twice"
    return dict(found)


def written(default: str) -> Any:
    """Returns what a default on the page means: REQUIRED, None, or a value."""
    if default in (REQUIRED, "none"):
        return REQUIRED if default == REQUIRED else None
    return tomllib.loads(f"it = {default.strip('`')}")["it"]


def real(model: type[BaseModel], key: str) -> Any:
    """Returns the model's default as the page would mean it."""
    info = model.model_fields[key]
    if info.is_required():
        return REQUIRED
    value = info.get_default(call_default_factory=True)
    assert value is not PydanticUndefined
    if isinstance(value, tuple):
        return list(value)
    return value if value is None or isinstance(value, bool | int | float | dict) else str(value)


def test_every_table_of_the_file_has_a_section():
    assert set(sections()) == set(TABLES) | MATRICES
    assert {name.split(".")[0] for name in TABLES} == set(Settings.model_fields)


def test_the_policy_is_told_as_it_is():
    page = sections()["policy"]
    told = {
        data_class: (always, transport)
        for classes, always, transport in re.findall(
            r'^\| (`.+?) \| `"(\w+)"` \| `"(\w+)"` \|$', page, flags=re.MULTILINE
        )
        for data_class in re.findall(r"`(\w+)`", classes)
    }
    policy = PolicySettings()
    strong = [name for name in ClassPolicy.model_fields if name != "transport"]
    for data_class in DATA_CLASSES:
        always, transport = told[data_class]
        assert {policy.allowance(data_class, name) for name in strong} == {always}
        assert policy.allowance(data_class, "transport") == transport


@pytest.mark.parametrize("table", TABLES)
def test_every_key_is_described_and_none_is_invented(table):
    keys = {key for key in TABLES[table].model_fields if (table, key) not in SUBTABLES}
    shared = set(SHARED[table].model_fields if table in SHARED else ())
    assert set(rows(table)) == keys - shared - EVERYWHERE.get(table, set())


@pytest.mark.parametrize("table", TABLES)
def test_every_default_on_the_page_is_the_real_one(table):
    wrong = {key for key, default in rows(table).items() if written(default) != real(TABLES[table], key)}
    assert wrong == set()


@pytest.mark.parametrize("table", TABLES)
def test_every_table_has_an_example(table):
    head = re.escape(table.split()[0]).replace("<domain>", '"[a-z.]+"')
    head = re.sub("<name>|<source>", r"\\w+", head)
    assert re.search(rf"^    \[{head}\]$", sections()[table], flags=re.MULTILINE)


def test_the_examples_are_settings_that_can_be_read():
    examples = "\n".join(line[4:] for line in PAGE.splitlines() if line.startswith("    "))
    settings = Settings.model_validate(tomllib.loads(examples))
    assert settings.sources["loen"].columns == {"modtager": "CPR-nummer", "fil": "Dokument"}
    assert settings.channels["eboks"].verdicts == {"9001": "transient"}
    assert settings.channels["aftale"].send.fields["meddelelse.noegle"] == "message_id"


def test_the_default_timetable_is_told_as_it_is():
    every = {name: entry.every_seconds for name, entry in DEFAULT_TIMETABLE.items() if entry.every_seconds}
    assert every == {"pull": 60.0, "dispatch": 30.0, "collect": 60.0, "close": 60.0}
    assert DEFAULT_TIMETABLE["purge"].cron == "30 2 * * *"
    assert "pull, collect and close every 60 seconds, dispatch every 30, purge at 02:30" in PAGE
