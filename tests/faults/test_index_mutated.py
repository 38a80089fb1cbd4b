"""Ten thousand mutated index files: not one gives a person another person's document.

A row that is handed on and holds a number and a file name of the original must hold them as the original
paired them; and where a line holds no quote, what is handed on is what the plainest reading of it says.
"""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Iterator
from pathlib import Path

from batch.index_reader import Index
from schemas.errors import BadInput
from schemas.settings import SourceSettings

N_FILES = 10_000
SOURCE = SourceSettings(folder=Path("loen"), encoding="auto")
SIGNS = (
    ";",
    '"',
    "\n",
    "\r",
    "\r\n",
    ";;",
    '";',
    ';"',
    '"\n',
    "\0",
    "\ufeff",
    "#ANTAL;3\n",
    ",",
    "\t",
    " ",
    "'",
)
HEADERS = (
    "modtager;fil",
    "fil;modtager",
    "modtager;titel;fil",
    "modtager;navn;fil;bilag;note",
    "note;modtager;tom;fil",
    "reference;fil;titel;modtager;x;y",
)


def _original(chance: random.Random) -> tuple[list[str], dict[str, str]]:
    """Returns the lines of a good index and its pairs: number to file."""
    names = chance.choice(HEADERS).split(";")
    pairs = {f"1408{n:02d}3994": f"dok{n}.pdf" for n in chance.sample(range(10, 99), 5)}
    lines = [";".join(names)]
    for number, file in pairs.items():
        own = {"modtager": number, "fil": file, "note": chance.choice(["", "n", '"a;b"', '"q ""r"""'])}
        lines.append(";".join(own.get(name, chance.choice(["", "T", '"T"'])) for name in names))
    return lines, pairs


def _mutated(chance: random.Random, lines: list[str]) -> str:
    """Returns the index with one to four small accidents in it."""
    lines = list(lines)
    accident = chance.randrange(6)
    if accident == 0:
        lines.insert(chance.randrange(len(lines) + 1), lines[0])
    elif accident == 1:
        lines.insert(chance.randrange(1, len(lines) + 1), "#ANTAL;5")
    elif accident == 2:
        del lines[chance.randrange(len(lines))]
    text = chance.choice(["\n", "\r\n", "\r"]).join([*lines, ""])
    for _ in range(chance.randrange(1, 4)):
        at = chance.randrange(len(text))
        kept = text[at + 1 :] if chance.random() < 0.5 else text[at:]
        text = text[:at] + (chance.choice(SIGNS) if chance.random() < 0.75 else "") + kept
    return text[: chance.randrange(len(text))] if accident == 5 else text


def _handed_on(data: bytes) -> Iterator[tuple[int, str, str]]:
    try:
        index = Index(data, SOURCE, ("modtager", "fil"))
        index.scan()
        chunks = list(index.chunks())
    except BadInput:
        return
    for chunk in chunks:
        yield from zip(chunk.lines, chunk.columns["modtager"], chunk.columns["fil"], strict=True)


def _plainly(lines: list[str], line: int) -> tuple[str, str] | None:
    """Reads one line without any library; None where quotes make that impossible."""
    header = next(text for text in lines if text.strip(" \t;"))
    if '"' in header or '"' in lines[line - 1]:
        return None
    names = [name.strip("\ufeff").strip().casefold() for name in header.split(";")]
    fields = lines[line - 1].split(";")
    assert len(fields) == len(names)
    return fields[names.index("modtager")].strip(), fields[names.index("fil")].strip()


def test_no_mutation_shifts_a_column() -> None:
    chance = random.Random(22)
    n_rows, n_files_used, n_plain = 0, 0, 0
    for _ in range(N_FILES):
        lines, pairs = _original(chance)
        text = _mutated(chance, lines)
        found = list(_handed_on(text.encode("utf-8")))
        n_files_used += bool(found)
        physical = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
        for line, number, file in found:
            n_rows += 1
            if number in pairs and file in pairs.values():
                assert pairs[number] == file
            plain = _plainly(physical, line)
            if plain is not None:
                n_plain += 1
                assert plain == (number, file)
    # The accidents leave something to judge: a reader that refuses everything would pass otherwise.
    assert n_files_used > N_FILES * 0.3
    assert n_plain > n_rows / 3 > N_FILES / 3


def test_the_same_accidents_shift_columns_for_a_lenient_reader() -> None:
    """The test above can fail: the standard library's reader of rows by name mixes people and documents."""
    chance = random.Random(22)
    n_shifted = 0
    for _ in range(N_FILES):
        lines, pairs = _original(chance)
        text = _mutated(chance, lines)
        for row in csv.DictReader(io.StringIO(text, newline=""), delimiter=";"):
            number, file = row.get("modtager"), row.get("fil")
            n_shifted += number in pairs and file in pairs.values() and pairs[number] != file
    assert n_shifted > 0
