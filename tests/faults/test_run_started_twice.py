"""Two `brevdue run` on one house: the second refuses, says who runs, and the first does not notice."""

from __future__ import annotations

import json
import signal

from tests.rigs.houses import FoundHouse
from tests.rigs.services import QUICK, running

pytest_plugins = ["tests.rigs.houses"]


def test_the_second_refuses_and_names_the_first(found_house: FoundHouse) -> None:
    house = found_house(house=QUICK)
    with running(house) as first:
        first.wait_for("run.started")
        second = house.brevdue("run")
        said = json.loads(second.err.splitlines()[-1])
        assert (second.code, said["error"]) == (2, "run.already_running")
        assert said["params"]["pid"] == first.process.pid
        first.wait_for("run.refused")
        assert first.stop().code == 0


def test_after_a_kill_the_house_is_free_again(found_house: FoundHouse) -> None:
    house = found_house(house=QUICK)
    with running(house) as first:
        first.wait_for("run.started")
        first.tell(signal.SIGKILL)
        first.ended()
    with running(house) as second:
        second.wait_for("run.started", 2)
        assert second.stop().code == 0
