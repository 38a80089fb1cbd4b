"""A drop that is still being written is never read, two hundred times over; the whole one is."""

from __future__ import annotations

import os
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

from batch.drop_folder import find_sealed, prepare_folders
from schemas.settings import SourceSettings

QUIET = 30.0


def test_no_half_drop_is_found_at_any_moment_of_two_hundred_uploads(tmp_path: Path) -> None:
    chance = random.Random(20)
    prepare_folders(tmp_path)
    inbox = tmp_path / "ind"
    marked = SourceSettings(folder=tmp_path)
    quiet = SourceSettings(folder=tmp_path, seal="quiet", quiet_seconds=QUIET)

    def found(settings: SourceSettings, after: float) -> list[str]:
        at = datetime.now(UTC) + timedelta(seconds=after)
        return [drop.name for drop in find_sealed("loen", settings, now=lambda: at)]

    for number in range(200):
        folder = inbox / f"drop{number}"
        folder.mkdir()
        names = [*(f"{n}.pdf" for n in range(chance.randrange(1, 4))), "index.csv"]
        chance.shuffle(names)
        for name in names:
            with (folder / name).open("wb") as file:
                for _ in range(chance.randrange(1, 4)):
                    file.write(b"x" * 1000)
                    file.flush()
                    if chance.random() < 0.5:
                        os.utime(folder / name, (1_000_000_000, 1_000_000_000))
                    assert found(marked, QUIET * 2) == found(quiet, QUIET - 5) == []
        assert found(quiet, QUIET + 5) == [folder.name]
        (inbox / f"drop{number}.klar").touch()
        assert found(marked, 0) == [folder.name]
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
        (inbox / f"drop{number}.klar").unlink()
