"""MitID's side of the portal against an OpenID provider that is not ours: oidc-provider-mock, on loopback."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.util import find_spec
from urllib.parse import urlsplit

import httpx
import pytest

from eboks.simulator import person
from routing.portal.mitid import MitId
from schemas.portal_proof_settings import PortalMitId
from tests.rigs.components import require_component
from tests.rigs.outsiders import secret_file
from tests.rigs.portal_sites import Log, Visitor, site_of
from tests.rigs.portals import TITLE, Clock, PortalBench

RIGHT = person("valid").number
OTHER = person("same_name_1").number
LEVEL = "https://level.example/substantial"
# The provider is behind its own libraries; what it uses of them is not ours to mend.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def bench(tmp_path) -> Iterator[PortalBench]:
    """A portal on the machine's own time, as the provider is."""
    made = PortalBench(tmp_path / "portal", clock=Clock(datetime.now(UTC)))
    yield made
    made.close()


@pytest.fixture
def issuer() -> Iterator[str]:
    require_component("oidc-provider-mock", find_spec("oidc_provider_mock") is not None, "make dev")
    import authlib.deprecate  # noqa: F401  (sets a filter of its own, which ours must come after)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from oidc_provider_mock import User, run_server_in_thread

    users = [
        User(sub="right", claims={"dk.cpr": RIGHT, "acr": LEVEL}),
        User(sub="other", claims={"dk.cpr": OTHER, "acr": LEVEL}),
        User(sub="weak", claims={"dk.cpr": RIGHT, "acr": "low"}),
    ]
    with run_server_in_thread(require_nonce=True, user_claims=users) as server:
        yield f"http://localhost:{server.server_port}"


@pytest.mark.parametrize("secret_in", ["header", "form"])
@pytest.mark.parametrize(
    ("subject", "status", "codes"),
    [("right", 303, []), ("other", 403, []), ("weak", 403, ["portal.login_too_weak"])],
)
def test_a_login_at_a_provider_of_others(bench, issuer, tmp_path, subject, status, codes, secret_in):
    bench.send(bench.consignment(material="mitid"))
    settings = PortalMitId(
        issuer=issuer,
        client_id="portal",
        client_secret=secret_file(tmp_path, "secret", "anything"),
        secret_in=secret_in,
        levels=(LEVEL,),
        userinfo=True,
    )
    log = Log()
    method = MitId(settings, bench.clock, simulated=True)
    visitor = Visitor(bench, site_of(bench, methods={"mitid": method}, log=log))
    visitor.get(f"/b/{bench.token()}")
    away = visitor.submit("/videre").headers["location"]
    answer = httpx.post(away, data={"sub": subject}, trust_env=False)
    assert answer.status_code == 302, answer.text
    back = urlsplit(answer.headers["location"])
    assert visitor.get(f"{back.path}?{back.query}").status_code == status
    assert [line.get("code") for line in log.lines] == codes
    if status == 303:
        assert TITLE in visitor.follow().text
    again = visitor.get(f"{back.path}?{back.query}")
    assert again.status_code == 403 and TITLE not in again.text
