"""MitID's side of the portal against an OpenID provider that is not ours: oidc-provider-mock, on loopback."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any
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


def registered(issuer: str, folder: Path, **more: Any) -> PortalMitId:
    """The portal as a client of the provider."""
    secret = secret_file(folder, "secret", "anything")
    return PortalMitId(
        issuer=issuer, client_id="portal", client_secret=secret, levels=(LEVEL,), userinfo=True, **more
    )


def logged_in(away: str, subject: str) -> str:
    """Logs in at the provider; returns the path that it sends the browser back to."""
    answer = httpx.post(away, data={"sub": subject}, trust_env=False)
    assert answer.status_code == 302, answer.text
    back = urlsplit(answer.headers["location"])
    return f"{back.path}?{back.query}"


@pytest.mark.parametrize("secret_in", ["header", "form"])
@pytest.mark.parametrize(
    ("subject", "status", "codes"),
    [("right", 303, []), ("other", 403, []), ("weak", 403, ["portal.login_too_weak"])],
)
def test_a_login_at_a_provider_of_others(bench, issuer, tmp_path, subject, status, codes, secret_in):
    bench.send(bench.consignment(material="mitid"))
    log = Log()
    method = MitId(registered(issuer, tmp_path, secret_in=secret_in), bench.clock, simulated=True)
    visitor = Visitor(bench, site_of(bench, methods={"mitid": method}, log=log))
    visitor.get(f"/b/{bench.token()}")
    back = logged_in(visitor.submit("/videre").headers["location"], subject)
    assert visitor.get(back).status_code == status
    assert [line.get("code") for line in log.lines] == codes
    if status == 303:
        assert TITLE in visitor.follow().text
    again = visitor.get(back)
    assert again.status_code == 403 and TITLE not in again.text


def test_a_token_with_another_nonce_is_refused(bench, issuer, tmp_path):
    """Somebody between browser and provider has changed it: the token was made for another login."""
    bench.send(bench.consignment(material="mitid"))
    log = Log()
    method = MitId(registered(issuer, tmp_path), bench.clock, simulated=True)
    visitor = Visitor(bench, site_of(bench, methods={"mitid": method}, log=log))
    visitor.get(f"/b/{bench.token()}")
    away = visitor.submit("/videre").headers["location"]
    changed = str(httpx.URL(away).copy_set_param("nonce", "another"))
    assert changed != away
    answer = visitor.get(logged_in(changed, "right"))
    assert (answer.status_code, [line.get("code") for line in log.lines]) == (503, ["portal.id_token_unfit"])
    assert TITLE not in answer.text


def test_a_token_whose_time_is_over_is_refused(bench, issuer, tmp_path):
    """The provider's clock is a day behind the portal's."""
    bench.send(bench.consignment(material="mitid"))
    log, tomorrow = Log(), Clock(datetime.now(UTC) + timedelta(days=1))
    method = MitId(registered(issuer, tmp_path), tomorrow, simulated=True)
    visitor = Visitor(bench, site_of(bench, methods={"mitid": method}, log=log))
    visitor.get(f"/b/{bench.token()}")
    answer = visitor.get(logged_in(visitor.submit("/videre").headers["location"], "right"))
    assert (answer.status_code, [line.get("code") for line in log.lines]) == (503, ["portal.id_token_unfit"])
    assert TITLE not in answer.text


def test_a_state_of_another_browser_or_of_a_former_login_is_refused(bench, issuer, tmp_path):
    bench.send(bench.consignment(material="mitid"))
    method = MitId(registered(issuer, tmp_path), bench.clock, simulated=True)
    site = site_of(bench, methods={"mitid": method})
    first, second = Visitor(bench, site), Visitor(bench, site)
    backs = []
    for visitor in (first, second):
        visitor.get(f"/b/{bench.token()}")
        backs.append(logged_in(visitor.submit("/videre").headers["location"], "right"))
    assert second.get(backs[0]).status_code == 403
    former = httpx.URL(backs[0]).params["state"]
    mixed = str(httpx.URL(backs[1]).copy_set_param("state", former))
    assert second.get(mixed).status_code == 403
    assert second.get(backs[1]).status_code == 303
