"""Builds the identity methods that rely on somebody outside: MitID and SMS, where the settings have them.

Relies on `mitid` and `sms_code`, which are loaded only then. Calls nobody.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from routing.portal.identity import AnyMethod
    from routing.portal.keys import Secret
    from routing.portal.store import PortalStore
    from schemas.portal_settings import PortalChannel


def proofs_by_others(
    settings: PortalChannel, store: PortalStore, key: Secret, *, simulated: bool
) -> dict[str, AnyMethod]:
    """Returns the methods by name.

    Raises ConfigurationError for an address that may not be called and for a secret that can't be read: at
    the start, and not to the first visitor.
    """
    made: dict[str, AnyMethod] = {}
    if settings.mitid is not None:
        from routing.portal.mitid import MitId
        from routing.portal.outward import read_secret

        read_secret(settings.mitid.client_secret or settings.mitid.client_key or Path())
        made["mitid"] = MitId(settings.mitid, store.now, simulated=simulated)
    if settings.sms is not None:
        from routing.portal.outward import read_token
        from routing.portal.rations import DailyRation
        from routing.portal.sms_code import SmsCode

        read_token(settings.sms.token)
        made["sms"] = SmsCode(
            settings.sms,
            lambda source: settings.brand(source).name,
            urlsplit(settings.url).hostname or "",
            DailyRation(store.database, key, store.now),
            simulated=simulated,
        )
    return made
