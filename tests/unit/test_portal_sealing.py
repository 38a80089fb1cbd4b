"""A parcel opens with the portal's key and the link's secret together, and with nothing less."""

from __future__ import annotations

import os
import pickle

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from routing.portal.keys import Secret, make_key, read_key
from routing.portal.links import LinkToken, make_token, parse_token
from routing.portal.reply_box import Reply, ReplyFile, open_reply, seal_reply
from routing.portal.sealing import CHUNK_BYTES, Envelope, Paper, Person, new_data_key, unwrap
from routing.portal.shared_secret import SharedSecret, hash_secret
from schemas.errors import BadInput, ConfigurationError

PARCEL = "a1" * 16
PERSON = Person("cpr", "0101010101", "a@b.example", "+4512345678", "", {"da": "hint"})
ENVELOPE = Envelope("En titel", "sag-1", (Paper(0, "brev.pdf", "application/pdf", 3, "ab" * 32),), PERSON)
SIZES = [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES]


@pytest.fixture
def portal() -> Secret:
    return Secret(os.urandom(32))


@pytest.fixture
def token() -> LinkToken:
    return LinkToken(os.urandom(32))


def test_an_envelope_comes_back_with_both_secrets(portal, token):
    key = new_data_key(PARCEL)
    wrapped, sealed = key.wrap(portal, token.secret), key.seal_envelope(ENVELOPE, b"terms")
    opened = unwrap(portal, token.secret, PARCEL, wrapped)
    assert opened.open_envelope(sealed, b"terms") == ENVELOPE
    with pytest.raises(ConfigurationError, match="unreadable"):
        opened.open_envelope(sealed, b"other terms")


def test_neither_secret_alone_nor_another_parcel_opens_anything(portal, token):
    wrapped = new_data_key(PARCEL).wrap(portal, token.secret)
    wrong = [
        (Secret(os.urandom(32)), token.secret, PARCEL),
        (portal, os.urandom(32), PARCEL),
        (portal, token.locator, PARCEL),
        (portal, token.secret, "b2" * 16),
    ]
    for one in wrong:
        with pytest.raises(ConfigurationError, match="unreadable"):
            unwrap(*one, wrapped)


@pytest.mark.parametrize("size", SIZES)
def test_a_document_of_any_size_comes_back_byte_by_byte(size):
    data, key = os.urandom(size), new_data_key(PARCEL)
    assert b"".join(key.open_paper(0, key.seal_paper(0, data))) == data


def test_chunks_cut_moved_changed_or_of_another_document_do_not_open():
    key = new_data_key(PARCEL)
    chunks = list(key.seal_paper(0, os.urandom(3 * CHUNK_BYTES)))
    flipped = bytes([chunks[1][0] ^ 1]) + chunks[1][1:]
    for wrong in (
        chunks[:-1],
        chunks[1:],
        [chunks[1], chunks[0], chunks[2]],
        [chunks[0], flipped, chunks[2]],
        [*chunks, chunks[2]],
        [],
    ):
        with pytest.raises(ConfigurationError):
            list(key.open_paper(0, wrong))
    with pytest.raises(ConfigurationError):
        list(key.open_paper(1, chunks))


def test_a_link_is_the_same_for_the_same_message_and_another_for_every_other(portal):
    made = {make_token(portal, f"m{n}", generation).text for n in range(50) for generation in range(3)}
    assert len(made) == 150
    assert make_token(portal, "m1", 0).text == make_token(portal, "m1", 0).text
    assert make_token(Secret(os.urandom(32)), "m1", 0).text not in made


def test_a_token_has_256_bits_one_form_and_tells_nothing_when_printed(token):
    assert len(token.raw()) == 32
    back = parse_token(token.text)
    assert back is not None
    assert (back.locator, back.secret) == (token.locator, token.secret)
    assert token.locator != token.secret
    assert token.text not in f"{token!r} {token}"


@given(st.text(max_size=60))
def test_no_text_but_its_own_is_a_token(text):
    found = parse_token(text)
    assert found is None or found.text == text


@pytest.mark.parametrize("change", [lambda t: t[:-1], lambda t: t + "A", lambda t: t[:-1] + "B", str.upper])
def test_a_damaged_token_is_none_or_another(token, change):
    text = change(token.text)
    found = parse_token(text)
    assert found is None or text == token.text or found.locator != token.locator


def test_a_key_file_is_made_once_with_narrow_rights_and_damage_is_found(tmp_path):
    path = tmp_path / "keys" / "portal.key"
    assert make_key(path)
    assert not make_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_key(path).id == read_key(path).id
    path.chmod(0o640)
    with pytest.raises(ConfigurationError, match="open_to_others"):
        read_key(path)
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    with pytest.raises(ConfigurationError, match="damaged"):
        read_key(path)
    with pytest.raises(ConfigurationError, match="missing"):
        read_key(tmp_path / "none.key")


def test_keys_are_never_printed_or_pickled(portal):
    with pytest.raises(TypeError):
        pickle.dumps(portal)
    assert portal.derive("x").hex() not in repr(portal)


def _reply(n_bytes: int = 10) -> Reply:
    files = (
        ReplyFile("bilag.pdf", "application/pdf", os.urandom(n_bytes)),
        ReplyFile("b.txt", "text/plain", b""),
    )
    return Reply(
        "r1", "portal-1", "sag-7", "Tak for brevet. æøå", "2026-11-25T09:00:00+00:00", "mitid", files
    )


@pytest.mark.parametrize("size", SIZES)
def test_a_reply_opens_with_the_sources_own_key_alone(size):
    key, reply = X25519PrivateKey.generate(), _reply(size)
    sealed = seal_reply(key.public_key().public_bytes_raw(), reply)
    assert open_reply(key, sealed) == reply
    with pytest.raises(BadInput):
        open_reply(X25519PrivateKey.generate(), sealed)


def test_a_reply_damaged_anywhere_does_not_open():
    key = X25519PrivateKey.generate()
    sealed = seal_reply(key.public_key().public_bytes_raw(), _reply())
    for at in range(0, len(sealed), 7):
        damaged = sealed[:at] + bytes([sealed[at] ^ 0x41]) + sealed[at + 1 :]
        with pytest.raises(BadInput):
            open_reply(key, damaged)
    with pytest.raises(BadInput):
        open_reply(key, sealed[:-5])


def test_a_shared_secret_is_compared_without_case_and_blanks_and_hashed_with_argon2id():
    method, hashed = SharedSecret(), hash_secret("Gulerod 17")
    told = Person("cpr", "1", "", secret_hash=hashed)
    assert hashed.startswith("$argon2id$")
    assert hashed != hash_secret("Gulerod 17")
    assert method.matches(told, "  gulerod   17 ")
    assert not method.matches(told, "gulerod 18")
    assert not method.matches(Person("cpr", "1", ""), "gulerod 17")
    assert not method.possible(Person("cpr", "1", ""), "confidential")
    assert not method.plausible("   ") and not method.plausible("abc") and not method.plausible("a" * 999)
