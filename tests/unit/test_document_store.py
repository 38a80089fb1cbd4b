"""Documents at rest: encrypted, each opening only as itself, whole or not at all."""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest

from batch.document_store import DocumentStore, PackWriter
from batch.vault import Vault
from schemas.consignments import Consignment, ContentRef, Document, Recipient
from schemas.errors import ConfigurationError, ServiceDown
from schemas.identity import Cpr

PACK = "loen/20261124-010203-abcdef.pack"
OWNER = "20261124-010203-abcdef-00002"


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault.create(tmp_path / "keys")


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    folder = tmp_path / "arkiv"
    folder.mkdir()
    return folder


@pytest.fixture
def path(archive: Path) -> Path:
    return archive / PACK.split("/")[1]


@pytest.fixture
def store(vault: Vault, archive: Path) -> DocumentStore:
    return DocumentStore(vault, "house", {"loen": archive})


def write(
    vault: Vault, path: Path, *entries: tuple[str, str, bytes], tenant: str = "house"
) -> list[ContentRef]:
    with PackWriter(vault, tenant, path, PACK) as writer:
        refs = [writer.add(*entry) for entry in entries]
        writer.finish()
    return refs


def consignment(data: bytes, ref: ContentRef, owner: str = OWNER, name: str = "a.pdf") -> Consignment:
    document = Document(0, name, "application/pdf", "pdf", len(data), sha256(data).hexdigest(), ref)
    number = Cpr.parse("1408683994", date(2026, 11, 24))
    return Consignment(
        owner,
        owner[:-6],
        "loen",
        2,
        "loenseddel",
        Recipient(number),
        "Lønseddel",
        (document,),
        "0" * 32,
        ("eboks",),
    )


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(ConfigurationError) as caught:
        call()
    assert not caught.value.params
    return caught.value.code


def test_documents_come_back_as_they_were(vault: Vault, store: DocumentStore, path: Path) -> None:
    documents = [os.urandom(random.randrange(0, 100_000)) for _ in range(30)] + [b"", b"x"]
    owners = [f"20261124-010203-abcdef-{line:05d}" for line in range(2, 34)]
    entries = [(owner, "a.pdf", data) for owner, data in zip(owners, documents, strict=True)]
    refs = write(vault, path, *entries)
    for owner, data, ref in zip(owners, documents, refs, strict=True):
        sent = consignment(data, ref, owner)
        assert store.read(sent, sent.documents[0]) == data


def test_nothing_readable_is_on_disk(vault: Vault, path: Path) -> None:
    secret = b"CPR-nr. 140868-3994 Test Testesen" * 50
    write(vault, path, (OWNER, "Testesen.pdf", secret))
    at_rest = path.read_bytes()
    assert not any(word in at_rest for word in (b"CPR", b"140868", b"Testesen", OWNER.encode()))
    assert path.stat().st_mode & 0o777 == 0o600


def test_every_document_has_a_key_of_its_own(vault: Vault, path: Path) -> None:
    refs = write(vault, path, *[(OWNER, "a.pdf", b"the same")] * 20)
    keys = {vault.unwrap(ref.wrapped_key, ref.key_id, "house", OWNER, "a.pdf") for ref in refs}
    assert len(keys) == 20
    assert len({path.read_bytes()[ref.offset : ref.offset + ref.length] for ref in refs}) == 20


def test_a_flipped_byte_anywhere_never_opens(vault: Vault, store: DocumentStore, path: Path) -> None:
    data = b"%PDF-1.7 lon"
    (ref,) = write(vault, path, (OWNER, "a.pdf", data))
    good = path.read_bytes()
    for place in range(len(good)):
        path.write_bytes(good[:place] + bytes([good[place] ^ 0x10]) + good[place + 1 :])
        assert code_of(lambda: store.read_kept(OWNER, "a.pdf", ref)) == "store.damaged"
    path.write_bytes(good)
    for place in range(len(ref.wrapped_key)):
        key = ref.wrapped_key
        bad = replace(ref, wrapped_key=key[:place] + bytes([key[place] ^ 1]) + key[place + 1 :])
        assert code_of(partial(store.read_kept, OWNER, "a.pdf", bad)) == "store.damaged"
    assert store.read_kept(OWNER, "a.pdf", ref) == data


