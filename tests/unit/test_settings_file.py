"""The settings file: everything wrong is told at once, nothing of it is shown, and paths are absolute."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import pytest

from jobs.settings_file import read_settings
from schemas.catalogue import Language, family
from schemas.errors import ConfigurationError
from schemas.setting_faults import SettingFault

GOOD = (files("jobs") / "template.toml").read_text(encoding="utf-8")


def written(folder: Path, text: str) -> Path:
    path = folder / "brevdue.toml"
    path.write_text(text, encoding="utf-8")
    return path


def fault_of(path: Path) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        read_settings(path)
    return caught.value


def test_the_template_is_good_settings(tmp_path):
    settings = read_settings(written(tmp_path, GOOD))
    assert settings.materials["loenseddel"].eboks.content_type_id == 179343
    assert settings.house.mode == "simulated"


def test_relative_paths_count_from_the_file(tmp_path):
    settings = read_settings(written(tmp_path, GOOD))
    assert settings.house.data == tmp_path / "data"
    assert settings.house.keys_folder == tmp_path / "data" / "keys"
    assert settings.house.database == f"sqlite:///{tmp_path / 'data' / 'brevdue.db'}"
    assert settings.sources["loen"].folder == tmp_path / "loen"
    assert settings.channels["eboks"].certificate == tmp_path / "data/simulator/client-good.pem"


def test_an_absolute_path_stays(tmp_path):
    settings = read_settings(written(tmp_path, GOOD.replace('data = "data"', 'data = "/var/lib/brevdue"')))
    assert settings.house.data == Path("/var/lib/brevdue")


PORTAL = """
[channels.web]
kind = "portal"
url = "https://post.eksempel.example"
former_keys = ["gamle/en.key", "/etc/to.key"]
reply_keys = { loen = "svar/loen.pem" }
brands = { default = { name = "Eksempel", logo = "logo.png" } }
server = { certificate = "tls.pem", key = "tls.key" }
[channels.web.mitid]
issuer = "https://broker.example"
client_id = "post"
client_secret = "mitid.secret"
levels = ["substantial"]
ca = "broker-ca.pem"
[channels.web.sms]
token = "sms.token"
sender = "Eksempel"
ca = "sms-ca.pem"
"""


def test_every_path_of_a_portal_counts_from_the_file_however_deep_it_stands(tmp_path):
    settings = read_settings(written(tmp_path, GOOD + PORTAL))
    web = settings.channels["web"]
    assert (web.key, web.link_key) == (
        tmp_path / "data/portal/portal.key",
        tmp_path / "data/portal/link.key",
    )
    assert web.former_keys == (tmp_path / "gamle/en.key", Path("/etc/to.key"))
    assert web.reply_keys == {"loen": tmp_path / "svar/loen.pem"}
    assert web.brand("loen").logo == tmp_path / "logo.png"
    assert (web.server.certificate, web.server.key) == (tmp_path / "tls.pem", tmp_path / "tls.key")
    assert (web.mitid.client_secret, web.mitid.ca) == (tmp_path / "mitid.secret", tmp_path / "broker-ca.pem")
    assert (web.sms.token, web.sms.ca) == (tmp_path / "sms.token", tmp_path / "sms-ca.pem")
    assert web.database(settings.house.data) == f"sqlite:///{tmp_path / 'data' / 'portal.db'}"


def test_a_private_key_of_mitid_counts_from_the_file_too(tmp_path):
    text = PORTAL.replace('client_secret = "mitid.secret"', 'client_key = "mitid.key"')
    assert (
        read_settings(written(tmp_path, GOOD + text)).channels["web"].mitid.client_key
        == tmp_path / "mitid.key"
    )


def test_the_environment_wins_over_the_file(tmp_path, monkeypatch):
    monkeypatch.setenv("BREVDUE_HOUSE__LANGUAGE", "en")
    monkeypatch.setenv("BREVDUE_CHANNELS__EBOKS__PARALLEL", "3")
    settings = read_settings(written(tmp_path, GOOD))
    assert settings.house.language == "en"
    assert settings.channels["eboks"].parallel == 3
    assert settings.channels["eboks"].system_id == 4711


def test_all_faults_are_told_at_once(tmp_path):
    text = GOOD.replace("parallel = 8", "parallel = 0").replace('seal = "marker"', 'seal = "wax"')
    text += "\n[unknown]\nkey = 1\n"
    faults = str(fault_of(written(tmp_path, text)).params["faults"])
    assert "channels.eboks.parallel" in faults
    assert "sources.loen.seal" in faults
    assert "unknown" in faults


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ('url = "https://127.0.0.1:8443"', 'url = "http://127.0.0.1:8443"'),
        ('url = "https://127.0.0.1:8443"', 'url = "https://127.0.0.1:8443/path"'),
        ('material = "loenseddel"', 'material = "unknown"'),
        ("system_id = 4711", "system_id = 1000000"),
        ('profile = "direct"', 'profile = "proxy"'),
        ("content_type_id = 179343", "content_type_id = 0"),
        ("every_seconds = 60", 'every_seconds = 60\ncron = "* * * * *"'),
    ],
)
def test_what_can_not_work_is_refused(tmp_path, line, wrong):
    assert line in GOOD
    assert fault_of(written(tmp_path, GOOD.replace(line, wrong, 1))).code == "settings.invalid"


SOAP = """
[channels.post]
kind = "eboks_soap"
url = "https://127.0.0.1:8443"
system_id = 4711
certificate = "a.pem"
key = "a.key"
service_agreement_uuid = "11111111-1111-4111-8111-111111111111"
user_system_uuid = "22222222-2222-4222-8222-222222222222"
user_uuid = "33333333-3333-4333-8333-333333333333"
"""
OWN = """
wsdl = "aftale/post.wsdl"
[channels.post.send]
operation = "indlever"
result = "kvittering.modtaget"
[channels.post.send.fields]
"brev.id" = "message_id"
"brev.slags" = "=A"
"brev.til" = "number"
"brev.fil" = "document"
[channels.post.lookup]
operation = "kender"
result = "kendt"
[channels.post.lookup.fields]
"nummer" = "number"
"""


def test_a_channel_has_the_shape_of_its_kind_and_of_rest_when_it_names_none(tmp_path):
    text = GOOD.replace('kind = "eboks"\n', "") + SOAP + OWN
    channels = read_settings(written(tmp_path, text)).channels
    assert [channels[name].kind for name in ("eboks", "post")] == ["eboks", "eboks_soap"]
    assert channels["post"].wsdl == tmp_path / "aftale/post.wsdl"
    assert channels["post"].send.fields["brev.id"] == "message_id"


SEND = "[channels.post.send]"


@pytest.mark.parametrize(
    ("line", "wrong", "told"),
    [
        ('kind = "eboks_soap"', 'kind = "fax"', "channels.post: kind: must be one of eboks, eboks_soap"),
        ('kind = "eboks_soap"', "", "channels.post.user_uuid: is not known here"),
        ("system_id = 4711", "system_id = 0", "channels.post.system_id: "),
        ('user_uuid = "33', 'user_uuid = "X', "channels.post.user_uuid: "),
        ("user_uuid = ", "# ", "user_uuid: required by this contract"),
        (SEND, f'security = "signed"\n{SEND}', "partner_certificate: required"),
        ('wsdl = "aftale/post.wsdl"', "", "wsdl: required"),
        ('"message_id"', '"cprr"', "channels.post.send: fields: no such value: cprr"),
        ('"brev.id"', '# "', "send.fields: message_id is used nowhere"),
        ('"brev.til"', '# "', "send.fields: nothing names the recipient"),
        ('"nummer" = "number"', "", "lookup.fields: nothing names the recipient"),
        ('"brev.slags" = "=A"', '"brev.mere" = "attachment"', "stand in places with []"),
        ('result = "kendt"', 'result = "kendt"\nno = ["1"]', "one word can't be both"),
        (SEND, f'duplicate_fault_texts = [""]\n{SEND}', "duplicate_fault_texts"),
    ],
)
def test_a_fault_in_a_channel_is_told_by_its_place_in_the_file(tmp_path, line, wrong, told):
    text = SOAP + (OWN if line != "user_uuid = " else "")
    assert line in text
    assert told in str(fault_of(written(tmp_path, GOOD + text.replace(line, wrong, 1))).params["faults"])


@pytest.mark.parametrize(
    ("text", "danish", "english"),
    [
        ("[sources.x]", "sources.x.folder: mangler", "sources.x.folder: is missing"),
        ("house.frob = 1", "house.frob: kendes ikke her", "house.frob: is not known here"),
        (
            "house.mode = 'x-x'",
            "skal være en af disse: 'simulated', 'live'",
            "must be one of these: 'simulated', 'live'",
        ),
        ("house.pdf_workers = 'x-x'", "pdf_workers: skal være et helt tal", "must be a whole number"),
        ("house.pdf_workers = 99", "pdf_workers: må højst være 64", "must be at most 64"),
        ("sources.x = 1", "sources.x: skal være en tabel", "sources.x: must be a table"),
        ("house.data = 1", "house.data: skal være tekst", "house.data: must be text"),
    ],
)
def test_a_fault_is_told_in_the_language_of_the_reader(tmp_path, text, danish, english):
    for said in told_both_ways(written(tmp_path, text), danish, english):
        assert "x-x" not in said


def told_both_ways(path: Path, danish: str, english: str) -> list[str]:
    """Returns the faults in each language, and demands that each tells this one."""
    told: dict[Language, str] = {"da": danish, "en": english}
    said = []
    for language, words in told.items():
        with pytest.raises(ConfigurationError) as caught:
            read_settings(path, language)
        said.append(str(caught.value.params["faults"]))
        assert words in said[-1]
    return said


def test_the_environment_reaches_a_channel_of_any_kind(tmp_path, monkeypatch):
    monkeypatch.setenv("BREVDUE_CHANNELS__POST__WHEN_IN_DOUBT", "resend_once")
    monkeypatch.setenv("BREVDUE_CHANNELS__POST__DUPLICATE_FAULT_CODES", '["4007"]')
    channel = read_settings(written(tmp_path, GOOD + SOAP)).channels["post"]
    assert (channel.when_in_doubt, channel.duplicate_fault_codes) == ("resend_once", ("4007",))


def test_two_sources_may_not_share_a_folder(tmp_path):
    text = GOOD + '\n[sources.other]\nfolder = "loen"\n'
    assert "share one folder" in str(fault_of(written(tmp_path, text)).params["faults"])


def test_a_value_is_never_shown_in_a_fault(tmp_path):
    text = GOOD.replace('tenant = "house"', 'tenant = "SECRET VALUE"')
    assert "SECRET" not in str(fault_of(written(tmp_path, text)))


def test_a_file_that_is_not_toml_is_told_with_its_line(tmp_path):
    fault = fault_of(written(tmp_path, "[house]\ndata = \n"))
    assert fault.code == "settings.not_toml"
    assert "line 2" in str(fault.params["where"])


def test_a_missing_file_is_told_by_name(tmp_path):
    fault = fault_of(tmp_path / "brevdue.toml")
    assert (fault.code, fault.params["file"]) == ("settings.missing", "brevdue.toml")


WITH_MAIL = GOOD.replace("#: ", "").replace("#:\n", "\n")
PLACES = """
[mail.smarthost]
host = "127.0.0.1:2525"
ca = "relay.pem"

