"""Every fault at once in one house (facts/trust.md, 32): no canary is seen anywhere, and the day still ends.

Canaries are CPR numbers, a name, a title, a file name and the secrets of keys. They are searched for in what
every command says, in the log, in answers and reports, in the database and its write-ahead log, in temporary
folders, and in the names of all files. What lies in quarantine as it came, the sender's own, is left out.
"""

from __future__ import annotations

import re
import signal
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from eboks.simulator import person
from tests.rigs import drops, pdfs
from tests.rigs.canaries import Dress, dresses, found_below, found_in
from tests.rigs.drops import Drop
from tests.rigs.houses import FoundHouse, HouseOnDisk
from tests.rigs.overhearing import Overheard
from tests.rigs.services import QUICK

NAME, TITLE, FILE = "Kanariefugl Ærø", "Hemmeligtitel", "kanariefil"
FAULTS = frozenset(
    {
        *("row.too_few_fields", "row.too_many_fields", "row.title_too_long", "row.unknown_material"),
        *("row.file_missing", "row.file_outside", "identity.bad_format", "identity.replacement"),
        *("document.encrypted", "document.damaged", "document.active_content", "document.other_cpr"),
        *("document.type_mismatch", "drop.unnamed_file", "drop.subfolder", "index.missing_column"),
        *("eboks.id_conflict", "eboks.refused", "eboks.too_fast", "eboks.wrong_recipient_in_reply"),
        *("eboks.not_enrolled", "http.no_answer", "tls.certificate_expired", "answer.not_written"),
        *("settings.no_source", "settings.no_channel", "usage.no_such_subject", "usage.bad_value"),
        *("send.bug", "verb.failed", "ledger.worker_lost"),
    }
)
_CODE = re.compile(r"\b[a-z]+\.[a-z0-9_]+\b")
NOBODY = "https://127.0.0.1:1"
STRANGERS = ("exempt", "dead", "minor", "not_found", "not_this_material", "never_logged_in")
NUMBERS = (
    *(*drops.GOOD, drops.BAD_DATE, drops.REPLACEMENT, drops.REPAIRED),
    *(person(word).number for word in STRANGERS),
)
HEADER = "modtager;materiale;titel;fil;navn;email;reference"

# Bugs of ours, each with an error that shows what was in hand.
BUG_IN_SEND = """
import eboks.rest
def bug(recipient, content_type_id, title, main, attachments):
    raise KeyError(recipient.number.digits, title, main)
eboks.rest.build_dispatch = bug
"""
BUG_IN_ANSWERS = f"""
import batch.reports
def bug(folder, ledger, batch_id, **more):
    raise RuntimeError({NAME!r}, {drops.OK!r})
batch.reports.write_answers = bug
"""


@pytest.fixture
def overheard(
    found_house: FoundHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Overheard]:
    """A house that logs to a file; its write-ahead log stays as long as this connection is there."""
    house = found_house(profile="proxy", house=f"pdf_workers = 1\n{QUICK}", source="hold_above_percent = 100")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    with closing(sqlite3.connect(house.settings.house.data / "brevdue.db")) as database:
        database.execute("SELECT count(*) FROM batch").fetchall()
        yield Overheard(house)


def _secrets(house: HouseOnDisk) -> dict[str, str | bytes]:
    """Returns what is secret in each key file of the house."""
    channel = house.settings.channels["eboks"]
    pem = channel.key.read_text(encoding="ascii").splitlines()
    secrets: dict[str, str | bytes] = {"tls": pem[2]}
    for path in sorted(house.settings.house.keys_folder.glob("*.key")):
        secrets[path.name] = path.read_bytes()[:32]
    assert len(secrets) == 4
    return secrets


def _row(drop: Drop, number: str, *, material: str = "loenseddel", title: str = TITLE, **more: str) -> Drop:
    """Adds a row with a canary in every column; the reference is the sender's own word and may be echoed."""
    n = len(drop.lines) + 1
    file = more.get("file", f"{FILE}-{n}.pdf")
    return drop.line(
        f"{number};{material};{title};{file};{more.get('name', NAME)};fugl@example.invalid;r-{n}"
    )


def _good_row(drop: Drop, number: str, **more: str) -> None:
    """Adds a row and its payslip, each unlike every other."""
    _row(drop, number, **more)
    file = f"{FILE}-{len(drop.lines)}.pdf"
    drop.files[file] = pdfs.payslip_pdf(number, f"{NAME} {len(drop.lines)}", n_bytes=0)