def test_a_document_never_opens_as_anothers(vault: Vault, archive: Path, path: Path) -> None:
    store = DocumentStore(vault, "house", {"loen": archive})
    other = f"{OWNER[:-1]}3"
    one, two = write(vault, path, (OWNER, "a.pdf", b"one"), (other, "a.pdf", b"two"))
    swaps = [
        (OWNER, "a.pdf", two),
        (other, "a.pdf", one),
        (OWNER, "b.pdf", one),
        (OWNER, "a.pdf", replace(one, offset=two.offset)),
        (OWNER, "a.pdf", replace(two, wrapped_key=one.wrapped_key)),
        (OWNER, "a.pdf", replace(one, wrapped_key=two.wrapped_key)),
        (OWNER + "a", ".pdf", one),
    ]
    for owner, name, ref in swaps:
        assert code_of(partial(store.read_kept, owner, name, ref)) == "store.damaged"
    stranger = DocumentStore(vault, "other_house", {"loen": archive})
    assert code_of(lambda: stranger.read_kept(OWNER, "a.pdf", one)) == "store.damaged"


def test_a_blob_put_in_anothers_place_never_opens(vault: Vault, store: DocumentStore, path: Path) -> None:
    one, two = write(vault, path, (OWNER, "a.pdf", b"one"), (OWNER, "b.pdf", b"two"))
    at_rest = bytearray(path.read_bytes())
    first, second = slice(one.offset, one.offset + one.length), slice(two.offset, two.offset + two.length)
    at_rest[first], at_rest[second] = at_rest[second], at_rest[first]
    path.write_bytes(at_rest)
    assert code_of(lambda: store.read_kept(OWNER, "a.pdf", one)) == "store.damaged"
    assert code_of(lambda: store.read_kept(OWNER, "b.pdf", two)) == "store.damaged"


def test_the_digest_of_the_ledger_is_checked_too(vault: Vault, store: DocumentStore, path: Path) -> None:
    (ref,) = write(vault, path, (OWNER, "a.pdf", b"one"))
    sent = consignment(b"two", ref)
    assert code_of(lambda: store.read(sent, sent.documents[0])) == "store.damaged"


@pytest.mark.parametrize(
    "pack",
    ["other/a.pack", "loen/none.pack", "loen/../keys", "loen/..", "loen/", "", "/etc/passwd", "loen/\x00"],
)
def test_no_other_file_is_ever_read(vault: Vault, store: DocumentStore, path: Path, pack: str) -> None:
    (ref,) = write(vault, path, (OWNER, "a.pdf", b"one"))
    assert code_of(lambda: store.read_kept(OWNER, "a.pdf", replace(ref, pack=pack))) == "store.missing"


def test_places_outside_the_pack_are_damage(vault: Vault, store: DocumentStore, path: Path) -> None:
    (ref,) = write(vault, path, (OWNER, "a.pdf", b"one"))
    for change in ({"offset": -1}, {"offset": 10**15}, {"length": 10**15}, {"length": 0}, {"length": -5}):
        bad = replace(ref, **change)  # type: ignore[arg-type]
        assert code_of(partial(store.read_kept, OWNER, "a.pdf", bad)) == "store.damaged"


def test_without_its_key_a_document_is_gone(vault: Vault, store: DocumentStore, path: Path) -> None:
    (ref,) = write(vault, path, (OWNER, "a.pdf", b"one"))
    assert code_of(lambda: store.read_kept(OWNER, "a.pdf", replace(ref, wrapped_key=b""))) == "store.missing"


def test_a_lost_house_key_is_told_apart_from_damage(vault: Vault, store: DocumentStore, path: Path) -> None:
    (ref,) = write(vault, path, (OWNER, "a.pdf", b"one"))
    bad = replace(ref, key_id="0009deadbeef")
    assert code_of(lambda: store.read_kept(OWNER, "a.pdf", bad)) == "keys.unknown"


