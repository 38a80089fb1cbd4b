"""Asks e-Boks one harmless question over a sender's channel: whether the sender itself gets the material.

The answer does not matter; that there is one shows that certificate, system id and content type belong
together at e-Boks. Relies on the channel's own look-up, over a trial house. Sends nothing.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path

from jobs.house import Clock, House
from jobs.onboarding.checks import Check, fault, good
from jobs.onboarding.trial_house import trial_house, trial_settings
from schemas.consignments import Consignment, Recipient
from schemas.eboks_settings import EboksMaterial
from schemas.errors import Coded
from schemas.identity import Cvr
from schemas.settings import MaterialSettings, Settings


def ask_registration(
    settings: Settings, sender: str, channel: str, materials: Sequence[str], cvr: str, now: Clock
) -> list[Check]:
    """Returns the verdict for each material that has a number at e-Boks."""
    numbers = {
        name: one.eboks.content_type_id
        for name, one in settings.materials.items()
        if name in materials and one.eboks is not None
    }
    asked = {
        name: MaterialSettings(eboks=EboksMaterial(content_type_id=number), channels=(channel,))
        for name, number in numbers.items()
    }
    with tempfile.TemporaryDirectory(prefix="brevdue-onboard-") as folder:
        probing = settings.model_copy(update={"materials": asked})
        trial = trial_settings(probing, Path(folder), sender, channel, {})
        with trial_house(trial, now) as house:
            return asyncio.run(_ask(house, sender, channel, list(numbers), cvr))


async def _ask(house: House, sender: str, channel: str, materials: Sequence[str], cvr: str) -> list[Check]:
    try:
        return [await _ask_one(house, sender, channel, name, cvr) for name in materials]
    finally:
        await house.close_channels()


async def _ask_one(house: House, sender: str, channel: str, material: str, cvr: str) -> Check:
    consignment = Consignment(
        id="onboarding",
        batch_id="onboarding",
        source=sender,
        line=0,
        material=material,
        recipient=Recipient(Cvr.parse(cvr)),
        title="",
        documents=(),
        seed="",
        route=(channel,),
    )
    subject = f"{channel}: {material}"
    try:
        await house.channel(channel).reaches(consignment)
    except Coded as error:
        return fault("connection.registration", error, subject)
    return good("connection.registration", subject)