def _with_faults() -> Drop:
    """Returns a drop with good rows, bad rows, bad documents and recipients whom e-Boks does not take."""
    drop = Drop(header=HEADER)
    for number in drops.GOOD * 2:
        _good_row(drop, number)
    for word in STRANGERS:
        _good_row(drop, person(word).number, material="brev")
    for number in (drops.BAD_DATE, drops.REPLACEMENT, drops.LOST_ZERO):
        _row(drop, number)
    _row(drop, drops.OK, material=NAME)
    _row(drop, drops.OK, title=TITLE * 20)
    _row(drop, drops.OK, file=f"{FILE}-{drops.OK}-mangler.pdf")
    _row(drop, drops.OK, file=f"../{FILE}-{drops.OK}.pdf")
    _row(drop, f"{NAME} {drops.OK}")
    drop.line(f"{drops.OK};{NAME};{TITLE}")
    drop.line(f"{drops.OK};loenseddel;{TITLE};{FILE}.pdf;{NAME};a;b;c;{drops.OK_2003}")
    bad = (
        pdfs.encrypted_pdf("x"),
        pdfs.half_pdf(),
        pdfs.javascript_pdf(),
        drops.payslip(drops.OK_2004),
        b"x",
    )
    for n, content in enumerate(bad):
        _row(drop, drops.OK, file=f"{FILE}-daarlig-{n}.pdf")
        drop.files[f"{FILE}-daarlig-{n}.pdf"] = content
    drop.files[f"{FILE}-naevnes-ikke-{drops.OK}.pdf"] = drops.payslip(drops.OK)
    return drop


def _drop_all(house: HouseOnDisk) -> None:
    """Lays the drop with faults in the inbox, and drops that must be refused whole."""
    # A drop is told of by its own name, all numbers masked.
    _with_faults().write_folder(house.inbox, f"loen-{drops.OK}")
    bad_header = Drop(header=f"modtager;{NAME};{drops.OK};{NAME}")
    bad_header.line(f"{drops.OK};{NAME};{TITLE};x").write_folder(house.inbox, f"hoved-{drops.OK}")
    escaping = Drop(files={f"../{FILE}-{drops.OK}.pdf": b"x"})
    escaping.write_zip(house.inbox, f"{drops.OK_2003}.zip")
    nested = Drop().write_folder(house.inbox, f"under-{drops.OK}")
    (nested / f"{NAME}-{drops.OK}").mkdir()


def _inject(house: HouseOnDisk) -> None:
    """Lets e-Boks do all the wrong things it can, one letter each."""
    with house.simulator.client() as client:
        for status in (400, 409, 500, 503, 429):
            client.add_fault("status", status=status, count=1)
        for kind in ("accept_then_drop", "drop_mid_body", "drop_before"):
            client.add_fault(kind, count=1)
        for variant in ("other_recipient", "other_id", "html", "truncated"):
            client.add_fault("wrong_json", variant=variant, count=1)
        client.add_fault("status", status=500, on="lookup", count=1)


def _batch(house: HouseOnDisk) -> str:
    return str(house.status()["batches"][0]["batch"])


def _mistyped(heard: Overheard, batch: str) -> None:
    """Types personal data wherever a person could by mistake."""
    for words in (
        ("explain", drops.OK),
        ("explain", f"{drops.OK[:6]}-{drops.OK[6:]}"),
        ("status", drops.OK),
        ("hold", f"{NAME} {drops.OK}", "--reason", "x"),
        ("hold", f"{batch}-00002", "--reason", f"ikke til {drops.OK} nu"),
        ("release", f"{batch}-00002", "--reason", f"{drops.OK[:6]}-{drops.OK[6:]} kan få sit"),
        ("pause", NAME),
        ("pull", "--source", NAME),
        ("pull", "--source", "loen", "--csv", f"{drops.OK}.csv"),
        ("resolve", drops.OK, NAME, "--reason", TITLE),
        (NAME, drops.OK),
    ):
        heard.hear(*words, twice=False)


