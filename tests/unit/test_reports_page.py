"""rapport.html says in words what became of the batch, and shows itself without help from outside."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import pytest

from batch.records import LineResult, WarningLine
from batch.reports import write_answers, write_refusal
from batch.reports.page_words import readable_number, readable_share
from batch.reports.tally import LONGEST_LIST
from schemas.catalogue import Language, family
from schemas.consignments import Rejection
from tests.rigs.answer_lines import BATCH, StandingBatch, line_result, standing_batch, written_at


class _Page(HTMLParser):
    """Collects a page's tags with their attributes, and the text a reader sees."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.seen: list[str] = []
        self._hidden = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._hidden = tag if tag in ("style", "script", "title") else ""

    def handle_data(self, data: str) -> None:
        if not self._hidden and data.strip():
            self.seen.append(data.strip())

    def handle_endtag(self, tag: str) -> None:
        self._hidden = ""

    @property
    def text(self) -> str:
        return " ".join(self.seen)


def _raw(folder: Path, source: StandingBatch, *, language: Language = "da", simulated: bool = False) -> str:
    answers = write_answers(folder, source, BATCH, language=language, simulated=simulated, now=written_at)
    return (answers / "rapport.html").read_text(encoding="utf-8")


def _page(folder: Path, lines: list[LineResult], **changed: object) -> _Page:
    return _Page(_raw(folder, standing_batch(lines, **changed)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("statuses", "headline"),
    [
        (["delivered"] * 3, "Alle 3 linjer er leveret"),
        (["delivered"], "Den ene linje er leveret"),
        (["delivered", "accepted", "ready"], "2 linjer er undervejs"),
        (["delivered", "in_doubt"], "1 linje skal ses efter"),
        (["failed", "rejected", "held"], "3 linjer skal ses efter"),
        (["delivered", "cancelled"], "Masseforsendelsen er afsluttet"),
        ([], "Masseforsendelsen er afsluttet"),
    ],
)
def test_the_headline_brings_the_worst_news(tmp_path: Path, statuses: list[str], headline: str) -> None:
    lines = [line_result(n, status) for n, status in enumerate(statuses, start=2)]
    assert f"<h1>{headline}</h1>" in _raw(tmp_path, standing_batch(lines))


def test_every_bar_says_in_words_what_it_shows(tmp_path: Path) -> None:
    lines = [line_result(2), line_result(3), line_result(4, "rejected"), line_result(5, channel="ny")]
    bars = [attributes for tag, attributes in _page(tmp_path, lines).tags if tag == "svg"]
    assert all(bar["role"] == "img" for bar in bars)
    assert [bar["aria-label"] for bar in bars] == [
        "Leveret: 3 af 4 linjer, 75,0 %",
        "Afvist: 1 af 4 linjer, 25,0 %",
        "e-Boks: 2 leveret",
        "ny: 1 leveret",
    ]


@pytest.mark.parametrize("language", ["da", "en"])
def test_the_page_is_in_one_language_and_says_which(tmp_path: Path, language: Language) -> None:
    lines = [line_result(n, s) for n, s in enumerate(["delivered", "failed", "held", "rejected"], start=2)]
    raw = _raw(tmp_path, standing_batch(lines, control_total=4), language=language)
    assert f'<html lang="{language}">' in raw
    assert ("Summen stemmer" in raw) is (language == "da")
    assert ("The totals add up" in raw) is (language == "en")
    assert "ui.report" not in raw
    assert not re.search(r"\{\w+\}", _Page(raw).text)


def test_every_phrase_the_page_asks_for_is_written(tmp_path: Path) -> None:
    template = (files("batch.reports") / "templates" / "report.html").read_text(encoding="utf-8")
    calls = re.findall(r"\bt\(([^)]*)", template)
    asked = {key for call in calls for key in re.findall(r'"([a-z_]+\.[a-z_.]+|title)"', call)}
    assert len(asked) > 20
    assert {key for key in asked if f"ui.report.{key}" not in family("ui")} == set()


def test_the_page_asks_for_nothing_from_outside_and_runs_nothing(tmp_path: Path) -> None:
    raw = _raw(tmp_path, standing_batch([line_result(2, "failed")]), simulated=True)
    page = _Page(raw)
    names = {name for _, attributes in page.tags for name in attributes}
    assert not names & {"src", "href", "style", "srcset", "action", "data", "background"}
    assert not [name for name in names if name.startswith("on")]
    assert not {tag for tag, _ in page.tags} & {"script", "link", "img", "iframe", "object", "form"}
    assert "url(" not in raw and "@import" not in raw


def test_the_policy_lets_in_this_style_and_nothing_else(tmp_path: Path) -> None:
    raw = _raw(tmp_path, standing_batch([line_result(2)]))
    (style,) = re.findall(r"<style>(.*?)</style>", raw, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', raw)
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';".replace("'", "'"))
    assert "unsafe" not in policy


def test_a_senders_text_is_shown_as_text_and_never_as_a_tag(tmp_path: Path) -> None:
    evil = '"><script>alert(1)</script>'
    lines = [line_result(2, "held", reference=evil, column=evil, channel=evil, code=evil)]
    raw = _raw(tmp_path, standing_batch(lines, name=evil))
    assert "<script" not in raw
    assert _Page(raw).text.count(evil) >= 4


def test_a_simulated_batch_says_so_at_the_top(tmp_path: Path) -> None:
    source = standing_batch([line_result(2)])
    assert _Page(_raw(tmp_path, source, simulated=True)).seen[0] == "SIMULERET"
    assert "SIMULERET" not in _raw(tmp_path, source)


def test_a_simulated_line_in_a_live_house_is_no_proof_that_nobody_got_anything(tmp_path: Path) -> None:
    page = _page(tmp_path, [line_result(2), line_result(3, simulated=True)])
    assert page.seen[0] == "SIMULERET"
    assert "Mindst én forsendelse gik til en simulator" in page.text
    assert "Ingen modtager har fået noget" not in page.text


def test_a_held_batch_says_why_and_what_to_do(tmp_path: Path) -> None:
    page = _page(tmp_path, [line_result(2, "held")], held_code="identity.bad_format")
    assert "Masseforsendelsen er tilbageholdt" in page.seen
    assert "Hele masseforsendelsen venter" in page.seen
    assert page.seen.count("identity.bad_format") == 1


def test_the_error_list_is_cut_where_it_grows_long_and_says_where_the_rest_is(tmp_path: Path) -> None:
    lines = [line_result(n, "failed") for n in range(2, LONGEST_LIST + 102)]
    page = _page(tmp_path, lines)
    assert len([tag for tag, a in page.tags if tag == "tr"]) == LONGEST_LIST + 1
    assert f"de første {LONGEST_LIST} af {LONGEST_LIST + 100} linjer" in page.text
    assert "fejlliste.csv" in page.text


def test_warnings_are_told_apart_from_faults_and_all_counted(tmp_path: Path) -> None:
    remarks = [WarningLine(n, "identity.replacement", {}, "modtager") for n in range(LONGEST_LIST + 2)]
    page = _Page(_raw(tmp_path, standing_batch([line_result(2)], remarks)))
    assert "Der er ingen linjer på fejllisten." in page.seen
    assert f"de første {LONGEST_LIST} af {LONGEST_LIST + 2} advarsler" in page.text
    assert "hele uddata" in page.seen


def test_a_refused_drop_says_that_nothing_was_sent_and_why(tmp_path: Path) -> None:
    answers = write_refusal(
        tmp_path,
        batch_id=BATCH,
        source="loen",
        rejections=[Rejection(0, "identity.bad_format")],
        language="da",
        now=written_at,
    )
    page = _Page((answers / "rapport.html").read_text(encoding="utf-8"))
    assert "Uddata blev afvist, og intet er sendt" in page.seen
    assert "hele uddata" in page.seen
    assert "identity.bad_format" in page.seen
    assert "Summen" not in page.text


@pytest.mark.parametrize(
    ("n", "n_all", "share"),
    [
        (0, 10, "0 %"),
        (10, 10, "100 %"),
        (1, 3, "33,3 %"),
        (49_999, 50_000, "99,9 %"),
        (1, 50_000, "0,1 %"),
        (1, 0, ""),
    ],
)
def test_only_none_is_nothing_and_only_all_is_everything(n: int, n_all: int, share: str) -> None:
    assert readable_share(n, n_all, "da") == share


def test_thousands_are_set_apart_as_each_language_does() -> None:
    assert readable_number(1234567, "da") == "1.234.567"
    assert readable_number(1234567, "en") == "1,234,567"
