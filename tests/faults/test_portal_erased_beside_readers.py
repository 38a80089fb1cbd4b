"""A parcel is ended while a portal has the database open: nothing of it is left, also not in the log."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from routing.portal.packing import contact_of
from routing.portal.parcels import Parcel, ParcelState
from tests.rigs.portals import PortalBench


@pytest.fixture
def bench(tmp_path):
    made = PortalBench(tmp_path / "portal")
    yield made
    made.close()


def _revoke(bench: PortalBench, parcel: Parcel) -> None:
    assert bench.store.parcels.end(parcel.id, ParcelState.REVOKED)


def _bounce(bench: PortalBench, parcel: Parcel) -> None:
    assert bench.channel().bounced(parcel.message_id)


def _renew(bench: PortalBench, parcel: Parcel) -> None:
    channel, letter = bench.channel(), bench.consignment()
    assert channel.renew(parcel, letter, contact_of(letter, bench.rules["brev"])) is not None


@pytest.mark.parametrize("act", [_revoke, _bounce, _renew])
def test_what_is_destroyed_is_in_no_file_though_others_read(
    bench, act: Callable[[PortalBench, Parcel], None]
):
    parcel = bench.send(bench.consignment())
    chunk = next(iter(bench.store.parcels.chunks(parcel.id, 0)))
    secrets = (parcel.wrapped_key, parcel.envelope, chunk[:64])
    portal = bench.open_store()  # the portal's process, which keeps its connections
    assert portal.parcels.by_id(parcel.id) is not None
    assert all(secret in _files_of(bench) for secret in secrets)
    act(bench, parcel)
    assert [secret for secret in secrets if secret in _files_of(bench)] == []
    portal.close()


def _files_of(bench: PortalBench) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(bench.folder.glob("portal.db*")))
