"""A real browser shows the report: on a phone, at a desk, in the dark and on paper."""

from __future__ import annotations

from pathlib import Path

import pytest

from batch.records import WarningLine
from batch.reports import write_answers
from schemas.states import State
from tests.rigs.answer_lines import BATCH, line_result, standing_batch, written_at
from tests.rigs.chromium import Chromium

LONG = "x" * 200


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    lines = [
        line_result(
            n,
            status,
            code="identity.bad_date" if status == "failed" else "",
            reference=f"{LONG} 0101653999",
            column=LONG,
            channel=f"kanal_{LONG[:34]}",
        )
        for n, status in enumerate([*(state.value for state in State), "rejected"], start=2)
    ]
    remarks = [WarningLine(0, f"drop.{LONG}", {}, LONG)]
    source = standing_batch(lines, remarks, name=LONG, control_total=5, held_code="identity.bad_format")
    folder = write_answers(
        tmp_path_factory.mktemp("page"), source, BATCH, language="da", simulated=True, now=written_at
    )
    return folder / "rapport.html"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [320, 360, 768, 1200])
def test_nothing_reaches_past_the_edge_of_the_screen(
    chromium: Chromium, page: Path, width: int, dark: bool
) -> None:
    chromium.show(page, width=width, dark=dark)
    assert chromium.ask("document.documentElement.scrollWidth") <= width


def test_the_page_loads_nothing_but_itself_and_breaks_no_rule_of_its_own(
    chromium: Chromium, page: Path
) -> None:
    chromium.show(page, width=800)
    sent = [event for event in chromium.events if event.get("method") == "Network.requestWillBeSent"]
    assert [event["params"]["request"]["url"] for event in sent] == [page.as_uri()]
    said = [event for event in chromium.events if event.get("method") in ("Log.entryAdded",)]
    assert [event["params"]["entry"]["text"] for event in said] == []
    assert chromium.ask("getComputedStyle(document.querySelector('.bar')).display") == "grid"


# The relative luminance of WCAG 2.2, of the text and of the nearest ground behind it.
CONTRAST = """
(() => {
  const light = c => { const [r, g, b] = c.match(/[\\d.]+/g).map(v => v / 255)
      .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b };
  const ground = e => { for (; e; e = e.parentElement) {
    const c = getComputedStyle(e).backgroundColor; if (!/, 0\\)$/.test(c)) return c }
    return 'rgb(255, 255, 255)' };
  return Math.min(...[...document.querySelectorAll('main *')].filter(e => [...e.childNodes]
    .some(n => n.nodeType === 3 && n.data.trim())).map(e => {
      const [a, b] = [light(getComputedStyle(e).color), light(ground(e))].sort((x, y) => y - x);
      return (a + 0.05) / (b + 0.05) })) })()
"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_text_stands_out_from_its_ground(chromium: Chromium, page: Path, dark: bool) -> None:
    chromium.show(page, width=1000, dark=dark)
    assert chromium.ask(CONTRAST) >= 4.5


def test_light_and_dark_are_two_pages_and_paper_is_always_white(chromium: Chromium, page: Path) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    chromium.show(page, width=800)
    light = chromium.ask(ground)
    chromium.show(page, width=800, dark=True)
    assert chromium.ask(ground) != light
    chromium.show(page, width=800, dark=True, paper=True)
    assert chromium.ask(ground) == "rgb(255, 255, 255)"
    assert chromium.ask("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"


@pytest.mark.parametrize("width", [360, 1200])
def test_a_screen_reader_finds_tables_and_named_bars_at_every_width(
    chromium: Chromium, page: Path, width: int
) -> None:
    chromium.show(page, width=width)
    nodes = chromium.call("Accessibility.getFullAXTree")["nodes"]
    roles = [node["role"]["value"] for node in nodes if not node["ignored"]]
    assert roles.count("table") == 2
    assert roles.count("columnheader") == 9
    bars = [node for node in nodes if node["role"]["value"] in ("image", "img")]
    assert len(bars) >= 9
    assert all(node["name"]["value"] for node in bars)
