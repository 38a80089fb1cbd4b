"""The keys of the house: made once, kept from others, never shown, and nothing opens out of its place."""

from __future__ import annotations

import copy
import os
import pickle
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from batch.vault import KEY_BYTES, Vault
from schemas.errors import ConfigurationError

DIGITS = "0101653999"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def vault(folder: Path) -> Vault:
    return Vault.create(folder)


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(ConfigurationError) as caught:
        call()
    return caught.value.code


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def test_keys_are_made_for_the_owner_alone(vault: Vault, folder: Path) -> None:
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert {path.name for path in folder.iterdir()} == {f"house-{vault.key_id}.key", "lookup.key", "seed.key"}
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_keys_are_never_replaced(vault: Vault, folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert code_of(lambda: Vault.create(folder)) == "keys.exist"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_an_empty_folder_is_taken_over_with_a_strict_mode(folder: Path) -> None:
    folder.mkdir(mode=0o755)
    Vault.create(folder)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_file_in_the_way_is_left_alone(folder: Path) -> None:
    folder.write_text("mine")
    assert code_of(lambda: Vault.create(folder)) == "keys.exist"
    assert folder.read_text() == "mine"


def test_opened_again_the_keys_are_the_same(vault: Vault, folder: Path) -> None:
    again = Vault.open(folder)
    assert again.unseal(vault.seal(b"plain", "a", "b"), "a", "b") == b"plain"
    assert again.recipient_key("house", DIGITS) == vault.recipient_key("house", DIGITS)
    assert again.seed("house", "s", "f", 2) == vault.seed("house", "s", "f", 2)


def test_missing_folder_and_missing_files_are_told(folder: Path) -> None:
    assert code_of(lambda: Vault.open(folder)) == "keys.missing"
    Vault.create(folder)
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        path.unlink()
        assert code_of(lambda: Vault.open(folder)) == "keys.missing"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        os.write(descriptor, content)
        os.close(descriptor)
    Vault.open(folder)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601])
def test_a_key_file_open_to_others_is_refused(vault: Vault, folder: Path, mode: int) -> None:
    for path in folder.iterdir():
        path.chmod(mode)
        assert code_of(lambda: Vault.open(folder)) == "keys.open_to_others"
        path.chmod(0o600)
    Vault.open(folder)


def test_a_folder_open_to_others_is_refused(vault: Vault, folder: Path) -> None:
    folder.chmod(0o750)
    assert code_of(lambda: Vault.open(folder)) == "keys.open_to_others"


def test_a_damaged_key_file_is_found_on_opening(vault: Vault, folder: Path) -> None:
    for path in folder.iterdir():
        good = path.read_bytes()
        for bad in (b"", good[:-1], good + b"x", *(flipped(good, place) for place in range(len(good)))):
            path.write_bytes(bad)
            assert code_of(lambda: Vault.open(folder)) == "keys.damaged"
        path.write_bytes(good)


def test_exchanged_key_files_are_found(vault: Vault, folder: Path) -> None:
    (folder / "lookup.key").rename(folder / "x")
    (folder / "seed.key").rename(folder / "lookup.key")
    (folder / "x").rename(folder / "seed.key")
    assert code_of(lambda: Vault.open(folder)) == "keys.damaged"


def test_a_pipe_under_a_keys_name_does_not_hang(vault: Vault, folder: Path) -> None:
    (folder / "seed.key").unlink()
    os.mkfifo(folder / "seed.key", 0o600)
    assert code_of(lambda: Vault.open(folder)) == "keys.damaged"


def test_what_an_older_house_key_sealed_stays_readable(vault: Vault, folder: Path, tmp_path: Path) -> None:
    sealed, wrapped = vault.seal(b"old", "a"), vault.wrap(b"k" * 32, "a")
    newer = {vault.key_id: b"\x01" * KEY_BYTES, "0002deadbeef": b"\x02" * KEY_BYTES}
    both = Vault(newer, b"l" * KEY_BYTES, b"s" * KEY_BYTES)
    assert both.key_id == "0002deadbeef"
    assert code_of(lambda: vault.unseal(both.seal(b"x", "a"), "a")) == "keys.unknown"
    assert code_of(lambda: vault.unwrap(both.wrap(b"k" * 32, "a"), both.key_id, "a")) == "keys.unknown"
    older = Vault({vault.key_id: b"\x01" * KEY_BYTES}, b"l" * KEY_BYTES, b"s" * KEY_BYTES)
    assert both.unseal(older.seal(b"old", "a"), "a") == b"old"
    assert both.unwrap(older.wrap(b"k" * 32, "a"), older.key_id, "a") == b"k" * 32
    assert code_of(lambda: both.unseal(sealed, "a")) == "keys.unreadable"
    assert code_of(lambda: both.unwrap(wrapped, vault.key_id, "a")) == "keys.unreadable"


