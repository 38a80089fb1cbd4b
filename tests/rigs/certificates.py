"""Certificates for tests: a full set of good and bad ones, made once for a run."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from eboks.simulator.certificates import CertificateFolder, make_certificates

SYSTEM_ID = 1234
"""The sender system the good certificate is bound to."""
OTHER_SYSTEM_ID = 4321


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> CertificateFolder:
    """A set valid by the machine's clock, which is the one TLS asks."""
    folder: Path = tmp_path_factory.mktemp("certificates")
    return make_certificates(folder, datetime.now(UTC))
