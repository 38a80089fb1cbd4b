"""The search for canaries finds each of them in every dress, and nothing where there is none."""

from __future__ import annotations

import base64
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.rigs.canaries import dresses, found_below, found_in

WORDS: dict[str, str | bytes] = {
    "number": "1408683994",
    "name": "Kanariefugl Ærø",
    "key": bytes(range(200, 232)),
}


def _hits(haystack: bytes) -> set[str]:
    return {hit.partition(" (")[0] for hit in found_in(haystack, dresses(WORDS))}


@pytest.mark.parametrize(
    ("haystack", "word"),
    [
        (b"cpr=1408683994&x", "number"),
        (b"CPR-nr. 140868-3994", "number"),
        (b"140868 3994", "number"),
        ("KANARIEFUGL ÆRØ".encode(), "name"),
        ("Kanariefugl Ærø".encode("cp1252"), "name"),
        ("Kanariefugl Ærø".encode("utf-16"), "name"),
        (quote("Kanariefugl Ærø").encode(), "name"),
        (b"\x00" + bytes(range(200, 232)), "key"),
        (bytes(range(200, 232)).hex().upper().encode(), "key"),
    ],
)
def test_each_dress_is_seen_through(haystack: bytes, word: str) -> None:
    assert _hits(haystack) == {word}


@pytest.mark.parametrize("n_before", range(7))
@pytest.mark.parametrize("n_behind", range(4))
def test_base64_is_seen_through_at_every_alignment(n_before: int, n_behind: int) -> None:
    for word, value in WORDS.items():
        raw = value.encode() if isinstance(value, str) else value
        assert _hits(base64.b64encode(b"x" * n_before + raw + b"y" * n_behind)) == {word}


@pytest.mark.parametrize(
    "haystack", [b"", b"140868-\xe2\x80\xa2", b"1408683993", b"kanarie", bytes(range(200))]
)
def test_what_is_masked_or_another_is_no_hit(haystack: bytes) -> None:
    assert _hits(haystack) == set()


def test_names_and_contents_are_searched_and_what_is_left_out_is_not(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "1408683994.txt").write_text("140868-3994", encoding="utf-8")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.txt").write_text("140868-3994", encoding="utf-8")
    hits = found_below(tmp_path, dresses(WORDS), [tmp_path / "out"])
    assert sorted(hits) == ["number (utf-8) in a name in in/", "number (with '-') in in/*.txt"]
    assert not any("3994" in hit for hit in hits)