def _bad_day(heard: Overheard) -> None:
    """Lets everything go wrong, one thing after the other and some of it at once."""
    house = heard.house
    assert heard.loud("", "pull", BREVDUE_FAILPOINT="intake.half_packed:3") == -signal.SIGKILL
    assert heard.hear("pull") == 3
    _mistyped(heard, _batch(house))
    heard.change("client-good.", "client-expired.")
    assert heard.hear("dispatch") == 4
    assert heard.hear("check") == 2
    heard.change("client-expired.", "client-good.")
    heard.change(house.simulator.url, NOBODY)
    assert heard.hear("dispatch") == 4
    heard.change(NOBODY, house.simulator.url)
    _inject(house)
    heard.serve("", lambda log: _all_fired(house))
    _late_drop(house, 1)
    heard.hear("pull")
    assert heard.loud("", "dispatch", BREVDUE_FAILPOINT="dispatch.sent:2") == -signal.SIGKILL
    _forbid_answers(house)
    assert heard.hear("close") == 2
    _allow_answers(house)
    _late_drop(house, 2)
    heard.serve(
        BUG_IN_SEND + BUG_IN_ANSWERS, lambda log: log.count("verb.failed") > 1 and _stands(house, "send.bug")
    )
    assert heard.hear("close") == 3


def _late_drop(house: HouseOnDisk, n: int) -> None:
    """Lays a drop without a fault in the inbox, with documents of its own."""
    drop = Drop(header=HEADER)
    for number in drops.GOOD[:2]:
        _good_row(drop, number, title=f"{TITLE} {n}")
        drop.files[f"{FILE}-{len(drop.lines)}.pdf"] += b"\n" * n
    drop.write_folder(house.inbox, f"igen-{n}")


def _all_fired(house: HouseOnDisk) -> bool:
    with house.simulator.client() as client:
        return all(fault["n_fired"] for fault in client.faults())


def _stands(house: HouseOnDisk, code: str) -> bool:
    """Says whether a code stands in the ledger."""
    query = "SELECT 1 FROM event WHERE code = ? UNION SELECT 1 FROM consignment WHERE code = ?"
    with closing(sqlite3.connect(house.settings.house.data / "brevdue.db")) as database:
        return bool(database.execute(query, (code, code)).fetchall())


def _forbid_answers(house: HouseOnDisk) -> None:
    (house.source / "kvittering").rename(house.source / "gemt")
    (house.source / "kvittering").symlink_to("/proc")  # where nobody can make anything


def _allow_answers(house: HouseOnDisk) -> None:
    (house.source / "kvittering").unlink()
    (house.source / "gemt").rename(house.source / "kvittering")


def _happened(heard: Overheard) -> set[str]:
    """Returns every code that stands in the ledger or its history, or was said or logged."""
    with closing(sqlite3.connect(heard.house.settings.house.data / "brevdue.db")) as database:
        query = "SELECT code FROM event UNION SELECT code FROM consignment UNION SELECT code FROM rejection"
        codes = {code for (code,) in database.execute(query)}
    lists = [path.read_text(encoding="utf-8") for path in heard.house.answers("fejlliste.csv")]
    return codes | set(_CODE.findall("".join([heard.log, *lists, *heard.said])))


def _words_below(folder: Path, looked_for: list[Dress]) -> set[str]:
    return {hit.partition(" (")[0] for hit in found_below(folder, looked_for)}


def test_no_canary_is_seen_anywhere(overheard: Overheard) -> None:
    house, heard = overheard.house, overheard
    _drop_all(house)
    _bad_day(heard)
    words = {"name": NAME, "title": TITLE, "file": FILE}
    words |= {f"number {n}": number for n, number in enumerate(NUMBERS, start=1)}
    looked_for = dresses({**words, **_secrets(house)})
    quarantined = house.source / "karantaene"
    came_so = [path for path in quarantined.glob("*/*") if not path.name.startswith("aarsag.")]
    keys = house.settings.house.keys_folder
    # Searched before it is asserted: pytest would show what was searched.
    hits = {
        "said": found_in("".join(heard.said).encode(), looked_for),
        "written ahead": found_in(b"".join(heard.write_ahead), looked_for),
        "house": found_below(heard.root, looked_for, [*came_so, keys]),
        "temporary": found_below(Path(tempfile.gettempdir()), looked_for),
    }
    assert {place: found for place, found in hits.items() if found} == {}
    # The search was worth something: all of it went wrong, and what was left out has what is looked for.
    assert _happened(heard) >= FAULTS
    assert len(house.answers("rapport.html")) == 6
    assert _words_below(quarantined, looked_for) >= {"file", "number 1"}
    assert _words_below(keys, looked_for) == set(_secrets(house)) - {"tls"}
    assert any(_batch(house).encode() in one for one in heard.write_ahead) is True