def test_a_pack_appears_whole_or_not_at_all(vault: Vault, archive: Path, path: Path) -> None:
    writer = PackWriter(vault, "house", path, PACK)
    writer.add(OWNER, "a.pdf", b"x" * 3_000_000)
    assert not path.exists()
    writer.close()
    assert list(archive.iterdir()) == []


def test_after_a_crash_the_pack_starts_anew(vault: Vault, store: DocumentStore, path: Path) -> None:
    left = PackWriter(vault, "house", path, PACK)
    left.add(OWNER, "a.pdf", b"x" * 3_000_000)
    (ref,) = write(vault, path, (OWNER, "a.pdf", b"anew"))
    assert ref.offset == 0
    assert store.read_kept(OWNER, "a.pdf", ref) == b"anew"
    assert path.stat().st_size == ref.length
    left.close()
    assert store.read_kept(OWNER, "a.pdf", ref) == b"anew"


def test_a_finished_pack_takes_nothing_more(vault: Vault, path: Path) -> None:
    writer = PackWriter(vault, "house", path, PACK)
    writer.finish()
    with pytest.raises(ValueError, match="closed"):
        writer.add(OWNER, "a.pdf", b"late")


@contextmanager
def _largest_file(n_bytes: int) -> Iterator[None]:
    """No file of this process may grow beyond so many bytes: the disk is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


@pytest.mark.parametrize("n_bytes", [0, 100, 1_500_000])
def test_a_full_disk_is_told_and_leaves_no_pack(
    vault: Vault, archive: Path, path: Path, n_bytes: int
) -> None:
    with (
        _largest_file(n_bytes),
        pytest.raises(ServiceDown) as caught,
        PackWriter(vault, "house", path, PACK) as pack,
    ):
        for line in range(40):
            pack.add(f"{OWNER}{line}", "a.pdf", b"x" * 100_000)
        pack.finish()
    assert caught.value.code == "store.not_writable"
    assert list(archive.iterdir()) == []


def test_a_missing_archive_folder_is_told(vault: Vault, archive: Path, path: Path) -> None:
    shutil.rmtree(archive)
    with pytest.raises(ServiceDown):
        PackWriter(vault, "house", path, PACK)


def test_a_removed_pack_is_gone_at_once_and_twice_is_fine(
    vault: Vault, store: DocumentStore, path: Path
) -> None:
    (ref,) = write(vault, path, (OWNER, "a.pdf", b"one"))
    assert store.read_kept(OWNER, "a.pdf", ref) == b"one"
    store.remove_pack(PACK)
    store.remove_pack(PACK)
    assert not path.exists()
    assert code_of(lambda: store.read_kept(OWNER, "a.pdf", ref)) == "store.missing"


def test_many_threads_read_side_by_side(vault: Vault, store: DocumentStore, path: Path) -> None:
    documents = {f"{OWNER}{n}": os.urandom(20_000 + n) for n in range(40)}
    refs = write(vault, path, *[(owner, "a.pdf", data) for owner, data in documents.items()])
    work = list(zip(documents, refs, strict=True)) * 10
    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(lambda one: store.read_kept(one[0], "a.pdf", one[1]), work))
    assert read == list(documents.values()) * 10


def test_no_descriptor_stays_open(vault: Vault, store: DocumentStore, path: Path) -> None:
    (ref,) = write(vault, path, (OWNER, "a.pdf", b"one"))
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        store.read_kept(OWNER, "a.pdf", ref)
        code_of(lambda: store.read_kept(OWNER, "b.pdf", ref))
    assert len(os.listdir("/proc/self/fd")) == before


def test_no_repr_shows_a_name_or_a_key(vault: Vault, store: DocumentStore, path: Path) -> None:
    (ref,) = write(vault, path, (OWNER, "Testesen.pdf", b"one"))
    sent = consignment(b"one", ref, name="Testesen.pdf")
    shown = f"{store!r} {ref!r} {sent!r}"
    assert "Testesen" not in shown
    assert ref.wrapped_key.hex() not in shown and repr(ref.wrapped_key)[2:-1] not in shown