[mail.ldap.kommuner]
host = "127.0.0.1"
ca = "/etc/ssl/ldap.pem"

[mail.pins]
"eva@kommune.example" = "eva.pem"

[materials.loenseddel.mail]
text_da = "tekst.txt"
"""


def test_the_template_without_its_marks_is_good_settings_with_every_way(tmp_path):
    settings = read_settings(written(tmp_path, WITH_MAIL))
    assert [one.kind for one in settings.channels.values()] == ["eboks", "smime", "tunnel", "tls"]
    assert settings.mail.from_address == "loen@afsender.example"
    assert list(settings.mailboxes) == ["eboks"]


def test_paths_count_from_the_file_however_deep_they_stand(tmp_path):
    settings = read_settings(written(tmp_path, WITH_MAIL + PLACES))
    assert settings.mail.certificate == tmp_path / "data/simulator/mail/ours.pem"
    assert settings.mail.smarthost.ca == tmp_path / "relay.pem"
    assert settings.mail.ldap["kommuner"].ca == Path("/etc/ssl/ldap.pem")
    assert settings.mail.pins == {"eva@kommune.example": tmp_path / "eva.pem"}
    assert settings.materials["loenseddel"].mail.text_da == tmp_path / "tekst.txt"
    assert settings.channels["tunnel"].list == tmp_path / "data/tunnel/list.p7m"


@pytest.mark.parametrize("kind", ["smime", "tunnel", "tls"])
def test_a_channel_by_mail_needs_the_table_mail(tmp_path, kind):
    fault = fault_of(written(tmp_path, f'{GOOD}\n[channels.post]\nkind = "{kind}"\n'))
    assert "channels.post: a channel by mail needs the table [mail]" in str(fault.params["faults"])


def test_a_fault_in_a_channel_by_mail_is_told_at_its_place(tmp_path):
    fault = fault_of(written(tmp_path, WITH_MAIL.replace('level = "verify"', 'level = "maybe"')))
    assert "channels.tls.level" in str(fault.params["faults"])


FAULT = re.compile(r'fault\(\s*(?:f?"[^"]*"|name),\s*"([a-z_]+)"')


def test_every_rule_of_our_own_has_its_text_in_both_languages():
    named = {name for path in Path("schemas").glob("*.py") for name in FAULT.findall(path.read_text())}
    assert len(named) > 30
    texts = family("ui")
    assert sorted(name for name in named if len(texts.get(f"ui.setting.{name}", {})) != 2) == []
    for name in named:
        for language in ("da", "en"):
            assert "{{" not in SettingFault("", name).told(language)


@pytest.mark.parametrize(
    ("change", "danish", "english"),
    [
        (
            ('material = "loenseddel"', 'material = "mangler"'),
            "sources.loen.material: intet materiale hedder sådan",
            "sources.loen.material: no such material",
        ),
        (
            ('profile = "direct"', 'profile = "proxy"'),
            "channels.eboks: client_id: kræves sammen med profile = 'proxy'",
            "channels.eboks: client_id: required with profile = 'proxy'",
        ),
    ],
)
def test_rules_of_our_own_are_told_in_the_readers_language(tmp_path, change, danish, english):
    before, after = change
    assert before in GOOD
    for said in told_both_ways(written(tmp_path, GOOD.replace(before, after, 1)), danish, english):
        assert "{" not in said
