"""An operator's rehearsal of every way: the template without its marks, init, simulate, check, and a drop."""

from __future__ import annotations

import json
import signal
from importlib.resources import files
from pathlib import Path

from jobs.cli import run
from jobs.settings_file import read_settings
from routing.simulator.received import read_record
from tests.rigs.houses import HouseOnDisk
from tests.rigs.mail_simulator import numbers
from tests.rigs.pdfs import plain_pdf
from tests.rigs.ports import free_port

ROUTE = 'channels = ["tls", "eboks"]\nprotections = ["mailbox", "transport"]'


def written(folder: Path) -> Path:
    """Writes the template with the channels by mail, on free ports."""
    text = (
        (files("jobs") / "template.toml").read_text(encoding="utf-8").replace("#: ", "").replace("#:\n", "\n")
    )
    for fixed in ("127.0.0.1:8443", "127.0.0.1:8053", "port = 8025"):
        text = text.replace(fixed, f"{fixed[:-4]}{free_port()}")
    path = folder / "brevdue.toml"
    path.write_text(text.replace('channels = ["eboks"]', ROUTE), encoding="utf-8")
    return path


def test_what_init_writes_works_with_simulate(tmp_path: Path) -> None:
    path = written(tmp_path)
    assert run(["--json", "--settings", str(path), "init"]) == 0
    house = HouseOnDisk(path, read_settings(path), None)  # type: ignore[arg-type]
    simulating = house.start("simulate")
    try:
        told = json.loads(simulating.stdout.readline())
        assert told["url"] and told["dns"] and told["smtp_port"]
        assert house.brevdue("check").code == 0
        folder = house.inbox / "november"
        folder.mkdir()
        (folder / "1.pdf").write_bytes(plain_pdf())
        row = f"{numbers(1)[0]};1.pdf;1;hans@firma.example"
        (folder / "index.csv").write_text(f"modtager;fil;reference;email\n{row}\n", encoding="utf-8")
        (house.inbox / "november.klar").touch()
        house.brevdue("pull")
        house.brevdue("dispatch")
        (mail,) = read_record(house.settings.house.data / "simulator" / "mail")
        assert (mail["recipients"], mail["under_tls"]) == (["hans@firma.example"], True)
        assert house.states() == {"delivered": 1}
    finally:
        simulating.send_signal(signal.SIGTERM)
        _, err = simulating.communicate(timeout=60)
    assert (simulating.returncode, err) == (0, "")
