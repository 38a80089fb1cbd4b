"""The simulators of broker and gateway as a process of their own, as an operator rehearses with them."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import urllib.request
from datetime import UTC, datetime

import pytest

from eboks.simulator import person
from routing.portal.keys import read_key
from routing.portal.proofs_by_others import proofs_by_others
from routing.portal.simulator import SimulatedGateway, serve
from schemas.errors import ConfigurationError
from schemas.portal_proof_settings import PortalMitId, PortalSms
from tests.rigs.outsiders import sign_in
from tests.rigs.portal_sites import Visitor, site_of
from tests.rigs.portals import TITLE, Clock, PortalBench
from tests.rigs.source import ROOT


def test_a_rehearsal_goes_in_by_mitid_and_by_sms(tmp_path):
    bench = PortalBench(tmp_path / "portal", clock=Clock(datetime.now(UTC)))
    persons = tmp_path / "persons.json"
    number = person("valid").number
    persons.write_text(json.dumps([{"label": "Anna", "claims": {"dk.cpr": number}, "number": number}]))
    command = [sys.executable, "-m", "routing.portal.simulator", "--folder", tmp_path / "outside"]
    with subprocess.Popen([*command, "--persons", persons], stdout=subprocess.PIPE, cwd=ROOT) as process:
        try:
            told = json.loads(process.stdout.readline())
            change = {"mitid": PortalMitId(**told["mitid"]), "sms": PortalSms(**told["sms"])}
            channel = bench.settings.model_copy(update=change)
            methods = proofs_by_others(channel, bench.store, read_key(channel.key), simulated=True)
            visitor = Visitor(bench, site_of(bench, methods=methods))
            bench.send(bench.consignment(material="mitid"))
            visitor.get(f"/b/{bench.token()}")
            away = visitor.submit("/videre").headers["location"]
            assert visitor.get(sign_in(away, None)).status_code == 303
            assert TITLE in visitor.follow().text
            visitor.get(f"/b/{bench.token()}")
            visitor.submit("/send")
            visitor.follow()
            with urllib.request.urlopen(told["phone"]) as phone:
                shown = phone.read().decode()
                assert phone.headers["X-Brevdue-Simulator"] == "1"
            assert "Øvelse: intet på denne side er rigtigt." in shown
            code = shown.split("<pre>")[1][:6]
            assert visitor.submit("/bevis", answer=code).status_code == 303
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
    bench.close()


def test_persons_that_can_not_be_read_are_told_without_what_is_in_them(tmp_path):
    persons = tmp_path / "persons.json"
    persons.write_text(json.dumps([{"label": 7, "number": person("valid").number}]))
    command = [sys.executable, "-m", "routing.portal.simulator", "--folder", tmp_path, "--persons", persons]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "simulator.bad_config\n")


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "portal.example"])
def test_a_simulator_listens_on_this_machine_alone(host):
    with pytest.raises(ConfigurationError, match=r"^simulator.not_loopback$"):
        asyncio.run(serve(SimulatedGateway("t").app(), host=host))
