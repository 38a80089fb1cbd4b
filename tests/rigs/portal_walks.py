"""A served portal for a real browser, and what every walk through it begins with.

Relies on `portals`, `portal_sites` and `browsers`. One portal serves all tests of a module; each letter is
another one, so that no test meets another's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest

from routing.portal.parcels import Parcel
from schemas.catalogue import Language
from tests.rigs.browsers import Scheme, Walk
from tests.rigs.portal_sites import served
from tests.rigs.portals import TITLE, Clock, PortalBench, code_in

LOCALES = {"da": "da-DK", "en": "en-GB"}
PHONE = {"viewport": {"width": 320, "height": 640}, "is_mobile": True, "has_touch": True}


@dataclass
class OpenPortal:
    """A served portal and its address."""

    bench: PortalBench
    url: str
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def send(self, material: str = "brev", **change: Any) -> tuple[Parcel, str]:
        """Sends a letter; returns its parcel and its link."""
        letter = self.bench.consignment(next(self.numbers), material, **change)
        return self.bench.send(letter), f"{self.url}/b/{self.bench.token()}"

    def letter(self, material: str = "brev", **change: Any) -> str:
        """Sends a letter and returns its link."""
        return self.send(material, **change)[1]

    def code(self) -> str:
        return code_in(self.bench.mail()[-1])


@pytest.fixture(scope="module")
def open_portal(tmp_path_factory) -> Iterator[OpenPortal]:
    """Gives a served portal for the tests of one module."""
    bench = PortalBench(tmp_path_factory.mktemp("portal") / "portal")
    with served(bench) as url:
        yield OpenPortal(bench, url)
    bench.close()


def walk_of(browser: Any, name: str, language: Language, **options: Any) -> Walk:
    """Returns a person with a browser of this language. The dark is the same in every language."""
    schemes: tuple[Scheme, ...] = ("light", "dark") if language == "da" else ("light",)
    return Walk(browser, f"{name}-{language}", {"locale": LOCALES[language], **options}, schemes=schemes)


def walk_in(walk: Walk, portal: OpenPortal, t: Callable[..., str], link: str) -> None:
    """Goes in by a code from the mail, the shortest way."""
    walk.page.goto(link)
    walk.button(t("mail_code_do"))
    walk.page.get_by_label(t("code_label")).fill(portal.code())
    walk.button(t("code_do"))
    assert walk.heading() == TITLE


def wrong_old_right(walk: Walk, t: Callable[..., str], clock: Clock, sent: Callable[[], str]) -> None:
    """Types a wrong code, one that has grown too old, and the right one; stands where a code is typed."""
    code, field_ = sent(), walk.page.get_by_label(t("code_label"))
    for wait, typed in ((0, f"{(int(code) + 1) % 10**6:06}"), (11, code)):
        clock.move(minutes=wait)
        field_.fill(typed)
        walk.button(t("code_do"))
        assert walk.alert() == t("wrong")
        assert walk.page.title().startswith(t("error_title", heading=""))
    walk.look("wrong-code")
    walk.button(t("code_again"))
    walk.page.wait_for_url("**/kode?*")
    field_.fill(sent())
    walk.button(t("code_do"))


def until(walk: Walk, true: Callable[[], bool]) -> None:
    """Waits for something that only the browser knows of."""
    for _ in range(1200):
        if true():
            return
        walk.page.wait_for_timeout(50)
    raise AssertionError("it did not come")
