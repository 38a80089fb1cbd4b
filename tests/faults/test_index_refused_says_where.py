"""An index that is unusable as a whole is refused with a text that names the line, in both languages."""

from __future__ import annotations

import csv

import pytest

from batch.quarantine import find_refusals
from batch.reports import write_refusal
from schemas.catalogue import Language, explain
from tests.rigs import drops
from tests.rigs.drops import Drop, OpenHouse

HEAD = "modtager;materiale;titel;fil\n"
ROW = f"{drops.OK};loenseddel;Løn;1.pdf\n"
INDEXES: dict[str, tuple[bytes, str, int]] = {
    "open quote": ((HEAD + ROW + f'{drops.OK};loenseddel;"Løn;1.pdf\n').encode(), "index.open_quote", 3),
    "wrong characters": ((HEAD + ROW + ROW).encode("cp1252"), "index.bad_encoding", 2),
    "UTF-16": ((HEAD + ROW).encode("utf-16"), "index.bad_encoding", 1),
    "null character": ((HEAD + ROW + "\0").encode(), "index.nul_byte", 3),
    "long field": ((HEAD + f"{'x' * 140_000};a;b;c\n").encode(), "index.field_too_long", 2),
    "total in the middle": ((HEAD + "#ANTAL;1\n" + ROW).encode(), "index.total_not_last", 2),
    "two headings alike": (("modtager;" + HEAD + ROW).encode(), "index.duplicate_column", 1),
    "heading without a name": ((";" + HEAD + ROW).encode(), "index.unnamed_column", 1),
    "no recipients": (b"materiale;titel;fil\na;b;c\n", "index.missing_column", 1),
    "commas": ((HEAD + ROW).replace(";", ",").encode(), "index.other_separator", 1),
}


@pytest.mark.parametrize("kind", INDEXES)
@pytest.mark.parametrize("language", ["da", "en"])
def test_the_refusal_says_what_where_and_what_to_do(
    intake_house: OpenHouse, kind: str, language: Language
) -> None:
    content, code, line = INDEXES[kind]
    house = intake_house()
    folder = Drop(files={"1.pdf": drops.payslip(drops.OK)}).write_folder(house.inbox, marker="")
    (folder / "index.csv").write_bytes(content)
    (house.inbox / "uddata.klar").touch()
    refused = house.refuse_one()
    assert (refused.code, refused.line) == (code, line)
    (refusal,) = find_refusals(house.source.folder)
    answers = write_refusal(
        house.source.folder / "kvittering",
        batch_id=refusal.batch_id,
        source="loen",
        rejections=refusal.rejections,
        language=language,
        now=lambda: drops.NOON,
    )
    with (answers / "fejlliste.csv").open(encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file, delimiter=";")
    assert (row["linje"], row["kode"]) == (str(line), code)
    said = explain(code, language, refused.params)
    assert row["tekst"] == str(said)
    reasons = next((house.source.folder / "karantaene").glob("*/aarsag.txt")).read_text(encoding="utf-8")
    assert f"index.csv:{line} {said}" in reasons
    assert "{" not in reasons + row["tekst"]