def test_a_flipped_byte_anywhere_never_opens(vault: Vault) -> None:
    sealed, wrapped = vault.seal(b"plain", "a"), vault.wrap(b"k" * 32, "a")
    for place in range(len(sealed)):
        bad = flipped(sealed, place)
        assert code_of(partial(vault.unseal, bad, "a")) in ("keys.unreadable", "keys.unknown")
    for place in range(len(wrapped)):
        bad = flipped(wrapped, place)
        assert code_of(partial(vault.unwrap, bad, vault.key_id, "a")) == "keys.unreadable"


def test_a_cut_or_empty_value_never_opens(vault: Vault) -> None:
    sealed, wrapped = vault.seal(b"", "a"), vault.wrap(b"k" * 32, "a")
    for length in range(len(sealed)):
        assert code_of(partial(vault.unseal, sealed[:length], "a")) == "keys.unreadable"
    for length in range(len(wrapped)):
        assert code_of(partial(vault.unwrap, wrapped[:length], vault.key_id, "a")) == "keys.unreadable"


@pytest.mark.parametrize(
    "context", [(), ("a",), ("ab", ""), ("", "ab"), ("b", "a"), ("a", "b", ""), ("a|b",)]
)
def test_a_value_opens_only_in_its_own_context(vault: Vault, context: tuple[str, ...]) -> None:
    sealed, wrapped = vault.seal(b"plain", "a", "b"), vault.wrap(b"k" * 32, "a", "b")
    assert code_of(lambda: vault.unseal(sealed, *context)) == "keys.unreadable"
    assert code_of(lambda: vault.unwrap(wrapped, vault.key_id, *context)) == "keys.unreadable"


def test_a_sealed_value_never_passes_for_a_key(vault: Vault) -> None:
    wrapped = vault.wrap(b"k" * 32, "a")
    assert (
        code_of(lambda: vault.unseal(b"\x01" + vault.key_id.encode() + wrapped[1:], "a")) == "keys.unreadable"
    )


def test_the_same_value_is_never_sealed_twice_alike(vault: Vault) -> None:
    assert len({vault.seal(b"plain", "a") for _ in range(50)}) == 50


def test_look_up_keys_tell_tenants_purposes_and_houses_apart(vault: Vault, tmp_path: Path) -> None:
    other = Vault.create(tmp_path / "other")
    keys = {
        vault.recipient_key("house", DIGITS),
        vault.recipient_key("house2", DIGITS),
        vault.recipient_key("house", DIGITS[:-1]),
        other.recipient_key("house", DIGITS),
        vault.content_key("house", DIGITS, "m", ["h1", "h2"]),
        vault.content_key("house", DIGITS, "m", ["h2", "h1"]),
        vault.content_key("house", DIGITS, "mh1", ["h2"]),
        vault.content_key("house", DIGITS, "m", []),
    }
    assert len(keys) == 8
    assert {len(key) for key in keys} == {64}
    assert not any(DIGITS in key for key in keys)


def test_a_seed_is_the_same_for_the_same_line_and_no_other(vault: Vault) -> None:
    seeds = {vault.seed("t", "s", "f", line) for line in range(2, 1002)} | {vault.seed("t", "s2", "f", 2)}
    assert len(seeds) == 1001
    assert all(len(seed) == 32 and int(seed, 16) >= 0 for seed in seeds)
    assert vault.seed("t", "s", "f", 2) in seeds


def test_keys_can_not_be_printed_copied_or_pickled(vault: Vault, folder: Path) -> None:
    keys = [path.read_bytes()[:KEY_BYTES] for path in folder.iterdir()]
    shown = [repr(vault), str(vault), f"{vault!r:>80}", repr(vault.__class__.__slots__)]
    shown += [repr(getattr(vault, name)) for name in Vault.__slots__]
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy, vars):
        with pytest.raises(TypeError) as caught:
            attempt(vault)
        shown.append("".join(traceback.format_exception(caught.value)))
    plain = os.urandom(8).hex()
    with pytest.raises(ConfigurationError) as refused:
        vault.unseal(vault.seal(plain.encode(), "a"), "b")
    shown.append("".join(traceback.format_exception(refused.value)) + repr(refused.value))
    for key in keys:
        for form in (key.hex(), repr(key)[2:-1], str(list(key)), str(int.from_bytes(key, "big"))):
            assert not any(form in text for text in shown)
    assert vault.key_id in repr(vault)
    assert not any(plain in text for text in shown)
